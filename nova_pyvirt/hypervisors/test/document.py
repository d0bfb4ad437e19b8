# SPDX-License-Identifier: Apache-2.0
"""The XML documents of the in-memory objects: parsed safely, kept as a tree, printed as libvirt
does.
"""

import copy
import uuid as uuidlib
from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from lxml import etree

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.model import document

_POWERS: Final = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}
_UNITS: Final[dict[str, int]] = {"b": 1, "byte": 1, "bytes": 1} | {
    letter + tail: (1000 if tail == "b" else 1024) ** power
    for letter, power in _POWERS.items()
    for tail in ("", "b", "ib")
}


class Document:
    """One definition.

    :ivar root: the tree; callers change it only under the driver's lock
    """

    def __init__(self, root: etree._Element) -> None:
        self.root = root

    @classmethod
    def parse(cls, xml: str, kind: str, domain: From, *, named: bool = True) -> "Document":
        """Reads a document whose root is `kind`.

        :param domain: the part of libvirt that errors come from
        :param named: it must have a name
        :raises libvirtError: XML_DETAIL, XML_ERROR, NO_NAME
        """
        root = document.load(xml, kind, name=f"({kind}_definition)", domain=domain)
        made = cls(root)
        if named and not made.text("name").strip():
            raise error(Code.NO_NAME, domain=domain)
        return made

    def copy(self) -> "Document":
        return Document(copy.deepcopy(self.root))

    def text(self, path: str, default: str = "") -> str:
        found = self.root.findtext(path)
        return default if found is None else found

    def set_text(self, path: str, value: str, after: str) -> None:
        """Sets a child's text; a new one goes behind `after`."""
        found = self.root.find(path)
        if found is None:
            found = etree.Element(path)
            before = self.root.find(after)
            index = 0 if before is None else self.root.index(before) + 1
            self.root.insert(index, found)
        found.text = value

    @property
    def name(self) -> str:
        """The object's name; raises NO_NAME."""
        found = self.text("name").strip() or self.root.get("name", "")
        if not found:
            raise error(Code.NO_NAME, domain=From.TEST)
        return found

    @property
    def uuid(self) -> bytes:
        """The object's UUID, made up and kept when it has none; raises INTERNAL_ERROR."""
        found = self.text("uuid").strip()
        if not found:
            made = uuidlib.uuid4()
            self.set_text("uuid", str(made), "name")
            return made.bytes
        try:
            return uuidlib.UUID(found).bytes
        except ValueError as exc:
            raise error(Code.INTERNAL_ERROR, "malformed uuid element", domain=From.TEST) from exc

    def bytes(self, path: str) -> int:
        """A size, 0 when missing; bytes unless it says its unit.

        :raises libvirtError: XML_ERROR, INVALID_ARG for an unknown unit
        """
        found = self.root.find(path)
        if found is None:
            return 0
        text = (found.text or "").strip()
        if not text.isdigit():
            detail = f"malformed {path} element"
            raise error(Code.XML_ERROR, detail, domain=From.STORAGE)
        unit = found.get("unit", "bytes").lower()
        factor = _UNITS.get(unit)
        if factor is None:
            raise error(Code.INVALID_ARG, f"unknown suffix '{unit}'", domain=From.NONE)
        return int(text) * int(factor)

    def format(self, **attributes: str) -> str:
        """The document, with attributes on its root."""
        return "".join(_lines(self.root, 0, attributes))


def _attribute(value: str) -> str:
    return escape(value, {"'": "&apos;", '"': "&quot;"})


def _lines(element: etree._Element, depth: int, more: dict[str, str]) -> Iterator[str]:
    """An element's lines, attributes in single quotes, two blanks a level."""
    space = "  " * depth
    tag = element.tag
    if not isinstance(tag, str):  # comments are not kept
        return
    attributes = {str(k): str(v) for k, v in element.attrib.items()} | more
    head = space + f"<{_qualified(element)}{_namespaces(element)}"
    head += "".join(f" {k}='{_attribute(str(v))}'" for k, v in attributes.items())
    text = element.text or ""
    if len(element):
        yield f"{head}>\n"
        for child in element:
            yield from _lines(child, depth + 1, {})
        yield f"{space}</{_qualified(element)}>\n"
    elif text.isspace():  # an element that is shown though it is empty
        yield f"{head}>\n{space}</{_qualified(element)}>\n"
    elif text:
        yield f"{head}>{escape(text)}</{_qualified(element)}>\n"
    else:
        yield f"{head}/>\n"


def _qualified(element: etree._Element) -> str:
    name = etree.QName(element).localname
    return f"{element.prefix}:{name}" if element.prefix else name


def _namespaces(element: etree._Element) -> str:
    """Declarations that the parent doesn't have."""
    parent = element.getparent()
    known = {} if parent is None else parent.nsmap
    made = ""
    for prefix, uri in element.nsmap.items():
        if known.get(prefix) != uri:
            made += f" xmlns{':' + prefix if prefix else ''}='{_attribute(uri)}'"
    return made


def place(root: etree._Element, order: Sequence[str]) -> None:
    """Puts an element's children in libvirt's order; those it doesn't name come last."""
    ranks = {tag: rank for rank, tag in enumerate(order)}
    children = sorted(root, key=lambda node: ranks.get(str(node.tag), len(order)))
    for node in children:
        root.append(node)
