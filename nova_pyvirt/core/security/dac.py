# SPDX-License-Identifier: Apache-2.0
"""Ownership of a guest's files (libvirt's DAC driver): given to QEMU's user, given back later.

The first owner is remembered in libvirt's extended attributes with a count of users; an attribute
of ours names the users. Each step is written before the next is taken, and both operations do
nothing the second time: whatever instruction we die at, whoever comes next gives back exactly what
was taken, and a file that two guests share goes back with the last of them.
"""

import errno
import logging
import stat
from collections.abc import Sequence
from functools import cache
from typing import Final

from nova_pyvirt.core.host.identity import boot_id
from nova_pyvirt.errors import From, system_error
from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)
_OWNER: Final = "trusted.libvirt.security.dac"
_COUNT: Final = "trusted.libvirt.security.ref_dac"
_STAMP: Final = "trusted.libvirt.security.timestamp_dac"
_HOLDERS: Final = "trusted.nova_pyvirt.dac"
#: files whose owner is remembered
_KINDS: Final = (stat.S_IFREG, stat.S_IFBLK, stat.S_IFCHR)
#: getxattr's answers of a file system that has no such attributes
_UNSUPPORTED: Final = (errno.EOPNOTSUPP, errno.EPERM, errno.ENOSYS)


def take(path: str, uid: int, gid: int, *, holder: str, remember: bool = True) -> None:
    """Gives `path` to uid:gid.

    :param holder: who uses the file: a guest's uuid, without blanks
    :param remember: its owner is to be restored later
    :raises libvirtError: SYSTEM_ERROR when it can't be done
    """
    try:
        info = os.stat(path)
        if remember:
            _remember(path, info, holder)
        reach("dac-remembered")
        if (info.st_uid, info.st_gid) != (uid, gid):
            os.chown(path, uid, gid)
    except OSError as exc:
        detail = f"unable to set user and group to '{uid}:{gid}' on '{path}'"
        raise system_error(exc.errno or 0, detail, domain=From.SECURITY) from exc
    reach("dac-taken")


def restore(
    path: str, uid: int, gid: int, *, holder: str, remembered: bool = True, alone: bool = True
) -> None:
    """Gives `path` back to its first owner, when `holder` was the last one to use it; never an
    error. A file whose owner nobody could remember goes from uid:gid to root.

    :param alone: others don't use it: what nobody can count need not be left as it is
    """
    try:
        if not (remembered and _supported(path)):
            if alone:
                _chown(path, (0, 0), only_from=(uid, gid))
            return
        holders = _holders(path)
        if holder not in holders:
            return  # never taken, or given back already
        left = [name for name in holders if name != holder]
        count = max(len(left), int(_get(path, _COUNT) or "0") - 1)
        if count:
            _set_holders(path, left)
            _set(path, _COUNT, str(count))
            return
        user, _, group = (_get(path, _OWNER) or "+0:+0").partition(":")
        _chown(path, (int(user), int(group)))
        reach("dac-restored")
        for name in (_COUNT, _OWNER, _STAMP, _HOLDERS):
            _remove(path, name)
    except (OSError, ValueError) as exc:
        if remembered and isinstance(exc, FileNotFoundError):
            return  # gone, or never there: nothing to give back
        LOG.warning("the owner of %s could not be restored: %s", path, exc)


def _remember(path: str, info: os.stat_result, holder: str) -> None:
    if stat.S_IFMT(info.st_mode) not in _KINDS or not _supported(path):
        return
    holders, count = _holders(path), _get(path, _COUNT)
    if holder in holders:
        return
    if _outlived(path):
        count = "0"  # who used it then is gone; whose it was is still known
    elif not holders and count is None:
        _set(path, _OWNER, f"+{info.st_uid}:+{info.st_gid}")
    _set(path, _STAMP, str(_booted()))
    _set_holders(path, [*holders, holder])
    _set(path, _COUNT, str(max(len(holders), int(count or "0")) + 1))


def _holders(path: str) -> list[str]:
    """Who uses the file; those of another boot of the host are gone."""
    names = (_get(path, _HOLDERS) or "").split()
    return [] if _of_another_boot(names) else [name for name in names if "=" not in name]


def _set_holders(path: str, names: Sequence[str]) -> None:
    _set(path, _HOLDERS, " ".join([f"boot={boot_id()}", *names]))


def _outlived(path: str) -> bool:
    return _of_another_boot((_get(path, _HOLDERS) or "").split())


def _of_another_boot(names: Sequence[str]) -> bool:
    boots = [name.removeprefix("boot=") for name in names if name.startswith("boot=")]
    return bool(boots) and boots[0] != boot_id()


@cache
def _booted() -> int:
    """Seconds since the epoch when the host started, for libvirt's sake."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            lines = [line.split() for line in file if line.startswith("btime ")]
    except OSError:
        lines = []
    return int(lines[0][1]) if lines else 0


def _chown(path: str, owner: tuple[int, int], *, only_from: tuple[int, int] | None = None) -> None:
    info = os.stat(path)
    now = (info.st_uid, info.st_gid)
    if now != owner and only_from in (None, now):
        os.chown(path, *owner)


def _supported(path: str) -> bool:
    """Whether the file system keeps such attributes."""
    try:
        os.getxattr(path, _COUNT)
    except OSError as exc:
        return exc.errno not in _UNSUPPORTED
    return True


def _get(path: str, name: str) -> str | None:
    try:
        return os.getxattr(path, name).decode("ascii", "replace").rstrip("\0")
    except OSError as exc:
        if exc.errno == errno.ENODATA:
            return None
        raise


def _set(path: str, name: str, value: str) -> None:
    os.setxattr(path, name, value.encode())


def _remove(path: str, name: str) -> None:
    try:
        os.removexattr(path, name)
    except OSError as exc:
        if exc.errno != errno.ENODATA:
            raise
