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


#: internal entities are expanded within libxml2's limits; nothing outside the document is read
_OPTIONS: dict[str, Any] = {
    "resolve_entities": "internal",
    "no_network": True,
    "load_dtd": False,
    "remove_comments": True,
    "remove_pis": True,
    "huge_tree": False,
}
_PLACE = re.compile(r", line \d+, column \d+.*\Z", re.DOTALL)


def load(xml: str | bytes, root: str | None) -> etree._Element:
    """The root element of a document.

    :param root: the tag it must have, None = any
    :raises libvirtError: XML_DETAIL for what isn't XML, XML_ERROR for another root or too much
    """
    try:
        data = xml.encode() if isinstance(xml, str) else xml
    except UnicodeEncodeError as exc:
        raise errors.error(Code.XML_ERROR, f"not UTF-8: {exc.reason}", domain=From.XML) from exc
    if len(data) > MAX_SIZE:
        raise errors.error(Code.XML_ERROR, "document exceeds 4 MiB", domain=From.XML)
    try:
        node = etree.fromstring(data, etree.XMLParser(**_OPTIONS))
    except (etree.XMLSyntaxError, ValueError, LookupError) as exc:
        raise _syntax(data, exc) from exc
    if root is not None and node.tag != root:
        detail = f"expecting root element of '{root}', not '{node.tag}'"
        raise errors.error(Code.XML_ERROR, detail, domain=From.XML)
    _check_depth(node)
    return node


def _check_depth(node: etree._Element) -> None:
    depth = 0
    for event, _ in etree.iterwalk(node, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            detail = f"more than {MAX_DEPTH} levels of elements"
            raise errors.error(Code.XML_ERROR, detail, domain=From.XML)


def _syntax(data: bytes, exc: Exception) -> errors.libvirtError:
    line = getattr(exc, "lineno", None) or 1
    column = max((getattr(exc, "offset", None) or 1) - 1, 0)
    lines = data.decode("utf-8", "replace").split("\n")
    shown = lines[line - 1] if data and line <= len(lines) else "(null)"
    # libxml2 shows some eighty characters around the place
    start = max(0, column - 60)
    text = _PLACE.sub("", str(exc)).strip()
    marker = "-" * min(column - start, 80)
    detail = f"(domain_definition):{line}: {text}\n{shown[start : start + 80]}\n{marker}^"
    return errors.error(Code.XML_DETAIL, detail, domain=From.DOMAIN)
