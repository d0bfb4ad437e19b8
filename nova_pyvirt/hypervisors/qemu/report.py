# SPDX-License-Identifier: Apache-2.0
"""The QEMU driver's tables for operators: domains, jobs, monitors, starts."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from nova_pyvirt import conf
from nova_pyvirt.core import states
from nova_pyvirt.core.domain import DomainObj, uuid_text
from nova_pyvirt.core.introspect import REPORTS, Row, metrics, serve_unix
from nova_pyvirt.core.job import Holder
from nova_pyvirt.core.job_matrix import ASYNC_WORDS, JOB_WORDS, AgentJob, AsyncJob, Job
from nova_pyvirt.core.timeline import Timeline
from nova_pyvirt.util import procstat

if TYPE_CHECKING:
    from nova_pyvirt.hypervisors.qemu.state import QemuState

#: seconds for a domain's lock, which nobody holds for long
_LOCK_WAIT: Final = 1.0
#: starts remembered after their guests have ended
_STARTS: Final = 200
_AGENT_WORDS: Final = {AgentJob.QUERY: "agent query", AgentJob.MODIFY: "agent modify"}


class Starts:
    """The last start, or end, of each domain, also of those that are off since."""

    def __init__(self) -> None:
        self._last: OrderedDict[bytes, tuple[str, int, Timeline]] = OrderedDict()

    def add(self, vm: DomainObj, timeline: Timeline, ident: int | None = None) -> None:
        """A start of a domain, whose id is set already, or the end of the one with that id."""
        self._last[vm.uuid] = (vm.name, vm.id if ident is None else ident, timeline)
        self._last.move_to_end(vm.uuid)
        while len(self._last) > _STARTS:
            self._last.popitem(last=False)

    def rows(self) -> list[Row]:
        """domain, uuid, id and what Timeline.row() gives."""
        return [
            {"domain": name, "uuid": uuid_text(uuid), "id": ident, **timeline.row()}
            for uuid, (name, ident, timeline) in list(self._last.items())
        ]


def publish(state: "QemuState") -> Callable[[], None]:
    """Makes the tables of a driver state available; the result ends that."""
    ends = [
        REPORTS.add(
            {
                "domains": lambda: _rows(state, domain_row),
                "jobs": lambda: [row for vm in state.domains for row in _locked(vm, job_rows)],
                "monitors": lambda: _rows(state, monitor_row),
                "starts": state.starts.rows,
                "stops": state.stops.rows,
            }
        ),
        metrics.serve(),
    ]
    if conf.CONF.introspection.socket:
        ends.append(serve_unix(state.paths.introspection_socket))

    def end() -> None:
        for one in reversed(ends):
            one()

    return end


def _rows(state: "QemuState", make: Callable[[DomainObj], Row | None]) -> list[Row]:
    """A row of each domain that has one, running ones first, by id."""
    ordered = sorted(state.domains, key=lambda vm: (not vm.active, vm.id, vm.name))
    return [row for vm in ordered for row in _locked(vm, lambda vm: [make(vm)]) if row]


def _locked(vm: DomainObj, make: Callable[[DomainObj], list[Any]]) -> list[Any]:
    """What `make` says under the domain's lock; beside it when somebody keeps the lock."""
    with _lock(vm):
        return make(vm)


@contextmanager
def _lock(vm: DomainObj) -> Iterator[None]:
    held = vm.lock.acquire(timeout=_LOCK_WAIT)
    try:
        yield
    finally:
        if held:
            vm.lock.release()


def domain_row(vm: DomainObj) -> Row:
    """A domain; sizes in KiB, cpu_ns of the process, since in seconds since the epoch."""
    private, definition = vm.private, vm.definition
    pid = private.pid if private is not None else 0
    cpu_ns, rss = usage(pid)
    return {
        "domain": vm.name,
        "uuid": uuid_text(vm.uuid),
        "id": vm.id,
        "state": states.state_name(vm.state),
        "reason": states.reason_name(vm.state, vm.reason),
        "vcpus": definition.vcpu_current or definition.vcpu_max or 1,
        "memory_kib": definition.current_memory or definition.memory,
        "max_memory_kib": definition.memory,
        "persistent": vm.persistent,
        "autostart": vm.autostart,
        "managed_save": vm.has_managed_save,
        "pid": pid,
        "cpu_ns": cpu_ns,
        "rss_kib": rss,
        "since": private.timeline.begun if private is not None else None,
    }


def usage(pid: int) -> tuple[int, int]:
    """CPU time in ns and resident KiB of a process (proc(5) stat); zeros when it is gone."""
    if not pid:
        return 0, 0
    try:
        fields = procstat.read(pid)
    except OSError:
        return 0, 0
    used = int(fields[procstat.USER]) + int(fields[procstat.SYSTEM])
    return used * procstat.TICK_NS, int(fields[procstat.RSS]) * procstat.PAGE_KIB


def job_rows(vm: DomainObj) -> list[Row]:
    """A row for each lock that is held: lane, job, who since when, how many wait, what QEMU owes."""
    slot = vm.jobs
    held: list[tuple[str, str, Holder | None]] = []
    if slot.active is not Job.NONE:
        held.append(("monitor", JOB_WORDS[slot.active], slot.holder))
    if slot.async_job is not AsyncJob.NONE:
        held.append(("async", ASYNC_WORDS[slot.async_job], slot.async_holder))
    if slot.agent is not AgentJob.NONE:
        held.append(("agent", _AGENT_WORDS[slot.agent], slot.agent_holder))
    pending = _pending(vm)
    return [
        {
            "domain": vm.name,
            "uuid": uuid_text(vm.uuid),
            "lane": lane,
            "job": word,
            "holder": holder.api if holder is not None else "",
            "thread": holder.thread if holder is not None else 0,
            "age": holder.age if holder is not None else 0.0,
            "waiting": slot.queued,
            "command": pending[0][0] if pending else "",
            "command_age": pending[0][1] if pending else 0.0,
        }
        for lane, word, holder in held
    ]


def _pending(vm: DomainObj) -> list[tuple[str, float]]:
    """What QEMU has not answered, oldest first: command, age in seconds."""
    private = vm.private
    if private is None or private.monitor is None:
        return []
    return sorted(private.monitor.pending(), key=lambda item: -item[1])


def monitor_row(vm: DomainObj) -> Row | None:
    """An active domain's monitor; state "connected", "closed" or "none"."""
    private = vm.private
    if private is None:
        return None
    monitor = private.monitor
    pending = _pending(vm)
    return {
        "domain": vm.name,
        "uuid": uuid_text(vm.uuid),
        "id": vm.id,
        "pid": private.pid,
        "state": "none" if monitor is None else "connected" if monitor.alive else "closed",
        "qemu": _version(private.caps.version),
        "path": private.monitor_path,
        "pending": len(pending),
        "command": pending[0][0] if pending else "",
        "command_age": pending[0][1] if pending else 0.0,
    }


def _version(number: int) -> str:
    return f"{number // 1000000}.{number // 1000 % 1000}.{number % 1000}"
