# SPDX-License-Identifier: Apache-2.0
"""Loading XML from anybody: bounded, without DTDs' files, network or entity bombs."""

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From

MAX_SIZE = 4 << 20


def load(xml: str | bytes, root: str) -> etree._Element:
    """The root element of a document.

    :param root: the tag it must have
    :raises libvirtError: XML_DETAIL for what isn't XML, XML_ERROR for another root or too much
    """
    data = xml.encode("utf-8", "surrogatepass") if isinstance(xml, str) else xml
    if len(data) > MAX_SIZE:
        raise errors.error(Code.XML_ERROR, "document exceeds 4 MiB", domain=From.XML)
    parser = etree.XMLParser(
        resolve_entities=True, no_network=True, load_dtd=False, remove_comments=True,
        remove_pis=True, huge_tree=False,
    )  # fmt: skip
    try:
        node = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        raise _syntax(data, exc) from exc
    if node.tag != root:
        detail = f"unexpected root element <{node.tag}>, expecting <{root}>"
        raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
    return node


def _syntax(data: bytes, exc: Exception) -> errors.libvirtError:
    line = getattr(exc, "lineno", None) or 1
    column = max((getattr(exc, "offset", None) or 1) - 1, 0)
    lines = data.decode("utf-8", "replace").split("\n")
    shown = lines[line - 1] if line <= len(lines) else ""
    text = str(exc).rpartition(", line ")[0] or str(exc)
    detail = f"(domain_definition):{line}: {text}\n{shown}\n{'-' * column}^"
    return errors.error(Code.XML_DETAIL, detail, domain=From.XML)
