# SPDX-License-Identifier: Apache-2.0
"""From XML to a definition that QEMU can run: parse, defaults, checks, addresses."""

from collections.abc import Callable

from nova_pyvirt.core.schemas import Schemas
from nova_pyvirt.hypervisors.qemu import address, postparse, validate
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.model import document
from nova_pyvirt.model.domain import Domain

NVRAM_DIR = "/var/lib/libvirt/qemu/nvram"


def parse_definition(
    xml: str | bytes,
    caps_for: Callable[[Domain], QemuCaps],
    *,
    keep_live: bool = False,
    nvram_dir: str = NVRAM_DIR,
    schemas: Schemas | None = None,
) -> Domain:
    """A complete definition.

    :param caps_for: the capabilities of the emulator that will run it
    :param keep_live: it was written by us of a running domain; else what only a running domain has
        is dropped
    :param nvram_dir: where UEFI variables go when nobody says
    :param schemas: check it against domain.rng of these first
    :raises libvirtError: XML_DETAIL, XML_ERROR, CONFIG_UNSUPPORTED, ...
    """
    root = document.load(xml, "domain")
    if schemas is not None:
        schemas.check("domain.rng", root)
    domain = Domain.parse(root)
    if not keep_live:
        domain.id = None
    postparse.complete_identity(domain)
    caps = caps_for(domain)
    postparse.complete(domain, caps, nvram_dir=nvram_dir)
    address.assign(domain, caps)
    validate.check(domain, caps)
    return domain
