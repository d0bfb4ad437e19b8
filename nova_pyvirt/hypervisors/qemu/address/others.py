# SPDX-License-Identifier: Apache-2.0
"""Ports of virtio-serial buses and slots of memory devices."""

from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.postparse.devices.controllers import maybe_add
from nova_pyvirt.model.devices.common import Address
from nova_pyvirt.model.domain import Domain

_PORTS = 31


def _bad(detail: str) -> errors.libvirtError:
    return errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)


def assign_virtio_serial(domain: Domain) -> None:
    """Ports for channels and consoles.

    :raises libvirtError: XML_ERROR for a port that is taken or isn't there
    """
    devices = domain.devices
    users = [d for d in (*devices.consoles, *devices.channels) if d.target_type == "virtio"]
    if not users:
        return
    used: dict[int, set[int]] = {}
    sizes: dict[int, int] = {}
    for controller in devices.controllers:
        if controller.type == "virtio-serial":
            used[controller.index] = set()
            sizes[controller.index] = controller.ports or _PORTS
    for device in users:
        if _complete(device):
            _reserve(device.address, used, sizes)
    for device in users:
        if not _complete(device):
            _place(domain, device, used, sizes)


def assign_vio(domain: Domain) -> None:
    """Registers of IBM's virtual SCSI controllers."""
    register = 0x2000
    for controller in domain.devices.controllers:
        if controller.type == "scsi" and controller.model == "ibmvscsi":
            if controller.address is None:
                controller.address = Address(type="spapr-vio", reg=register)
            register += 0x1000


def _complete(device: Any) -> bool:
    where = device.address
    return where is not None and where.type == "virtio-serial" and int(where.port or 0) != 0


def _reserve(where: Address, used: dict[int, set[int]], sizes: dict[int, int]) -> None:
    controller, port = where.controller, int(where.port)
    if controller not in used:
        raise _bad(f"virtio serial controller {controller} is missing")
    if port >= sizes[controller]:
        raise _bad(f"virtio serial controller {controller} does not have port {port}")
    if port in used[controller]:
        raise _bad(f"virtio serial port {port} on controller {controller} is already occupied")
    used[controller].add(port)


def _place(domain: Domain, device: Any, used: dict[int, set[int]], sizes: dict[int, int]) -> None:
    console = device.TAG == "console"
    where = device.address
    asked = where.controller if where is not None and where.type == "virtio-serial" else None
    first = 0 if console and asked is None else 1
    for controller in sorted(used) if asked is None else [asked]:
        for port in range(first, sizes.get(controller, 0)):
            if port not in used[controller]:
                used[controller].add(port)
                if not console:
                    _give(device, controller, port)
                return
    if asked is not None:
        raise _bad(f"Unable to find a free port on virtio-serial controller {asked}")
    index = next(i for i in range(len(used) + 1) if i not in used)
    maybe_add(domain, "virtio-serial", index)
    used[index], sizes[index] = {first}, _PORTS
    if not console:
        _give(device, index, first)


def _give(device: Any, controller: int, port: int) -> None:
    device.address = Address(type="virtio-serial", controller=controller, bus=0, port=str(port))


def assign_memory(domain: Domain) -> None:
    """Slots for DIMMs.

    :raises libvirtError: XML_ERROR, INTERNAL_ERROR
    """
    slots = domain.max_memory_slots
    dimms = [m for m in domain.devices.memories if m.model in ("dimm", "nvdimm")]
    if not slots:
        return
    taken: set[int] = set()
    for memory in dimms:
        where = memory.address
        if where is not None and where.type == "dimm":
            if where.slot >= slots:
                raise errors.error(
                    Code.XML_ERROR,
                    f"memory device slot '{where.slot}' exceeds slots count '{slots}'",
                )
            if where.slot in taken:
                raise errors.error(
                    Code.CONFIG_UNSUPPORTED,
                    f"memory device slot '{where.slot}' is already being used by another memory"
                    " device",
                )
            taken.add(where.slot)
    for memory in dimms:
        if memory.address is None:
            slot = next((s for s in range(slots) if s not in taken), None)
            if slot is None:
                detail = "failed to find an empty memory slot"
                raise errors.error(Code.INTERNAL_ERROR, detail)
            taken.add(slot)
            memory.address = Address(type="dimm", slot=slot)
