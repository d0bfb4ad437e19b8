# SPDX-License-Identifier: Apache-2.0
"""Where control groups are: the hierarchies of a host, the directory of a guest.

Layout as libvirt's without systemd: machine/qemu-ID-NAME.libvirt-qemu below each hierarchy. Of a
host that has both versions, what version 2 has is used from there; processor time is counted there
too, as libvirt does.
"""

import getpass
import hashlib
import re
from collections.abc import Collection, Iterator
from typing import Final

from nova_pyvirt.util.native import os, time

ROOT: Final = "/sys/fs/cgroup"
CONTROLLERS: Final = ("cpu", "cpuacct", "cpuset", "memory", "devices", "blkio")
#: controller -> its name in version 2; processor time needs none
_V2: Final = {"cpu": "cpu", "cpuset": "cpuset", "memory": "memory", "blkio": "io"}
#: characters of a machine's name
_LONGEST: Final = 64
#: seconds for a group to get its process: before, it is empty without being left behind
_YOUNG: Final = 60.0
_SETTLE: Final = ("cpuset.cpus", "cpuset.mems")
#: top directories that libvirt takes as they are; others get a suffix
_PLAIN: Final = ("machine", "user", "system")


def hierarchies(root: str = ROOT) -> dict[str, str]:
    """Controller -> mount point, of those below `root`; "unified" is version 2's."""
    found = {c: f"{root}/{c}" for c in CONTROLLERS if os.path.isdir(f"{root}/{c}")}
    for unified in (root, f"{root}/unified"):
        if os.path.exists(f"{unified}/cgroup.controllers"):
            found["unified"] = unified
            break
    return found


def unified_controllers(path: str) -> frozenset[str]:
    """Controllers that version 2 has in the group `path`; processor time is always there."""
    try:
        with open(f"{path}/cgroup.controllers", encoding="ascii") as file:
            names = file.read().split()
    except OSError:
        names = []
    return frozenset(["cpuacct", *(c for c, name in _V2.items() if name in names)])


def machine_name(ident: int, name: str, *, root: str | None = None) -> str:
    """The group's name (virDomainDriverGenerateMachineName); two drivers on a host don't share one.

    :param root: the directory of an embedded driver
    """
    owner = getpass.getuser() if os.geteuid() else ""
    if root is not None:
        owner = f"embed-{hashlib.sha256(root.encode()).hexdigest()[:8]}"
    head = f"qemu-{owner}-{ident}-" if owner else f"qemu-{ident}-"
    kept = re.sub(r"([.-])[.-]+", r"\1", re.sub(r"[^A-Za-z0-9.-]", "", name))
    return f"{(head + kept.lstrip('.-'))[:_LONGEST].rstrip('.-')}.libvirt-qemu"


def stale(mine: str, keep: Collection[str], *, root: str = ROOT) -> list[str]:
    """Directories of groups like `mine` that are of no guest any more, nested ones not named.

    :param mine: a name that the driver would give (see machine_name())
    :param keep: names of groups in use
    """
    match = re.match(r"(qemu-(?:[^-]+-)*?)\d+-", mine)
    if match is None:
        return []
    pattern = re.compile(rf"{re.escape(match[1])}\d+-.*\.libvirt-qemu\Z")
    return [
        path
        for base in hierarchies(root).values()
        for path in _children(f"{base}/machine")
        if pattern.match(os.path.basename(path))
        and os.path.basename(path) not in keep
        and _age(path) > _YOUNG
    ]


def _age(path: str) -> float:
    """Seconds since something was made or removed in a directory; 0 when it has gone."""
    try:
        return time.time() - os.stat(path).st_mtime
    except OSError:
        return 0.0


def partition_path(partition: str) -> str:
    """The directory of a <partition>: /production is production.partition."""
    parts = [part for part in partition.split("/") if part not in ("", ".", "..")]
    named = [
        part if (number == 0 and part in _PLAIN) or "." in part else f"{part}.partition"
        for number, part in enumerate(parts)
    ]
    return "/".join(named) or "machine"


def make(path: str) -> bool:
    """Makes a group that processes can be put into; False when the host doesn't let us."""
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        pass
    except OSError:
        return False
    else:
        _inherit_cpuset(path)
    return True


def _inherit_cpuset(path: str) -> None:
    """A version 1 cpuset takes no process before it has CPUs and memory nodes."""
    if os.path.exists(f"{path}/cgroup.controllers"):
        return
    for name in _SETTLE:
        mine = f"{path}/{name}"
        try:
            with open(f"{os.path.dirname(path)}/{name}", encoding="ascii") as file:
                parent = file.read().strip()
            if os.path.exists(mine):
                write(mine, parent)
        except OSError:
            continue


def delegate(path: str, wanted: Collection[str] = tuple(_V2)) -> None:
    """Version 2's controllers for the groups below; those that can't be are not there."""
    try:
        with open(f"{path}/cgroup.controllers", encoding="ascii") as file:
            names = file.read().split()
    except OSError:
        return
    for name in {_V2[controller] for controller in wanted} & set(names):
        try:
            write(f"{path}/cgroup.subtree_control", f"+{name}")
        except OSError:
            continue


def remove_tree(path: str) -> bool:
    """rmdir from the leaves up; False when a group is still in use and stays."""
    gone = all([remove_tree(sub) for sub in _children(path)])
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return gone
    except OSError:
        return False
    return gone


def _children(path: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(path))
    except OSError:
        return
    yield from (entry.path for entry in entries if entry.is_dir(follow_symlinks=False))


def write(path: str, value: str) -> None:
    """Sets one value.

    :raises OSError: the kernel refuses it
    """
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)
