# SPDX-License-Identifier: Apache-2.0
"""What the QEMU driver keeps with an active domain (libvirt's qemuDomainObjPrivate)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.cgroup import Cgroup
from nova_pyvirt.core.fdstream import FdStream
from nova_pyvirt.core.perf import PerfEvents
from nova_pyvirt.core.states import Paused, Running
from nova_pyvirt.core.timeline import Timeline
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.monitor import Monitor
from nova_pyvirt.hypervisors.qemu.process import Process
from nova_pyvirt.hypervisors.qemu.unplug import Unplug
from nova_pyvirt.hypervisors.qemu.vcpus import VcpuInfo
from nova_pyvirt.model.cpu import CPU
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import threading

if TYPE_CHECKING:
    from nova_pyvirt.hypervisors.qemu.blockjobs.job import BlockJob
    from nova_pyvirt.hypervisors.qemu.events.worker import EventWorker

#: where control groups are unless a definition says otherwise
PARTITION: Final = "/machine"


def partition_of(definition: Domain) -> str:
    """<resource><partition>, or where guests are without."""
    resource = definition.resource
    return str(resource.partition) if resource and resource.partition else PARTITION


@dataclass(slots=True)
class QemuPrivate:
    """One run of a domain. Attributes change under the domain's lock.

    :ivar lib_dir: the run's own directory (monitor socket, master key)
    :ivar machine: the name of its control group
    :ivar partition: where that group is, <resource><partition>
    :ivar cgroup: that group; it has no controllers where the host lets us make none
    :ivar vcpus: what QEMU says of each possible vCPU, by number
    :ivar perf: performance counters of the process that are on
    :ivar unplugging: devices that the guest is asked to let go of, by alias
    :ivar plugging: devices on their way into the guest, each with the list it belongs to
    :ivar trays: drives whose tray somebody waits to see open, by alias
    :ivar node_index: the last number given to a block node
    :ivar taints: virDomainTaintFlags' words
    :ivar undo: what is given back when the run ends, last acquired first
    :ivar fake_reboot: the guest's next power-off is a reboot
    :ivar paused_shutdown: QEMU stands still between power-off and that reboot
    :ivar being_destroyed: the end of QEMU is our own doing: its end-of-file says nothing new
    :ivar running_reason: what the next RESUME event means; 0 = nothing special
    :ivar paused_reason: what the next STOP event means; 0 = nothing special
    :ivar autodestroy: the guest ends with the connection that started it
    :ivar abandon: ends attempts to reach a monitor
    :ivar streams: who has a console or channel open, by its path
    :ivar announced: an event has said that the guest runs
    :ivar orig_cpu: <cpu> as it was defined, before the start settled it; None = the same
    :ivar migration: the status of QEMU's migration as its last event said it, "" = none said
    :ivar dumped: DUMP_COMPLETED's data, {} before it came
    :ivar saving: the save image under way, "" = none
    :ivar blockjobs: jobs on its disks, by QEMU's id of them
    :ivar clock_base: <clock adjustment=> that QEMU was started with, seconds
    :ivar indexed_thresholds: layers of disks whose threshold was set by their number
    :ivar timeline: what took how long
    """

    caps: QemuCaps
    lib_dir: str
    machine: str
    partition: str = PARTITION
    undo: ExitStack = field(default_factory=ExitStack)
    monitor: Monitor | None = None
    process: Process | None = None
    worker: "EventWorker | None" = None
    cgroup: Cgroup = field(default_factory=lambda: Cgroup({}))
    vcpus: list[VcpuInfo] = field(default_factory=list)
    unplugging: dict[str, Unplug] = field(default_factory=dict)
    plugging: list[tuple[str, Any]] = field(default_factory=list)
    node_index: int = 0
    trays: "dict[str, threading.Event]" = field(default_factory=dict)
    iothread_pids: dict[str, int] = field(default_factory=dict)
    perf: PerfEvents = field(default_factory=PerfEvents)
    taints: list[str] = field(default_factory=list)
    fake_reboot: bool = False
    paused_shutdown: bool = False
    being_destroyed: bool = False
    running_reason: int = int(Running.UNKNOWN)
    paused_reason: int = int(Paused.UNKNOWN)
    autodestroy: bool = False
    announced: bool = False
    started: bool = False
    indexed_thresholds: set[int] = field(default_factory=set)
    clock_base: int = 0
    timeline: Timeline = field(default_factory=Timeline)
    abandon: list[Callable[[], object]] = field(default_factory=list)
    streams: dict[str, FdStream] = field(default_factory=dict)
    orig_cpu: CPU | None = None
    migration: str = ""
    dumped: dict[str, Any] = field(default_factory=dict)
    saving: str = ""
    blockjobs: "dict[str, BlockJob]" = field(default_factory=dict)

    @property
    def vcpu_pids(self) -> dict[int, int]:
        """The thread of each vCPU that is there and has one of its own."""
        return {n: vcpu.thread for n, vcpu in enumerate(self.vcpus) if vcpu.thread}

    @property
    def pid(self) -> int:
        """0 when there is no process."""
        return self.process.pid if self.process is not None else 0

    @property
    def master_key_path(self) -> str:
        """The key that secrets given to this QEMU are encrypted with."""
        return f"{self.lib_dir}/master-key.aes"

    @property
    def monitor_path(self) -> str:
        return f"{self.lib_dir}/monitor.sock"

    @property
    def mon(self) -> Monitor:
        """The monitor.

        :raises libvirtError: OPERATION_FAILED when there is none: QEMU runs, but cannot be asked
        """
        if self.monitor is None:
            raise errors.error(
                Code.OPERATION_FAILED,
                "the monitor of this domain is lost; it can only be destroyed",
            )
        return self.monitor

    def check_wanted(self) -> None:
        """:raises libvirtError: OPERATION_ABORTED when somebody destroys what still starts"""
        if self.being_destroyed:
            detail = "the domain was destroyed while it started"
            raise errors.error(Code.OPERATION_ABORTED, detail)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Notes how long a stage of the start takes.

        :raises libvirtError: OPERATION_ABORTED when the domain is to be destroyed
        """
        self.check_wanted()
        with self.timeline.stage(name):
            yield

    def close(self) -> None:
        """Lets go of QEMU, which goes on: the driver state closes."""
        for give_up in self.abandon:
            give_up()
        monitor, self.monitor = self.monitor, None
        if monitor is not None:
            monitor.close()
        self.perf.close()
        if self.worker is not None:
            self.worker.stop()
        if self.process is not None:
            self.process.close()
