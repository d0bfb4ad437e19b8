# SPDX-License-Identifier: Apache-2.0
"""Kinds of values in XML: how each is read and written, and what libvirt says of a bad one."""

import re
from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model import cpuset

_NUMBER = re.compile(r"\s*[+]?0*([0-9]{1,20})\Z")
_SIGNED = re.compile(r"\s*([+-]?)0*([0-9]{1,20})\Z")
_HEX = re.compile(r"\s*0[xX]0*([0-9a-fA-F]{1,16})\Z")


def invalid(value: str, attribute: str, element: str, expected: str = "") -> errors.libvirtError:
    """libvirt's error for an attribute that can't be."""
    text = f"Invalid value for attribute '{attribute}' in element '{element}': '{value}'."
    return errors.error(Code.XML_ERROR, text + expected, domain=From.XML)


def missing(attribute: str, element: str) -> errors.libvirtError:
    """libvirt's error for a required attribute that isn't there."""
    text = f"Missing required attribute '{attribute}' in element '{element}'"
    return errors.error(Code.XML_ERROR, text, domain=From.XML)


class Kind:
    """Text as it is."""

    def parse(self, text: str, attribute: str, element: str) -> Any:
        """:raises libvirtError: XML_ERROR"""
        return text

    def parse_node(self, node: etree._Element) -> Any:
        """The value of an element's text."""
        return self.parse((node.text or "").strip(), node.tag, node.tag)

    def format(self, value: Any) -> str:
        return str(value)

    def format_attributes(self, value: Any) -> list[tuple[str, str]]:
        """Attributes that go with a value written as text."""
        return []


class Verbatim(Kind):
    """Text with its white space."""

    def parse_node(self, node: etree._Element) -> Any:
        return node.text or ""


class Enum(Kind):
    """One of some words."""

    def __init__(self, *words: str) -> None:
        self.words = frozenset(words)

    def parse(self, text: str, attribute: str, element: str) -> str:
        if text not in self.words:
            raise invalid(text, attribute, element)
        return text


class Bool(Kind):
    """Two words for True and False."""

    def __init__(self, true: str, false: str) -> None:
        self.true, self.false = true, false

    def parse(self, text: str, attribute: str, element: str) -> bool:
        if text not in (self.true, self.false):
            raise invalid(text, attribute, element)
        return text == self.true

    def format(self, value: bool) -> str:
        return self.true if value else self.false


class UInt(Kind):
    """An unsigned number; negatives are refused, not wrapped (libvirt wraps some)."""

    def __init__(self, bits: int = 32, base: int = 10) -> None:
        self.top, self.base = (1 << bits) - 1, base

    def parse(self, text: str, attribute: str, element: str) -> int:
        number = self._number(text)
        if number is None or number > self.top:
            raise invalid(text, attribute, element, " Expected non-negative integer value")
        return number

    def _number(self, text: str) -> int | None:
        if self.base == 0 and (match := _HEX.match(text)):
            return int(match[1], 16)
        match = _NUMBER.match(text)
        return int(match[1]) if match else None


class Int(Kind):
    """A signed number of 32 or 64 bits."""

    def __init__(self, bits: int = 32) -> None:
        self.limit = 1 << (bits - 1)

    def parse(self, text: str, attribute: str, element: str) -> int:
        match = _SIGNED.match(text)
        number = int(match[1] + match[2]) if match else self.limit
        if not -self.limit <= number < self.limit:
            raise invalid(text, attribute, element, " Expected integer value")
        return number


class Hex(UInt):
    """A number written in hexadecimal with some digits; read in any base."""

    def __init__(self, digits: int, bits: int = 32) -> None:
        super().__init__(bits, base=0)
        self.digits = digits

    def format(self, value: int) -> str:
        return f"0x{value:0{self.digits}x}"


class CPUSet(Kind):
    """A set of numbers as libvirt writes it: "1-3,6"."""

    def parse(self, text: str, attribute: str, element: str) -> str:
        return cpuset.normal(text)


