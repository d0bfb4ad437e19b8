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
#: version 2's place among the hierarchies
UNIFIED: Final = "unified"
#: the longest value read, in bytes
_PAGE: Final = 4096
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
    try:
        names = set(os.listdir(root))
    except OSError:
        return {}
    found: dict[str, str] = {
        controller: f"{root}/{controller}" for controller in CONTROLLERS if controller in names
    }
    if "cgroup.controllers" in names:
        found[UNIFIED] = root
    elif UNIFIED in names and os.path.exists(f"{root}/{UNIFIED}/cgroup.controllers"):
        found[UNIFIED] = f"{root}/{UNIFIED}"
    return found


def unified_controllers(path: str) -> frozenset[str]:
    """Controllers that version 2 has in the group `path`; processor time is always there."""
    names = _names(path)
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


def make(path: str, controller: str, *, anew: bool = False) -> bool:
    """Makes a group that processes can be put into; False when the host doesn't let us.

    Groups between it and the hierarchy's own are made too.

    :param controller: "unified" for version 2
    :param anew: one that is there is what a run has left: it goes first, if nobody is in it
    """
    if controller == UNIFIED:
        if anew and os.path.isdir(path):
            remove_tree(path)
        return _make_unified(path)
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        if anew and remove_tree(path):
            return make(path, controller)
        return True
    except FileNotFoundError:
        parent = os.path.dirname(path)
        return (
            os.path.dirname(parent) != parent
            and make(parent, controller)
            and make(path, controller)
        )
    except OSError:
        return False
    if controller == "cpuset":
        _inherit_cpuset(path)
    return True


def _make_unified(path: str) -> bool:
    """Version 2 has to be told which controllers a group has, by the one above."""
    parent = os.path.dirname(path)
    if not os.path.isdir(parent) and not (
        os.path.dirname(parent) != parent and _make_unified(parent)
    ):
        return False
    delegate(parent)
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        pass
    except OSError:
        return False
    return True


def _inherit_cpuset(path: str) -> None:
    """A version 1 cpuset takes no process before it has CPUs and memory nodes."""
    for name in _SETTLE:
        try:
            write(f"{path}/{name}", read(f"{os.path.dirname(path)}/{name}"))
        except OSError:
            continue


def delegate(path: str, wanted: Collection[str] = tuple(_V2)) -> None:
    """Version 2's controllers for the groups below; those that can't be are not there."""
    for name in {_V2[controller] for controller in wanted} & set(_names(path)):
        try:
            write(f"{path}/cgroup.subtree_control", f"+{name}")
        except OSError:
            continue


def _names(path: str) -> list[str]:
    """Version 2's controllers in a group."""
    try:
        return read(f"{path}/cgroup.controllers").split()
    except OSError:
        return []


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


def read(path: str) -> str:
    """One value.

    :raises OSError: it isn't there
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, _PAGE).decode("ascii").strip()
    finally:
        os.close(fd)


def write(path: str, value: str) -> None:
    """Sets one value.

    :raises OSError: the kernel refuses it
    """
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)
