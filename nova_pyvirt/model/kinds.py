# SPDX-License-Identifier: Apache-2.0
"""Kinds of values in XML: how each is read and written, and what libvirt says of a bad one."""

import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model import cpuset

_NUMBER = re.compile(r"\s*[+]?0*([0-9]{1,20})\Z")
_SIGNED = re.compile(r"\s*([+-]?)0*([0-9]{1,20})\Z")
_HEX = re.compile(r"\s*[+]?0[xX]0*([0-9a-fA-F]{1,16})\Z")
_BARE_HEX = re.compile(r"\s*[+]?(?:0[xX])?0*([0-9a-fA-F]{1,16})\Z")
_OCTAL = re.compile(r"\s*[+]?0+([0-7]{1,22})\Z")
_UUID = re.compile(r"\s*(?:[- ]*[0-9a-fA-F]{2}){16}\s*\Z")


def local(tag: str) -> str:
    """A tag without its namespace."""
    return tag.rpartition("}")[2]


def uuid(text: str) -> str | None:
    """A uuid as libvirt writes it, of sixteen pairs of digits with "-" and " " anywhere between;
    None for anything else (virUUIDParse)."""
    if _UUID.match(text) is None:
        return None
    digits = "".join(c for c in text.lower() if c.isalnum())
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def invalid(value: str, attribute: str, element: str, expected: str = "") -> errors.libvirtError:
    """libvirt's error for an attribute that can't be."""
    where = f"attribute '{attribute}' in element '{local(element)}'"
    text = f"Invalid value for {where}: '{value}'."
    return errors.error(Code.XML_ERROR, text + expected, domain=From.XML)


def missing(attribute: str, element: str) -> errors.libvirtError:
    """libvirt's error for a required attribute that isn't there."""
    text = f"Missing required attribute '{attribute}' in element '{local(element)}'"
    return errors.error(Code.XML_ERROR, text, domain=From.XML)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What libvirt says where it says more than that a value is wrong."""

    detail: str
    code: Code = Code.XML_ERROR
    domain: From = From.DOMAIN

    def error(self) -> errors.libvirtError:
        """The error, to be raised."""
        return errors.error(self.code, self.detail, domain=self.domain)


def lacking(place: str) -> errors.libvirtError:
    """libvirt's error for a size that must be there (virParseScaledValue)."""
    detail = f"missing element or attribute '{place}'"
    return errors.error(Code.XML_ERROR, detail, domain=From.XML)


class Kind:
    """Text as it is."""

    def parse(self, text: str, attribute: str, element: str) -> Any:
        """:raises libvirtError: XML_ERROR"""
        return text

    def parse_node(self, node: etree._Element) -> Any:
        """The value of an element's text."""
        return self.parse(node.text or "", node.tag, node.tag)

    def format(self, value: Any) -> str:
        """The text of a value."""
        return str(value)

    def format_attributes(self, value: Any) -> list[tuple[str, str]]:
        """Attributes that go with a value written as text."""
        return []


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
        if self.base == 0:
            if match := _HEX.match(text):
                return int(match[1], 16)
            if match := _OCTAL.match(text):
                return int(match[1], 8)
        match = _NUMBER.match(text)
        return int(match[1]) if match else None


class Count(UInt):
    """An unsigned number; 0 is as if it were not there."""

    def parse(self, text: str, attribute: str, element: str) -> Any:
        return super().parse(text, attribute, element) or None


class Positive(UInt):
    """An unsigned number that isn't 0."""

    def parse(self, text: str, attribute: str, element: str) -> int:
        number = super().parse(text, attribute, element)
        if not number:
            where = f"Invalid value for attribute '{attribute}' in element '{local(element)}'"
            raise errors.error(Code.XML_ERROR, f"{where}: Zero is not permitted", domain=From.XML)
        return number


class Int(Kind):
    """A signed number of 32 or 64 bits; of any base when that is 0."""

    def __init__(self, bits: int = 32, base: int = 10) -> None:
        self.limit, self.base = 1 << (bits - 1), base

    def _number(self, text: str) -> int:
        if self.base == 0 and (match := _HEX.match(text)):
            return int(match[1], 16)
        if self.base == 0 and (match := _OCTAL.match(text)):
            return int(match[1], 8)
        match = _SIGNED.match(text)
        return int(match[1] + match[2]) if match else self.limit

    def parse(self, text: str, attribute: str, element: str) -> int:
        number = self._number(text)
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


