# SPDX-License-Identifier: Apache-2.0
"""Memory devices (virDomainMemoryDefValidate)."""

from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.validate.common import (
    bad_detail,
    unsupported,
    unsupported_domain,
)
from nova_pyvirt.model.devices.memory import Memory
from nova_pyvirt.model.domain import Domain

#: KiB of a transparent huge page
_THP = 2048


def check_hotplug(domain: Domain) -> None:
    """Room for memory devices (qemuDomainDefValidateMemoryHotplug).

    :raises libvirtError: CONFIG_UNSUPPORTED
    """
    devices = domain.devices.memories
    if not domain.max_memory:
        if devices:
            raise unsupported(
                "cannot use/hotplug a memory device when domain 'maxMemory' is not defined"
            )
        return
    cells = domain.cpu.cells if domain.cpu is not None else []
    if not cells:
        raise unsupported(
            "At least one numa node has to be configured when enabling memory hotplug"
        )
    if len(devices) > domain.max_memory_slots:
        raise unsupported(
            f"memory device count '{len(devices)}' exceeds slots count '{domain.max_memory_slots}'"
        )
    for item in devices:
        _pluggable(item)
    if domain.max_memory < domain.memory:
        raise unsupported("memory device total size exceeds hotplug space")


def _pluggable(item: Memory) -> None:
    kind = item.address.type if item.address is not None else None
    if item.model in ("dimm", "nvdimm"):
        if kind not in (None, "none", "dimm"):
            raise unsupported("only 'dimm' addresses are supported for the pc-dimm device")
    elif item.model in ("virtio-pmem", "virtio-mem") and kind not in (None, "none", "pci"):
        raise unsupported(f"only 'pci' addresses are supported for the {item.model} device")
    if item.model in ("dimm", "nvdimm", "virtio-mem") and item.node is None:
        raise unsupported("target NUMA node needs to be specified for memory device")


def check(domain: Domain, caps: QemuCaps) -> None:
    """:raises libvirtError: XML_DETAIL, CONFIG_UNSUPPORTED"""
    for item in domain.devices.memories:
        check_one(domain, item)


def check_one(domain: Domain, item: Memory) -> None:
    """The same for one device, which the domain need not have yet."""
    cells = len(domain.cpu.cells) if domain.cpu is not None else 0
    if item.model != "virtio-pmem" and item.node is not None:
        if not cells:
            raise bad_detail("can't add memory backend as guest has no NUMA nodes configured")
        if item.node >= cells:
            raise bad_detail(
                f"can't add memory backend for guest node '{item.node}' as the guest has only"
                f" '{cells}' NUMA nodes configured"
            )
    check_model = _MODELS.get(item.model)
    if check_model is not None:
        check_model(item)


def _nvdimm(item: Memory) -> None:
    if not item.path:
        raise bad_detail("path is required for model 'nvdimm'")
    if item.discard:
        raise unsupported_domain("discard is not supported for nvdimms")
    if item.uuid:
        raise unsupported_domain("UUID is not supported for NVDIMM device")


def _pmem(item: Memory) -> None:
    if not item.path:
        raise bad_detail(f"path is required for model '{item.model}'")
    if item.discard:
        raise unsupported_domain(f"discard is not supported for model '{item.model}'")
    if item.access != "shared":
        raise unsupported_domain("shared access mode required for virtio-pmem device")
    if item.node is not None:
        raise unsupported_domain("virtio-pmem does not support NUMA nodes")


def _mem(item: Memory) -> None:
    block, requested = item.block or 0, item.requested or 0
    if requested > item.size:
        raise bad_detail(f"requested size must be smaller than or equal to @size ({item.size}KiB)")
    if not block or block & (block - 1):
        raise bad_detail("block size must be a power of two")
    if block < _THP:
        raise bad_detail(f"block size too small, must be at least {_THP}KiB")
    if requested % block:
        raise bad_detail("requested size must be an integer multiple of block size")


def _enclave(item: Memory) -> None:
    if item.address is not None:
        raise unsupported_domain(f"memory device address is not supported for model '{item.model}'")


_MODELS = {"nvdimm": _nvdimm, "virtio-pmem": _pmem, "virtio-mem": _mem, "sgx-epc": _enclave}
