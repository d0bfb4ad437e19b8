# SPDX-License-Identifier: Apache-2.0
"""Each thread of QEMU into its own control group, beside a start when nothing hangs on it.

The kernel waits a grace period (5-15 ms) before it moves the first of some threads. A guest whose
definition limits nothing runs the same meanwhile; limits that are set at that moment go to the
groups, and reach the threads with them.
"""

import logging
from collections.abc import Mapping

from nova_pyvirt.core.cgroup import Cgroup
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.limits import threads
from nova_pyvirt.util.native import os, threading

LOG = logging.getLogger(__name__)


def settle(groups: Mapping[int, Cgroup]) -> None:
    """Moves threads, each into the group named with it.

    :raises libvirtError: SYSTEM_ERROR
    """
    for thread, group in groups.items():
        group.add_thread(thread)


def settle_later(vm: DomainObj, groups: Mapping[int, Cgroup]) -> None:
    """The same beside the caller, for as long as the domain's present run goes on."""
    if any(group.paths for group in groups.values()):
        threading.Thread(target=_settle, args=(vm, groups), name="settle", daemon=True).start()


def _settle(vm: DomainObj, groups: Mapping[int, Cgroup]) -> None:
    private = vm.private
    for thread, group in groups.items():
        try:
            group.add_thread(thread)
        except libvirtError as exc:
            if vm.private is private and os.path.exists(f"/proc/{private.pid}/task/{thread}"):
                LOG.warning("domain %s: thread %d stays where it is: %s", vm.name, thread, exc)


def unsettled(vm: DomainObj) -> dict[int, Cgroup]:
    """Threads that the process which started the guest did not come to move, and their groups."""
    private = vm.private
    names = {thread: f"vcpu{number}" for number, thread in private.vcpu_pids.items()}
    names |= {thread: alias for alias, thread in private.iothread_pids.items()}
    return {
        thread: private.cgroup.thread(name)
        for thread, name in names.items()
        if _is_emulator(private.pid, thread)
    }


def _is_emulator(pid: int, thread: int) -> bool:
    """Whether a thread is where QEMU's own are."""
    try:
        with open(f"/proc/{pid}/task/{thread}/cgroup", encoding="utf-8") as file:
            return any(line.rstrip().endswith(f"/{threads.EMULATOR}") for line in file)
    except OSError:
        return False
