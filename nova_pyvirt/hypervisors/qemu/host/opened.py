# SPDX-License-Identifier: Apache-2.0
"""Devices of the host that QEMU gets as open descriptors, or by a path that has to be looked up."""

import errno
import fcntl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from nova_pyvirt.core.host import HostFs
from nova_pyvirt.errors import Code, From, error, system_error
from nova_pyvirt.model.devices.hostdev import Hostdev
from nova_pyvirt.model.devices.misc import Vsock
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os

if TYPE_CHECKING:
    from nova_pyvirt.hypervisors.qemu.start.context import Start

_VHOST_SCSI: Final = "/dev/vhost-scsi"
_VHOST_VSOCK: Final = "/dev/vhost-vsock"
#: _IOW(VHOST_VIRTIO, 0x60, u64) of linux/vhost.h
_SET_GUEST_CID: Final = 0x4008AF60
_FIRST_CID: Final = 3
_TPM: Final = "/dev/tpm0"


def prepare(start: "Start") -> None:
    """Opens what the guest has of the host.

    :raises libvirtError: SYSTEM_ERROR, CONFIG_UNSUPPORTED when something isn't there
    """
    devices, fds = start.definition.devices, start.fds
    for hostdev in devices.hostdevs:
        if hostdev.type == "scsi_host":
            fds[hostdev.alias] = [vhost_scsi(start.state.view.fs)]
    for tpm in devices.tpms:
        if tpm.type == "passthrough":
            fds[tpm.alias] = []
            for path, flags, words in _tpm_files(tpm.device or _TPM):
                fds[tpm.alias].append(_open(path, flags, words, domain=From.QEMU))
    for interface in devices.interfaces:
        if interface.type == "vdpa":
            words = f"Unable to open '{interface.source_dev}' for vdpa device"
            fd = _open(interface.source_dev, os.O_RDWR, words, domain=From.QEMU)
            fds[f"vdpa-{interface.alias}"] = [fd]
    if devices.vsock is not None:
        fds[devices.vsock.alias] = [vsock(devices.vsock)]


def paths(definition: Domain, fs: HostFs) -> Mapping[str, str]:
    """Where devices are that definitions name otherwise, by alias; see CommandContext.host_paths.

    :raises libvirtError: SYSTEM_ERROR for a SCSI device that isn't there
    """
    found = {}
    for hostdev in definition.devices.hostdevs:
        if hostdev.type == "scsi" and hostdev.source.protocol != "iscsi":
            found[hostdev.alias] = _generic(hostdev, fs)
    return found


def vhost_scsi(fs: HostFs) -> int:
    """The vhost end of a SCSI host of the host's.

    :raises libvirtError: CONFIG_UNSUPPORTED when the host has none, SYSTEM_ERROR
    """
    _check_vhost_scsi(fs)
    return _open(_VHOST_SCSI, os.O_RDWR, f"Failed to open {_VHOST_SCSI}")


def _check_vhost_scsi(fs: HostFs) -> None:
    if not fs.path(_VHOST_SCSI[1:]).exists():
        detail = f"vhost-scsi device file '{_VHOST_SCSI}' cannot be found"
        raise error(Code.CONFIG_UNSUPPORTED, detail, domain=From.NONE)


def _open(path: str, flags: int, words: str, domain: From = From.NONE) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except OSError as exc:
        raise system_error(exc.errno or 0, words, domain=domain) from exc


def _tpm_files(device: str) -> list[tuple[str, int, str]]:
    """The device and the file by which its commands are cancelled."""
    name = device.rpartition("/")[2]
    known = (f"/sys/class/{kind}/{name}/device/cancel" for kind in ("misc", "tpm"))
    cancel = next((path for path in known if os.path.exists(path)), "/dev/null")
    return [
        (device, os.O_RDWR, f"Could not open TPM device {device}"),
        (cancel, os.O_WRONLY, f"Could not open TPM device's cancel path {cancel}"),
    ]


def vsock(device: Vsock) -> int:
    """The vhost end, which has the guest's context id; a free one is chosen when none is given.

    :raises libvirtError: CONFIG_UNSUPPORTED, SYSTEM_ERROR
    """
    auto = device.cid_auto or not device.cid
    try:
        fd = os.open(_VHOST_VSOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError as exc:
        detail = "unable to open vhost-vsock device"
        raise error(Code.CONFIG_UNSUPPORTED, detail) from exc
    try:
        if auto:
            device.cid = _free_cid(fd)
        else:
            _set_cid(fd, device.cid)
    except OSError as exc:
        os.close(fd)
        words = "failed to acquire guest cid" if auto else "failed to set guest cid"
        raise system_error(exc.errno or 0, words, domain=From.NONE) from exc
    return fd


def _free_cid(fd: int) -> int:
    cid = _FIRST_CID
    while True:
        try:
            _set_cid(fd, cid)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE:
                raise
            cid += 1
        else:
            return cid


def _set_cid(fd: int, cid: int) -> None:
    fcntl.ioctl(fd, _SET_GUEST_CID, cid.to_bytes(8, "little"))


def _generic(hostdev: Hostdev, fs: HostFs) -> str:
    """/dev/sgN of a SCSI device."""
    where, adapter = hostdev.source.address, hostdev.source.adapter or ""
    host = adapter.removeprefix("scsi_host")
    unit = f"{host}:{where.bus or 0}:{where.target or 0}:{where.unit or 0}"
    directory = f"sys/bus/scsi/devices/{unit}/scsi_generic"
    try:
        names = sorted(path.name for path in fs.path(directory).iterdir())
    except OSError as exc:
        detail = f"cannot open directory '/{directory}'"
        raise system_error(exc.errno or 0, detail, domain=From.NONE) from exc
    if not names:
        raise system_error(errno.ENOENT, f"cannot open directory '/{directory}'", domain=From.NONE)
    return f"/dev/{names[0]}"
