# SPDX-License-Identifier: Apache-2.0
"""Ownership of a guest's files (libvirt's DAC driver): given to QEMU's user, given back later.

The first owner is remembered in libvirt's extended attributes with a count of users, so that it
survives our death and a file shared by two guests is given back once.
"""

import logging
import stat

from nova_pyvirt.errors import From, system_error
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)
_OWNER = "trusted.libvirt.security.dac"
_COUNT = "trusted.libvirt.security.ref_dac"


def take(path: str, uid: int, gid: int, *, remember: bool = True) -> bool:
    """Gives `path` to uid:gid.

    :returns: whether there is something to restore
    :raises libvirtError: SYSTEM_ERROR when it can't be done
    """
    try:
        info = os.stat(path)
        if remember:
            _remember(path, info)
        if (info.st_uid, info.st_gid) != (uid, gid):
            os.chown(path, uid, gid)
    except OSError as exc:
        detail = f"unable to set user and group to '{uid}:{gid}' on '{path}'"
        raise system_error(exc.errno or 0, detail, domain=From.SECURITY) from exc
    return True


def restore(path: str, *, remembered: bool = True) -> None:
    """Gives `path` back to its first owner, or to root; never an error."""
    try:
        owner = _forget(path) if remembered else (0, 0)
        if owner is not None:
            info = os.stat(path)
            if (info.st_uid, info.st_gid) != owner:
                os.chown(path, *owner)
    except OSError as exc:
        LOG.warning("the owner of %s could not be restored: %s", path, exc)


def _remember(path: str, info: os.stat_result) -> None:
    if not (stat.S_ISREG(info.st_mode) or stat.S_ISBLK(info.st_mode)):
        return
    try:
        count = _get(path, _COUNT)
        if count is None:
            os.setxattr(path, _OWNER, f"+{info.st_uid}:+{info.st_gid}".encode())
        os.setxattr(path, _COUNT, str(int(count or "0") + 1).encode())
    except OSError:
        return  # a file system without such attributes: the file goes back to root


def _forget(path: str) -> tuple[int, int] | None:
    """The owner to restore; None while others use the file."""
    count = _get(path, _COUNT)
    if count is None:
        return (0, 0)
    left = int(count) - 1
    if left > 0:
        os.setxattr(path, _COUNT, str(left).encode())
        return None
    owner = _get(path, _OWNER) or "+0:+0"
    os.removexattr(path, _COUNT)
    os.removexattr(path, _OWNER)
    user, _, group = owner.partition(":")
    return int(user), int(group)


def _get(path: str, name: str) -> str | None:
    try:
        return os.getxattr(path, name).decode().rstrip("\0")
    except OSError:
        return None
