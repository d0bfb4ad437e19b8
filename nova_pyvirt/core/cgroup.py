# SPDX-License-Identifier: Apache-2.0
"""The control groups of a guest, version 1 and 2.

Layout as libvirt's without systemd: machine/qemu-ID-NAME.libvirt-qemu below each hierarchy. Where
the host doesn't let us make groups there are none: a guest needs them only when its definition has
limits.
"""

import re
from collections.abc import Iterator
from typing import Final

from nova_pyvirt.util.native import os

ROOT: Final = "/sys/fs/cgroup"
CONTROLLERS: Final = ("cpu", "cpuacct", "cpuset", "memory", "devices", "blkio")
_SETTLE: Final = ("cpuset.cpus", "cpuset.mems")


class Cgroup:
    """One guest's group in every hierarchy that took it.

    :ivar paths: controller -> directory; "unified" is version 2
    """

    def __init__(self, paths: dict[str, str]) -> None:
        self.paths = paths

    @classmethod
    def create(cls, machine: str, *, root: str = ROOT) -> "Cgroup":
        """Makes the groups, as far as the host allows."""
        paths = {}
        for controller, base in hierarchies(root).items():
            path = f"{base}/machine/{machine}"
            if _make(f"{base}/machine") and _make(path):
                paths[controller] = path
        return cls(paths)

    @classmethod
    def find(cls, machine: str, *, root: str = ROOT) -> "Cgroup":
        """The groups that exist."""
        every = {c: f"{base}/machine/{machine}" for c, base in hierarchies(root).items()}
        return cls({c: path for c, path in every.items() if os.path.isdir(path)})

    def procs(self) -> list[str]:
        """Files into which a process writes its pid to be in the group."""
        return [f"{path}/cgroup.procs" for path in dict.fromkeys(self.paths.values())]

    def write(self, controller: str, name: str, value: str) -> None:
        """Sets one value.

        :raises OSError: FileNotFoundError without that controller too
        """
        path = self.paths.get(controller) or self.paths.get("unified")
        if path is None:
            raise FileNotFoundError(2, "no such control group controller", controller)
        _write(f"{path}/{name}", value)

    def remove(self) -> None:
        """Removes the groups and what is below them; ones still in use stay."""
        for path in dict.fromkeys(self.paths.values()):
            remove_tree(path)


def hierarchies(root: str = ROOT) -> dict[str, str]:
    """Controller -> mount point (v1), or {"unified": root} (v2), of those below `root`."""
    if os.path.exists(f"{root}/cgroup.controllers"):
        return {"unified": root}
    return {c: f"{root}/{c}" for c in CONTROLLERS if os.path.isdir(f"{root}/{c}")}


def machine_name(ident: int, name: str) -> str:
    """The group's name; what a directory or systemd wouldn't take is left out."""
    clean = re.sub(r"[^A-Za-z0-9_.\-]", "", name)[:64] or "guest"
    return f"qemu-{ident}-{clean}.libvirt-qemu"


def remove_tree(path: str) -> None:
    """rmdir from the leaves up; groups with processes stay."""
    for sub in _children(path):
        remove_tree(sub)
    try:
        os.rmdir(path)
    except OSError:
        return


def _children(path: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(path))
    except OSError:
        return
    yield from (entry.path for entry in entries if entry.is_dir(follow_symlinks=False))


def _make(path: str) -> bool:
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        return True
    except OSError:
        return False
    return _inherit_cpuset(path)


def _inherit_cpuset(path: str) -> bool:
    """A version 1 cpuset takes no process before it has CPUs and memory nodes."""
    for name in _SETTLE:
        mine = f"{path}/{name}"
        try:
            with open(f"{os.path.dirname(path)}/{name}", encoding="ascii") as file:
                parent = file.read().strip()
            if os.path.exists(mine) and not os.path.exists(f"{path}/cgroup.controllers"):
                _write(mine, parent)
        except OSError:
            continue
    return True


def _write(path: str, value: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)
