# SPDX-License-Identifier: Apache-2.0
"""Defaults of the small devices."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.filesystem import Shmem
from nova_pyvirt.model.devices.misc import RNGBackend
from nova_pyvirt.model.devices.tpm import TPM
from nova_pyvirt.model.domain import Domain


def complete(domain: Domain) -> None:
    """:raises libvirtError: XML_ERROR, CONFIG_UNSUPPORTED"""
    devices = domain.devices
    for item in devices.inputs:
        if item.bus is None:
            item.bus = None if item.type == "evdev" else _input_bus(item.type, domain)
    for tpm in devices.tpms:
        _tpm(tpm)
    for shmem in devices.shmems:
        _shmem(shmem)
    _rngs(domain)
    for fs in devices.filesystems:
        fs.type = fs.type or "mount"
        if fs.accessmode is None and not fs.source_socket:
            fs.accessmode = "passthrough"
    _panics(domain)
    for memory in devices.memories:
        if memory.model == "virtio-pmem" and memory.access in (None, "default"):
            memory.access = "shared"
    vsock = devices.vsock
    if vsock is not None:
        vsock.model = vsock.model or "virtio"
        if vsock.cid_auto is None:
            vsock.cid_auto = not vsock.cid
    for watchdog in devices.watchdogs:
        watchdog.action = watchdog.action or "reset"
    iommu = devices.iommu
    if iommu is not None and iommu.eim and iommu.intremap is None:
        iommu.intremap = True


def _rngs(domain: Domain) -> None:
    for rng in domain.devices.rngs:
        if rng.backend is None:
            rng.backend = RNGBackend(model="random")
        if rng.backend.model == "random":
            rng.backend.path = rng.backend.path or "/dev/random"


def _input_bus(kind: str, domain: Domain) -> str:
    if kind in ("mouse", "keyboard") and domain.os.arch in ("x86_64", "i686"):
        return "ps2"
    return "virtio" if kind == "passthrough" else "usb"


def _tpm(tpm: TPM) -> None:
    if tpm.type != "external":
        tpm.source_type = tpm.source_mode = tpm.source_path = None
    if tpm.model in (None, "default"):
        tpm.model = "tpm-tis"
    if tpm.type == "emulator" and tpm.version in (None, "default"):
        tpm.version = "2.0" if tpm.model == "tpm-crb" else "1.2"
    if tpm.type == "passthrough":
        tpm.device = tpm.device or "/dev/tpm0"
        tpm.version = None
    tpm.persistent_state = tpm.persistent_state or None


def _shmem(shmem: Shmem) -> None:
    model = shmem.model = shmem.model or "ivshmem"
    if shmem.role == "default":
        shmem.role = None
    if model != "ivshmem-doorbell" and not shmem.size:
        shmem.size = 4 << 20
    if model == "ivshmem":
        return
    detail = None
    if not shmem.server:
        if model == "ivshmem-doorbell":
            detail = f"shmem model '{model}' is supported only with server option enabled"
    elif model == "ivshmem-plain":
        detail = f"shmem model '{model}' is supported only with server option disabled"
    elif shmem.size:
        detail = f"shmem model '{model}' does not support size setting"
    if detail:
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    if shmem.server:
        shmem.msi = True
        if shmem.ioeventfd is None:
            shmem.ioeventfd = True


def _panics(domain: Domain) -> None:
    seen: set[str] = set()
    for panic in domain.devices.panics:
        if panic.model in (None, "default"):
            panic.model = "isa"
        if panic.model in seen:
            detail = f"Multiple panic devices with model '{panic.model}'"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        seen.add(panic.model)
