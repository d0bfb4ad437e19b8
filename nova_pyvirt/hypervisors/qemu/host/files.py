# SPDX-License-Identifier: Apache-2.0
"""Files that are made for QEMU to write into."""

from nova_pyvirt.core.security import dac
from nova_pyvirt.errors import From, system_error
from nova_pyvirt.hypervisors.qemu.identity import Identity
from nova_pyvirt.model.devices.chardev import Backend
from nova_pyvirt.util.native import os


def make_for(device: Backend, user: Identity | None, holder: str) -> None:
    """The files that a character device's output goes to: they must be QEMU's own.

    :param user: QEMU's, None = our own
    :param holder: the guest's uuid
    :raises libvirtError: SYSTEM_ERROR
    """
    if device.log_file:
        _make(device.log_file, user, holder, keep=device.log_append is True)
    source = device.source
    if device.type == "file" and source.path:
        _make(source.path, user, holder, keep=source.append is True)


def _make(path: str, user: Identity | None, holder: str, *, keep: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | (0 if keep else os.O_TRUNC)
    try:
        os.close(os.open(path, flags, 0o600))
    except OSError as exc:
        detail = f"Failed to create file '{path}'"
        raise system_error(exc.errno or 0, detail, domain=From.QEMU) from exc
    if user is not None:
        dac.take(path, *user, holder=holder, remember=False)
