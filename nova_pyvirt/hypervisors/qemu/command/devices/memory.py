# SPDX-License-Identifier: Apache-2.0
"""Memory devices: a back-end and a module each."""

from nova_pyvirt.hypervisors.qemu.command import memory
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args, Guest, Props, device
from nova_pyvirt.model.devices.memory import Memory

_DRIVERS = {"dimm": "pc-dimm", "nvdimm": "nvdimm", "virtio-pmem": "virtio-pmem-pci",
            "virtio-mem": "virtio-mem-pci"}  # fmt: skip


def memories(guest: Guest) -> Args:
    """-object and -device of every module; enclave memory belongs to the machine."""
    args: Args = []
    for item in guest.devices.memories:
        found = backend_props(guest, item)
        args += memory.objects(found, guest.caps)
        if item.model != "sgx-epc":
            args += device(props(guest, item, prealloc=bool(_filled(guest, item))))
    return args


def backend_props(guest: Guest, item: Memory) -> Props:
    """The properties of the memory behind a module."""
    virtio_mem = item.model == "virtio-mem"
    region = memory.Region(
        ident=f"mem{item.alias}",
        size=item.size,
        node=item.node,
        page=item.page_size or 0,
        path=item.path,
        nodes=item.source_nodes,
        access=item.access if item.access != "default" else None,
        discard=item.discard,
        align=item.align_size,
        pmem=True if item.pmem else None,
        prealloc=not (virtio_mem and guest.caps.has("virtio-mem-pci.prealloc")),
    )
    found = memory.backend(guest.domain, guest.caps, guest.ctx, region)
    if virtio_mem:
        found["reserve"] = False
    return found


def _filled(guest: Guest, item: Memory) -> bool:
    """Is virtio memory to be there before the guest touches it?"""
    backing = guest.domain.memory_backing
    if item.model != "virtio-mem" or not guest.caps.has("virtio-mem-pci.prealloc"):
        return False
    huge = bool(item.page_size) or (backing is not None and bool(backing.hugepages))
    return huge or (backing is not None and backing.allocation == "immediate")


def props(guest: Guest, item: Memory, *, prealloc: bool) -> Props:
    """The properties of a module."""
    return {
        "driver": _DRIVERS[item.model],
        "node": item.node,
        "label-size": item.label_size and item.label_size << 10,
        "block-size": item.block and item.block << 10,
        "requested-size": (item.requested << 10 or None) if item.requested else None,
        "uuid": item.uuid,
        "unarmed": True if item.readonly else None,
        "memdev": f"mem{item.alias}",
        "prealloc": True if prealloc else None,
        "id": item.alias,
        **guest.place(item),
    }
