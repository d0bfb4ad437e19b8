# SPDX-License-Identifier: Apache-2.0
"""The control groups of a guest, version 1 and 2, and those of its threads.

Where the host doesn't let us make groups there are none: a guest needs them only when its
definition has limits.
"""

import logging
from collections.abc import Collection
from functools import cached_property
from typing import Final

from nova_pyvirt.core.cgroup import layout
from nova_pyvirt.core.cgroup.layout import CONTROLLERS, ROOT, UNIFIED
from nova_pyvirt.core.cgroup.v1 import V1
from nova_pyvirt.core.cgroup.v2 import V2
from nova_pyvirt.core.cgroup.values import Values, write
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.util.native import os, time

LOG = logging.getLogger(__name__)
#: controllers that threads have groups of their own for
_THREADED: Final = ("cpu", "cpuacct", "cpuset")
#: seconds between attempts to remove a group
_PAUSES: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
_told: set[str] = set()


class Cgroup:
    """One guest's group, or one of its threads', in every hierarchy that took it.

    :ivar paths: controller -> directory; UNIFIED is version 2
    """

    def __init__(self, paths: dict[str, str]) -> None:
        self.paths = paths
        self._v1 = V1(paths)
        unified = paths.get(UNIFIED)
        self._v2 = V2(unified) if unified is not None else None

    @cached_property
    def _on_v2(self) -> frozenset[str]:
        unified = self.paths.get(UNIFIED)
        return layout.unified_controllers(unified) if unified is not None else frozenset()

    @classmethod
    def create(
        cls,
        machine: str,
        *,
        partition: str = "/machine",
        controllers: Collection[str] = CONTROLLERS,
        root: str = ROOT,
    ) -> "Cgroup":
        """Makes the groups of a new run, as far as the host allows; a host without any is told of
        once.

        :param controllers: only these; none at all when empty
        """
        paths = {}
        where = layout.partition_path(partition)
        for controller, base in layout.hierarchies(root).items():
            if controller not in (*controllers, UNIFIED) or not controllers:
                continue
            path = f"{base}/{where}/{machine}"
            if layout.make(path, controller, anew=True):
                paths[controller] = path
        if not paths and controllers and root not in _told:
            _told.add(root)
            LOG.warning("no control groups can be made below %s: guests run without", root)
        return cls(paths)

    @classmethod
    def find(cls, machine: str, *, partition: str = "/machine", root: str = ROOT) -> "Cgroup":
        """The groups that exist."""
        where = layout.partition_path(partition)
        every = {c: f"{b}/{where}/{machine}" for c, b in layout.hierarchies(root).items()}
        return cls({c: path for c, path in every.items() if os.path.isdir(path)})

    def has(self, controller: str) -> bool:
        """Can this controller's values be used?"""
        return controller in self.paths or controller in self._on_v2

    @property
    def controllers(self) -> list[str]:
        """The controllers there are."""
        return [name for name in CONTROLLERS if self.has(name)]

    def values(self, controller: str) -> Values:
        """The values of a controller that is there."""
        if self._v2 is not None and controller in self._on_v2:
            return self._v2
        return self._v1

    @property
    def devices(self) -> V1 | None:
        """Who may use which device; version 2 leaves that to programs nobody here loads."""
        return self._v1 if "devices" in self.paths else None

    def procs(self) -> list[str]:
        """Files that name the group's processes."""
        return [f"{path}/cgroup.procs" for path in dict.fromkeys(self.paths.values())]

    def joining(self, inner: "Cgroup") -> list[str]:
        """Files into which a process of one thread, born in the version 2 group if there is one,
        writes 0 to be in this group, as `inner`, a thread's group (see thread()).
        """
        files = []
        for controller, path in self.paths.items():
            within = inner.paths.get(controller)
            if controller != UNIFIED:
                files.append(f"{within or path}/tasks")
            elif within is not None:
                files.append(f"{within}/cgroup.threads")
        return files

    def thread(self, name: str) -> "Cgroup":
        """The group of some threads of the guest: emulator, vcpuN, iothreadN; made if need be.

        Without a processor controller it is empty.
        """
        paths = {}
        for controller, path in self.paths.items():
            sub = f"{path}/{name}"
            if controller == UNIFIED:
                if layout.make(sub, controller) and _make_threaded(sub):
                    layout.delegate(path, ("cpu", "cpuset"))
                    paths[controller] = sub
            elif controller in _THREADED and layout.make(sub, controller):
                paths[controller] = sub
        return Cgroup(paths)

    def add_thread(self, thread: int) -> None:
        """Puts a thread into the group. The first of some waits for the kernel, 5-15 ms.

        :raises libvirtError: SYSTEM_ERROR
        """
        for controller, path in self.paths.items():
            name = "cgroup.threads" if controller == UNIFIED else "tasks"
            write(f"{path}/{name}", thread)

    def remove_thread(self, name: str) -> None:
        """Removes a thread's group; one still in use stays."""
        for path in dict.fromkeys(self.paths.values()):
            layout.remove_tree(f"{path}/{name}")

    def remove(self) -> None:
        """Removes the groups and what is below them.

        The kernel may need a moment more after a process's end, and tells nobody when it is done:
        it is asked again for up to a second. Groups that others have put processes into stay.
        """
        left = list(dict.fromkeys(self.paths.values()))
        for pause in (*_PAUSES, 0.0):
            left = [path for path in left if not layout.remove_tree(path)]
            if not left:
                return
            time.sleep(pause)
        LOG.warning("control groups still in use: %s", ", ".join(left))


def _make_threaded(path: str) -> bool:
    """A version 2 group for single threads of a process that is in the group above."""
    try:
        if os.path.exists(f"{path}/cgroup.type"):
            write(f"{path}/cgroup.type", "threaded")
    except libvirtError:
        return False
    return True
