# SPDX-License-Identifier: Apache-2.0
"""Loading XML from anybody: bounded, without files or network, entity bombs refused."""

import re
from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From

MAX_SIZE = 4 << 20
#: levels of elements; a backing chain needs one a layer
MAX_DEPTH = 128
#: of one element; reading them all takes time that grows with the square of their number
MAX_ATTRIBUTES = 1000
#: characters that all entities of a document together may grow to
MAX_EXPANSION = 64 << 10

#: internal entities are expanded within libxml2's limits; nothing outside the document is read
_OPTIONS: dict[str, Any] = {
    "resolve_entities": "internal",
    "no_network": True,
    "load_dtd": False,
    "remove_blank_text": True,
    "remove_comments": True,
    "remove_pis": True,
    "huge_tree": False,
}
_LENIENT = _OPTIONS | {"resolve_entities": False, "recover": True}
_REFERENCE = re.compile(r"&([^;&#]+);")
_TOO_WIDE = etree.XPath(f"boolean(//*[count(@*) > {MAX_ATTRIBUTES}])")
_TOO_DEEP = etree.XPath(f"boolean(//*[count(ancestor::*) >= {MAX_DEPTH}])")


def load(
    xml: str | bytes,
    root: str | None,
    *,
    name: str = "(domain_definition)",
    domain: From = From.DOMAIN,
) -> etree._Element:
    """The root element of a document.

    :param root: the tag it must have, None = any
    :param name: what errors call the document, and
    :param domain: the part of libvirt they come from
    :raises libvirtError: XML_DETAIL for what isn't XML, XML_ERROR for another root or too much
    """
    try:
        data = xml.encode() if isinstance(xml, str) else xml
    except UnicodeEncodeError as exc:
        raise errors.error(Code.XML_ERROR, f"not UTF-8: {exc.reason}", domain=From.XML) from exc
    if len(data) > MAX_SIZE:
        raise errors.error(Code.XML_ERROR, "document exceeds 4 MiB", domain=From.XML)
    if data.count(b"=") > MAX_ATTRIBUTES and _looks_wide(data):
        raise _too_wide()
    node = _parse(data, name, domain)
    if root is not None and node.tag != root:
        detail = f"expecting root element of '{root}', not '{node.tag}'"
        raise errors.error(Code.XML_ERROR, detail, domain=From.XML)
    if data.count(b"<") > MAX_DEPTH and _TOO_DEEP(node):
        detail = f"Excessive depth in document: {MAX_DEPTH}"
        raise _syntax(data, 1, 1, detail, name, domain)
    if data.count(b"=") > MAX_ATTRIBUTES and _TOO_WIDE(node):
        raise _too_wide()
    return node


def _looks_wide(data: bytes) -> bool:
    """Is there such an element, seen before anything is made of it? Not exact: ">" in a value hides
    the rest."""
    return any(
        len(part) > MAX_ATTRIBUTES and part.partition(b">")[0].count(b"=") > MAX_ATTRIBUTES
        for part in data.split(b"<")
    )


def _too_wide() -> errors.libvirtError:
    detail = f"an element has more than {MAX_ATTRIBUTES} attributes"
    return errors.error(Code.XML_ERROR, detail, domain=From.XML)


def _parse(data: bytes, name: str, domain: From) -> etree._Element:
    try:
        return etree.fromstring(data, etree.XMLParser(**_OPTIONS))
    except (etree.XMLSyntaxError, ValueError, LookupError):
        return _parse_leniently(data, name, domain)


def _parse_leniently(data: bytes, name: str, domain: From) -> etree._Element:
    """Namespace errors and entities that are elsewhere are no errors to libvirt."""
    parser = etree.XMLParser(**_LENIENT)
    try:
        node = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        node = None
    for entry in parser.error_log:
        if entry.level == etree.ErrorLevels.FATAL:
            raise _syntax(data, entry.line, entry.column, entry.message, name, domain)
    if node is None:
        detail = "failed to parse xml document '[inline data]'"
        raise errors.error(Code.XML_ERROR, detail, domain=domain)
    try:
        _resolve(node)
    except RecursionError:
        loop = "Detected an entity reference loop"
        raise _syntax(data, 1, 1, loop, name, domain) from None
    return node


def _resolve(root: etree._Element) -> None:
    """Puts the text of entities where they are named; nothing for those that are elsewhere."""
    dtd: Any = root.getroottree().docinfo.internalDTD
    known = {e.name: e.content for e in dtd.entities()} if dtd is not None else {}
    budget = [MAX_EXPANSION]
    entities: list[Any] = list(root.iter(etree.Entity))
    for node in entities:
        text = _expand(known, node.name, budget, 0) + (node.tail or "")
        before, parent = node.getprevious(), node.getparent()
        assert parent is not None
        if before is not None:
            before.tail = (before.tail or "") + text
        else:
            parent.text = (parent.text or "") + text
        node.tail = None
        parent.remove(node)


def _expand(known: dict[str, str | None], name: str, budget: list[int], level: int) -> str:
    text = known.get(name) or ""
    budget[0] -= len(text)
    if budget[0] < 0 or level > 40:
        raise RecursionError(name)
    return _REFERENCE.sub(lambda match: _expand(known, match[1], budget, level + 1), text)


def _syntax(
    data: bytes, line: int, column: int, text: str, name: str, domain: From
) -> errors.libvirtError:
    """The place as libvirt shows it: the line, and a pointer below."""
    lines = data.decode("utf-8", "replace").split("\n")
    shown = lines[line - 1] if line <= len(lines) else ""
    before = shown[: max(column - 1, 0)].encode()
    marker = "".join("\t" if char == 9 else "-" for char in before)
    shown = shown or "(null)"
    detail = f"{name}:{line}: {text}\n{shown}\n{marker}^"
    return errors.error(Code.XML_DETAIL, detail, domain=domain)
