# SPDX-License-Identifier: Apache-2.0
"""From XML to a definition that QEMU can run: parse, defaults, checks, addresses."""

from collections.abc import Callable

from nova_pyvirt.hypervisors.qemu import address, postparse, validate
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.model.domain import Domain

NVRAM_DIR = "/var/lib/libvirt/qemu/nvram"


def parse_definition(
    xml: str | bytes,
    caps_for: Callable[[Domain], QemuCaps],
    *,
    keep_live: bool = False,
    nvram_dir: str = NVRAM_DIR,
) -> Domain:
    """A complete definition.

    :param caps_for: the capabilities of the emulator that will run it
    :param keep_live: it was written by us of a running domain; else what only a running domain has
        is dropped
    :param nvram_dir: where UEFI variables go when nobody says
    :raises libvirtError: XML_DETAIL, XML_ERROR, CONFIG_UNSUPPORTED, ...
    """
    domain = Domain.load(xml)
    if not keep_live:
        domain.id = None
    postparse.complete_identity(domain)
    caps = caps_for(domain)
    postparse.complete(domain, caps, nvram_dir=nvram_dir)
    address.assign(domain, caps)
    validate.check(domain, caps)
    return domain
