# SPDX-License-Identifier: Apache-2.0
"""From XML to a definition that QEMU can run: parse, defaults, checks, addresses."""

from collections.abc import Callable

from nova_pyvirt.hypervisors.qemu import address, postparse, validate
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.model.domain import Domain


def parse_definition(xml: str | bytes, caps_for: Callable[[Domain], QemuCaps]) -> Domain:
    """A complete definition.

    :param caps_for: the capabilities of the emulator that will run it
    :raises libvirtError: XML_DETAIL, XML_ERROR, CONFIG_UNSUPPORTED, ...
    """
    domain = Domain.load(xml)
    postparse.complete_identity(domain)
    caps = caps_for(domain)
    postparse.complete(domain, caps)
    validate.check(domain, caps)
    address.assign(domain)
    return domain
