# SPDX-License-Identifier: Apache-2.0
"""The XML documents of the in-memory objects: parsed safely, kept as a tree, printed as libvirt
does.
"""

import copy
import uuid as uuidlib
from collections.abc import Iterator
from typing import Any, Final
from xml.sax.saxutils import escape

from lxml import etree

from nova_pyvirt.errors import Code, From, error

MAX_BYTES: Final = 4 * 1024 * 1024
_UNITS: Final = {"b": 1, "bytes": 1, "k": 1024, "kib": 1024, "m": 1024**2, "mib": 1024**2}
_UNITS_LARGE: Final = {"g": 1024**3, "gib": 1024**3, "t": 1024**4, "tib": 1024**4, "kb": 1000}


class Document:
    """One definition.

    :ivar root: the tree; callers change it only under the driver's lock
    """

    def __init__(self, root: etree._Element) -> None:
        self.root = root

    @classmethod
    def parse(cls, xml: str, kind: str) -> "Document":
        """Reads a document whose root is `kind`; raises XML_DETAIL or XML_ERROR."""
        if len(xml) > MAX_BYTES:
            raise error(Code.XML_ERROR, "document too large", domain=From.TEST)
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=True
        )
        try:
            root = etree.fromstring(xml.encode(), parser)
        except etree.XMLSyntaxError as exc:
            raise error(Code.XML_DETAIL, f"(definition):{exc.msg}", domain=From.XML) from exc
        info: Any = root.getroottree().docinfo
        if info.doctype:
            raise error(Code.XML_ERROR, "a DOCTYPE is not allowed", domain=From.XML)
        if root.tag != kind:
            text = f"unexpected root element <{root.tag}>, expecting <{kind}>"
            raise error(Code.XML_ERROR, text, domain=From.XML)
        return cls(root)

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

    def kib(self, path: str) -> int:
        """A size in KiB, 0 when missing; raises XML_ERROR."""
        found = self.root.find(path)
        if found is None:
            return 0
        unit = found.get("unit", "KiB").lower()
        factor = _UNITS.get(unit) or _UNITS_LARGE.get(unit)
        text = (found.text or "").strip()
        if factor is None or not text.isdigit():
            detail = f"Invalid value '{text}' for element or attribute './{path}'"
            raise error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        return -(-int(text) * factor // 1024)

    def number(self, path: str, default: int) -> int:
        """A positive number; raises XML_ERROR."""
        text = self.text(path).strip()
        if not text:
            return default
        if not text.isdigit() or int(text) > 0xFFFFFFFF:
            detail = f"Invalid value '{text}' for element or attribute '{path}'"
            raise error(Code.XML_ERROR, detail, domain=From.XML)
        return int(text)

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
