# SPDX-License-Identifier: Apache-2.0
"""The machine: KVM, control groups, the user that QEMU runs as."""

import errno
import fcntl
import grp
import pwd
import stat
from collections.abc import Iterator
from typing import Final

from nova_pyvirt.cmd.doctor.finding import FAIL, OK, WARN, Finding, Host, read
from nova_pyvirt.core import cgroup
from nova_pyvirt.util.native import os

_KVM_GET_API_VERSION: Final = 0xAE00
_KVM_CREATE_VM: Final = 0xAE01
_KVM_API: Final = 12
_WANTED: Final = ("cpu", "cpuset", "memory")


def kvm(host: Host) -> Iterator[Finding]:
    """/dev/kvm: there, open to us and to QEMU's user, and able to make a virtual machine."""
    device = f"{host.root}/dev/kvm"
    if not os.path.exists(device):
        text = "enable virtualization in the firmware and load kvm_intel or kvm_amd; in a virtual"
        text += " machine, enable nesting on its host"
        yield Finding("KVM", WARN, "no /dev/kvm: guests are emulated, slowly", text)
        return
    yield _try_kvm(device)
    if host.uid not in (None, 0):
        yield from _kvm_of_user(host, device)


def _try_kvm(device: str) -> Finding:
    try:
        fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError as exc:
        group = _group(os.stat(device).st_gid)
        advice = f"run as root or join group {group}"
        if exc.errno not in (errno.EACCES, errno.EPERM):
            advice = "check the kvm kernel modules (dmesg)"
        return Finding("KVM", FAIL, f"{device}: {os.strerror(exc.errno or 0)}", advice)
    try:
        version = fcntl.ioctl(fd, _KVM_GET_API_VERSION)
        os.close(fcntl.ioctl(fd, _KVM_CREATE_VM, 0))
    except OSError as exc:
        detail = f"{device} makes no virtual machine: {exc.strerror}"
        return Finding("KVM", FAIL, detail, "check the kvm kernel modules (dmesg)")
    finally:
        os.close(fd)
    if version != _KVM_API:
        return Finding("KVM", FAIL, f"API version {version}", "a kernel with KVM API 12 is needed")
    return Finding("KVM", OK, device)


def _kvm_of_user(host: Host, device: str) -> Iterator[Finding]:
    info = os.stat(device)
    if not may(info, host.uid or 0, host.gid or 0, 6):
        user, group = _user(host.uid or 0), _group(info.st_gid)
        text = f"usermod -aG {group} {user}, then restart the guests' manager"
        if info.st_gid == 0 or info.st_mode & 0o060 != 0o060:
            text = f"chgrp kvm {device}; chmod 660 {device} (udev does it where qemu is packaged)"
        yield Finding("KVM for QEMU", FAIL, f"user {user} may not open {device}", text)


def may(info: os.stat_result, uid: int, gid: int, bits: int) -> bool:
    """Whether a user with its groups has permissions (4 read, 2 write, 1 search) by mode bits."""
    if uid == 0:
        return True
    if info.st_uid == uid:
        return (info.st_mode >> 6) & bits == bits
    if info.st_gid == gid or info.st_gid in _groups(uid, gid):
        return (info.st_mode >> 3) & bits == bits
    return info.st_mode & bits == bits


def _groups(uid: int, gid: int) -> list[int]:
    try:
        return os.getgrouplist(pwd.getpwuid(uid).pw_name, gid)
    except KeyError:
        return [gid]


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def cgroups(host: Host) -> Iterator[Finding]:
    """Which controllers there are, and whether we may make groups."""
    root = f"{host.root}{cgroup.ROOT}"
    unified = f"{root}/cgroup.controllers"
    bases = cgroup.hierarchies(root)
    names = set((read(unified) or "").split()) if "unified" in bases else set(bases)
    if not bases:
        text = "mount cgroup2 on /sys/fs/cgroup"
        yield Finding("control groups", WARN, "none: guests run without limits", text)
        return
    version = "version 2" if "unified" in bases else "version 1"
    missing = sorted(set(_WANTED) - names)
    locked = sorted(base for base in bases.values() if not os.access(base, os.W_OK))
    if missing:
        text = "boot with these controllers enabled, or go without limits of these kinds"
        yield Finding("control groups", WARN, f"{version}, no {', '.join(missing)}", text)
    elif locked:
        text = "run as root, or delegate the group (systemd: Delegate=yes)"
        yield Finding("control groups", WARN, f"{version}, {locked[0]} is not writable", text)
    else:
        yield Finding("control groups", OK, version)


def identity(host: Host) -> Iterator[Finding]:
    """The user that QEMU runs as."""
    if os.geteuid() != 0 or host.paths.session:
        yield Finding("QEMU's user", OK, f"{_user(os.geteuid())}, who runs this")
    elif not host.uid:
        text = "create a user: useradd -r -M -s /usr/sbin/nologin -G kvm nova-pyvirt"
        yield Finding("QEMU's user", WARN, "root: a guest that breaks out owns the host", text)
    else:
        yield Finding("QEMU's user", OK, f"{_user(host.uid)}:{_group(host.gid or 0)}")


def images(host: Host) -> Iterator[Finding]:
    """Whether QEMU's user gets to the directories where images usually are."""
    for path in ("/var/lib/nova/instances", f"{host.paths.lib}/images"):
        if os.geteuid() or not host.uid or not os.path.isdir(path):
            continue
        barred = _barred(path, host.uid, host.gid or 0)
        if barred is None:
            yield Finding(path, OK, f"{_user(host.uid)} gets there")
        else:
            mode = stat.filemode(os.stat(barred).st_mode)
            text = f"chmod o+x {barred}, or a group that {_user(host.uid)} is in"
            yield Finding(path, FAIL, f"{_user(host.uid)} may not pass {barred} ({mode})", text)


def _barred(path: str, uid: int, gid: int) -> str | None:
    """The first directory on the way that a user may not pass."""
    parts = path.strip("/").split("/")
    for count in range(1, len(parts) + 1):
        one = "/" + "/".join(parts[:count])
        if not may(os.stat(one), uid, gid, 1):
            return one
    return None
