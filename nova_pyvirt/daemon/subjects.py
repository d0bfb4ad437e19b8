# SPDX-License-Identifier: Apache-2.0
"""Whom a call without an object is about: what its document, or the image it names, speaks of.

libvirt's drivers ask for permission once they have read the document; the policy here is asked before
the driver is, so it reads the name for itself, with the parser that the driver uses.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

from lxml import etree

from nova_pyvirt.core.refs import (
    DomainRef,
    InterfaceRef,
    NetworkRef,
    NodeDeviceRef,
    NWFilterBindingRef,
    NWFilterRef,
    SecretRef,
    StoragePoolRef,
    StorageVolRef,
)
from nova_pyvirt.model import document

_MAKES: Final = re.compile(
    r"(domain|network|storage_pool|storage_vol|node_device|interface|secret|nwfilter_binding|nwfilter)"
    r"_(?:create|define)_xml(?:_flags|_from|_with_files)?"
)
#: calls about the domain that an image holds
_IMAGES: Final = frozenset(
    {
        "domain_restore",
        "domain_restore_flags",
        "domain_restore_params",
        "domain_save_image_define_xml",
        "domain_save_image_get_xml_desc",
    }
)


def subjects(name: str, args: Sequence[Any], slot: Callable[[str], Any]) -> list[Any]:
    """The refs that a call's permissions are about; [] when its arguments say so themselves.

    :param name: the procedure's
    :param slot: the table's slot of a name
    :raises libvirtError: for a document that can't be read, an image that can't be opened
    """
    made = _MAKES.fullmatch(name)
    if made is not None:
        return [_made(made[1], args)]
    if name in _IMAGES:
        path, xml = _image(args)
        xmls = [slot("domain_save_image_get_xml_desc")(path, 0)] + ([xml] if xml else [])
        return [_ref("domain", document.load(text, None)) for text in xmls]
    if name == "domain_rename":
        return [args[0], args[0]._replace(name=args[1])]
    return []


def _image(args: Sequence[Any]) -> tuple[str, str | None]:
    """The path of an image, and the definition that is to take its own's place."""
    if isinstance(args[0], dict):
        params = args[0]
        return str(params.get("file", "")), params.get("dxml")
    xml = args[1] if len(args) > 1 else None
    return args[0], xml if isinstance(xml, str) else None


def _made(kind: str, args: Sequence[Any]) -> Any:
    if kind == "storage_vol":
        root = document.load(args[1], None)
        return StorageVolRef(args[0].name, _text(root, "name"), "")
    return _ref(kind, document.load(args[0], None))


def _ref(kind: str, root: etree._Element) -> Any:
    name, uuid = _text(root, "name"), _uuid(root)
    match kind:
        case "domain":
            return DomainRef(name, uuid)
        case "network":
            return NetworkRef(name, uuid)
        case "storage_pool":
            return StoragePoolRef(name, uuid)
        case "node_device":
            return NodeDeviceRef(name)
        case "interface":
            return InterfaceRef(root.get("name", ""), "")
        case "secret":
            return SecretRef(uuid, 0, "")
        case "nwfilter":
            return NWFilterRef(root.get("name", ""), uuid)
    port = root.find("portdev")
    return NWFilterBindingRef("" if port is None else port.get("name", ""), "")


def _text(root: etree._Element, tag: str) -> str:
    return root.findtext(tag) or ""


def _uuid(root: etree._Element) -> bytes:
    """The object's own; zeros where a new one will be made, or the driver will refuse it."""
    try:
        return UUID(_text(root, "uuid").strip()).bytes
    except ValueError:
        return bytes(16)
