# SPDX-License-Identifier: Apache-2.0
"""Labels whose definitions name no security driver: the host's first one is meant, which is none
(virSecurityLabelDefsParseXML)."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.domain import Domain


def complete(domain: Domain) -> None:
    """:raises libvirtError: XML_ERROR, CONFIG_UNSUPPORTED"""
    for label in domain.seclabels:
        if label.model is None:
            if label.type == "static" or label.baselabel:
                detail = "missing security model in domain seclabel"
                raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
            label.model = "none"
        if label.model == "none":
            label.type, label.relabel, label.label, label.baselabel = "none", False, None, None
    _check_overrides(domain)


def _check_overrides(domain: Domain) -> None:
    """What the domain leaves alone can't be told to be labelled otherwise."""
    kept = {label.model for label in domain.seclabels if not label.relabel}
    if not kept:
        return
    devices = domain.devices
    sources = [disk.source for disk in devices.disks]
    for disk in devices.disks:
        layer = disk.backing
        while layer is not None:
            sources.append(layer.source)
            layer = layer.backing
    for char in (*devices.serials, *devices.parallels, *devices.channels, *devices.consoles):
        sources += char.sources
    for source in sources:
        if source is not None and any(label.model in kept for label in source.seclabels):
            detail = "label overrides require relabeling to be enabled at the domain level"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)
