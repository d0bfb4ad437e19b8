# SPDX-License-Identifier: Apache-2.0
"""A definition as another run, or another host, gets it (qemuDomainDefFormatLive)."""

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.postparse.machine import is_i440fx
from nova_pyvirt.model import abi
from nova_pyvirt.model.cpu import CPU
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.writer import Writer
from nova_pyvirt.model.xmlbind import Context


def xml(definition: Domain, orig_cpu: CPU | None) -> str:
    """The inactive, migratable XML, secrets included.

    :param orig_cpu: the CPU as it was defined, None = the definition's own
    """
    return for_others(definition, orig_cpu).format(secure=True, migratable=True, inactive=True)


def for_others(definition: Domain, orig_cpu: CPU | None) -> Domain:
    """The definition with the CPU that its owner asked for, without the controllers that every
    machine of its kind has: old versions of libvirt did not write those down.
    """
    devices = definition.devices
    kept = [c for c in devices.controllers if not _is_implied(definition, c)]
    if orig_cpu is None and len(kept) == len(devices.controllers):
        return definition
    copy = definition.copy()
    if orig_cpu is not None:
        copy.cpu = orig_cpu
    copy.devices.controllers = [
        c for c in copy.devices.controllers if not _is_implied(definition, c)
    ]
    return copy


def _is_implied(domain: Domain, item: Controller) -> bool:
    """The only USB controller of an i440FX, of the default model; the only PCI bus, plain."""
    same = [c for c in domain.devices.controllers if c.type == item.type]
    if len(same) != 1 or item.index or (item.alias or "").startswith("ua-"):
        return False
    if item.type == "usb":
        return is_i440fx(domain) and item.model in (None, "piix3-uhci")
    return item.type == "pci" and item.model == "pci-root" and not item.pcihole64


def cookie(definition: Domain) -> str:
    """What an image says beside the definition: the CPU that the guest really has."""
    out = Writer()
    mark = out.open("cookie", "", None)
    if definition.cpu is not None:
        definition.cpu.write(out, Context())
    out.close(mark, "cookie", keep=True)
    return out.text()


def check_same_machine(source: Domain, orig_cpu: CPU | None, given: Domain) -> None:
    """A definition that somebody gives for a running guest must be the same machine to it.

    :raises libvirtError: CONFIG_UNSUPPORTED naming the difference
    """
    abi.check(Domain.load(xml(source, orig_cpu)), Domain.load(xml(given, None)), volatile=False)


def check_same_image(stored: Domain, given: Domain) -> None:
    """The same for a definition that somebody gives for an image.

    :raises libvirtError: CONFIG_UNSUPPORTED naming the difference
    """
    try:
        abi.check(stored, Domain.load(xml(given, None)))
    except libvirtError as exc:
        try:  # old snapshots' images hold the plain form (libvirt: before 1.1.3)
            abi.check(stored, given)
        except libvirtError:
            raise exc from None