class HexCount(Hex, Count):
    """The same; 0 is as if it were not there."""


class Hexadecimal(HexCount):
    """The same, hexadecimal even without "0x"."""

    def _number(self, text: str) -> int | None:
        match = _BARE_HEX.match(text)
        return int(match[1], 16) if match else None


class PositiveHex(Hex, Positive):
    """The same, not 0."""


class CPUSet(Kind):
    """A set of numbers as libvirt writes it: "1-3,6"."""

    def parse(self, text: str, attribute: str, element: str) -> str:
        return cpuset.normal(text)


class FullSet(CPUSet):
    """The same, never empty."""

    def parse(self, text: str, attribute: str, element: str) -> str:
        found = super().parse(text, attribute, element)
        if not found:
            detail = f"Invalid value of '{attribute}': {text}"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)
        return found


class Value(Kind):
    """Any kind with an error of its own; what is wrong goes at ``%s``."""

    def __init__(
        self, detail: str, kind: Kind, code: Code = Code.XML_ERROR, domain: From = From.DOMAIN
    ) -> None:
        self.detail, self.kind, self.code, self.domain = detail, kind, code, domain

    def parse(self, text: str, attribute: str, element: str) -> Any:
        try:
            return self.kind.parse(text, attribute, element)
        except errors.libvirtError:
            detail = self.detail.replace("%s", text)
            raise errors.error(self.code, detail, domain=self.domain) from None

    def format(self, value: Any) -> str:
        return self.kind.format(value)


class Word(Kind):
    """One of some words, with an error of its own; the word goes at ``%s``."""

    def __init__(
        self,
        detail: str,
        *words: str,
        code: Code = Code.CONFIG_UNSUPPORTED,
        domain: From = From.DOMAIN,
    ) -> None:
        self.detail, self.words, self.code, self.domain = detail, frozenset(words), code, domain

    def parse(self, text: str, attribute: str, element: str) -> str:
        if text not in self.words:
            raise errors.error(self.code, self.detail.replace("%s", text), domain=self.domain)
        return text


class Natural(Int):
    """A signed number of which only 0 and up will do; the two errors differ."""

    def parse(self, text: str, attribute: str, element: str) -> int:
        number = super().parse(text, attribute, element)
        if number < 0:
            raise invalid(text, attribute, element, " Expected non-negative value")
        return number


class Loose(Kind):
    """Any kind; what is wrong is as if it were not there."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def parse(self, text: str, attribute: str, element: str) -> Any:
        try:
            return self.kind.parse(text, attribute, element)
        except errors.libvirtError:
            return None

    def format(self, value: Any) -> str:
        return self.kind.format(value)


class Yes(Kind):
    """True for "yes", False for whatever else."""

    def parse(self, text: str, attribute: str, element: str) -> bool:
        return text == "yes"

    def format(self, value: bool) -> str:
        return "yes" if value else "no"


TEXT = Kind()
CPUSET = CPUSet()
NODESET = PINSET = FullSet()
YES_NO = Bool("yes", "no")
ON_OFF = Bool("on", "off")
YES = Yes()


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
    :param place: what errors call the element, an XPath in libvirt's spelling
    """

    def __init__(self, unit: str = "KiB", place: str = "./%s[1]") -> None:
        self.unit, self.place = unit, place

    def parse_node(self, node: etree._Element) -> int:
        return to_kib(self._number(node), node.get("unit") or self.unit)

    def _number(self, node: etree._Element) -> int:
        return scaled(node.text or "", self.place.replace("%s", str(node.tag)))

    def format(self, value: int) -> str:
        return str(value)

    def format_attributes(self, value: int) -> list[tuple[str, str]]:
        return [("unit", "KiB")]


class Scaled(UInt):
    """A number whose unit is another attribute's (virParseScaledValue)."""

    def __init__(self, place: str) -> None:
        super().__init__(64)
        self.place = place

    def parse(self, text: str, attribute: str, element: str) -> int:
        return scaled(text, self.place)


def scaled(text: str, place: str) -> int:
    """The number of a size without its unit.

    :param place: what errors call the element or attribute
    :raises libvirtError: XML_ERROR
    """
    match = _NUMBER.match(text)
    number = int(match[1]) if match else 1 << 64
    if number >> 64:
        detail = f"Invalid value '{text}' for element or attribute '{place}'"
        raise errors.error(Code.XML_ERROR, detail, domain=From.XML)
    return number


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
