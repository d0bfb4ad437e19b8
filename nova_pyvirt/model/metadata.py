# SPDX-License-Identifier: Apache-2.0
"""What applications keep in <metadata>: one element for each namespace, never read by us."""

import copy
import re
from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model import document

#: a name without colon (XML Namespaces 1.0, production 4)
_NCNAME = re.compile(r"[^\W\d][\w.\-\u00b7]*\Z")


def tidy(metadata: etree._Element) -> None:
    """Drops children without namespace, and all but the first of each namespace."""
    seen: set[str] = set()
    for node in list(metadata):
        namespace = _namespace(node)
        if not namespace or namespace in seen:
            metadata.remove(node)
        else:
            seen.add(namespace)


def find(metadata: etree._Element | None, uri: str) -> str | None:
    """The element of a namespace as text, without the namespace; None when there is none.

    Its other namespaces stay declared (virXMLExtractNamespaceXML).
    """
    for node in metadata if metadata is not None else ():
        if _namespace(node) == uri:
            text = etree.tostring(_bare(node, uri), encoding="unicode", pretty_print=True)
            return str(text)[:-1]
    return None


def replaced(
    metadata: etree._Element | None, xml: str | None, key: str | None, uri: str
) -> etree._Element | None:
    """A <metadata> with another element, or none, in a namespace; the old one is as it was.

    :param xml: the element; where it names no namespace it gets this one
    :param key: the prefix to write the namespace with
    :raises libvirtError: XML_DETAIL for what isn't XML, INTERNAL_ERROR for a prefix that can't be
    """
    added = None if xml is None else _named(xml, key or "", uri)
    if metadata is None and added is None:
        return None
    result = etree.Element("metadata") if metadata is None else copy.deepcopy(metadata)
    for node in [child for child in result if _namespace(child) == uri]:
        result.remove(node)
    if added is not None:
        result.append(added)
    return result


def _namespace(node: etree._Element) -> str | None:
    tag = node.tag
    # names with a prefix that nobody declared are legal to libvirt, but not to QName
    return tag[1:].partition("}")[0] if isinstance(tag, str) and tag.startswith("{") else None


def _bare(node: etree._Element, uri: str) -> etree._Element:
    """A copy without a namespace; built anew, as its declaration can't be taken away."""
    prefix = f"{{{uri}}}"
    kept: dict[Any, str] = {key: value for key, value in node.nsmap.items() if value != uri}
    tag = node.tag.removeprefix(prefix) if isinstance(node.tag, str) else None
    if tag is None:
        return copy.deepcopy(node)
    bare = etree.Element(tag, nsmap=kept)
    bare.text, bare.tail = node.text, node.tail
    for name, value in node.attrib.items():
        bare.set(name, value)
    bare.extend([_bare(child, uri) for child in node])
    return bare


def _named(xml: str, key: str, uri: str) -> etree._Element:
    root = document.load(xml, None, name="(metadata_xml)")
    if not _NCNAME.match(key):
        detail = "failed to validate prefix for a new XML namespace"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.XML)
    if key in root.nsmap:
        detail = "failed to create a new XML namespace"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.XML)
    spaces: dict[Any, str] = {**root.nsmap, key: uri}
    named = etree.Element(root.tag, nsmap=spaces)
    named.text = root.text
    for name, value in root.attrib.items():
        named.set(name, value)
    named.extend(list(root))
    for node in named.iter():
        if isinstance(node.tag, str) and not node.tag.startswith("{"):
            node.tag = f"{{{uri}}}{node.tag}"
    return named