class NodeSet(CPUSet):
    """The same, of NUMA nodes; never empty."""

    def parse(self, text: str, attribute: str, element: str) -> str:
        found = super().parse(text, attribute, element)
        if not found:
            detail = f"Invalid value of 'nodeset': {text}"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)
        return found


class Value(Kind):
    """The text of an element that must be a number; `kind` reads it, the error names the element."""

    def __init__(self, detail: str, kind: Kind, code: Code = Code.XML_ERROR) -> None:
        self.detail, self.kind, self.code = detail, kind, code

    def parse(self, text: str, attribute: str, element: str) -> Any:
        try:
            return self.kind.parse(text, attribute, element)
        except errors.libvirtError:
            detail = self.detail.replace("%s", text)
            raise errors.error(self.code, detail, domain=From.DOMAIN) from None


class Word(Kind):
    """One of some words, with an error of its own; the word goes at ``%s``."""

    def __init__(self, detail: str, *words: str, code: Code = Code.INTERNAL_ERROR) -> None:
        self.detail, self.words, self.code = detail, frozenset(words), code

    def parse(self, text: str, attribute: str, element: str) -> str:
        if text not in self.words:
            raise errors.error(self.code, self.detail.replace("%s", text), domain=From.DOMAIN)
        return text


TEXT = Kind()
CPUSET = CPUSet()
NODESET = NodeSet()
VERBATIM = Verbatim()
YES_NO = Bool("yes", "no")
ON_OFF = Bool("on", "off")


def enum(*words: str) -> Enum:
    """One of the words."""
    return Enum(*words)


def uint(bits: int = 32) -> UInt:
    """An unsigned number."""
    return UInt(bits)


#: unit -> bytes (virScaleInteger)
UNITS = {
    "b": 1, "byte": 1, "bytes": 1,
    "kb": 1000, "k": 1024, "kib": 1024,
    "mb": 1000**2, "m": 1024**2, "mib": 1024**2,
    "gb": 1000**3, "g": 1024**3, "gib": 1024**3,
    "tb": 1000**4, "t": 1024**4, "tib": 1024**4,
    "pb": 1000**5, "p": 1024**5, "pib": 1024**5,
    "eb": 1000**6, "e": 1024**6, "eib": 1024**6,
}  # fmt: skip


class Memory(Kind):
    """A text in KiB with a unit beside it (<memory unit='KiB'>): the value is KiB, rounded up.

    :param unit: what a number without unit is
    """

    def __init__(self, unit: str = "KiB") -> None:
        self.unit = unit

    def parse_node(self, node: etree._Element) -> int:
        text = (node.text or "").strip()
        match = _NUMBER.match(text)
        if match is None:
            detail = f"Invalid value '{text}' for element or attribute './{node.tag}[1]'"
            raise errors.error(Code.XML_ERROR, detail, domain=From.XML)
        return to_kib(int(match[1]), node.get("unit") or self.unit)

    def format(self, value: int) -> str:
        return str(value)

    def format_attributes(self, value: int) -> list[tuple[str, str]]:
        return [("unit", "KiB")]


MEMORY = Memory()


def to_kib(number: int, unit: str) -> int:
    """KiB, rounded up.

    :raises libvirtError: INVALID_ARG for an unknown unit, OVERFLOW beyond 2^63 bytes
    """
    return -(-to_bytes(number, unit) // 1024)


def to_bytes(number: int, unit: str) -> int:
    """Bytes.

    :raises libvirtError: INVALID_ARG for an unknown unit, OVERFLOW beyond 2^63 bytes
    """
    scale = UNITS.get(unit.lower())
    if scale is None:
        raise errors.error(Code.INVALID_ARG, f"unknown suffix '{unit}'", domain=From.NONE)
    size = number * scale
    if size >= 1 << 63:
        raise errors.error(Code.OVERFLOW, f"value too large: {number}{unit}", domain=From.NONE)
    return size
