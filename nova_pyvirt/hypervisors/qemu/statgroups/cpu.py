# SPDX-License-Identifier: Apache-2.0
"""STATE, CPU_TOTAL, VCPU and VM: states, processor times, what the accelerator counts."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.host import proc
from nova_pyvirt.hypervisors.qemu.statgroups.request import Request
from nova_pyvirt.util.typed import Int, UInt, ULLong

_RUNNING: Final = 1  # VIR_VCPU_RUNNING
_POLL: Final = ("halt_poll_success_ns", "halt_poll_fail_ns")
#: QEMU's type of a statistic: the end of its name
_KINDS: Final = {"cumulative": "sum", "instant": "cur", "peak": "max"}


def state(request: Request) -> None:
    """state.state, state.reason."""
    request.found["state.state"] = int(request.vm.state)
    request.found["state.reason"] = request.vm.reason


def total(request: Request) -> None:
    """cpu.*: nanoseconds of the whole guest."""
    used = _used(request)
    if used is not None:
        for name, value in zip(("time", "user", "system"), used, strict=True):
            request.found[f"cpu.{name}"] = ULLong(value)
    if request.private is None:
        return
    request.found["cpu.cache.monitor.count"] = UInt(0)
    polled = _polled(request)
    if polled is not None:
        for name, value in zip(("success", "fail"), polled, strict=True):
            request.found[f"cpu.haltpoll.{name}.time"] = ULLong(value)


def _used(request: Request) -> tuple[int, int, int] | None:
    """(all, user, system)."""
    private = request.private
    if private is None:
        return 0, 0, 0
    try:
        if private.cgroup.has("cpuacct"):
            values = private.cgroup.values("cpuacct")
            return values.cpu_time(), *values.cpu_times()
        times = proc.times(private.pid)
    except libvirtError:
        return None
    return times.total, times.user, times.system


def _polled(request: Request) -> tuple[int, int] | None:
    """Time that idle vCPUs looked for work, with and without success."""
    args = {"target": "vcpu", "providers": [{"provider": "kvm", "names": list(_POLL)}]}
    rows = _query(request, args)
    if rows is None:
        return None
    sums = [0, 0]
    for row in rows:
        values = {str(s["name"]): s["value"] for s in row.get("stats", ())}
        if not all(name in values for name in _POLL):
            return None
        for number, name in enumerate(_POLL):
            sums[number] += int(values[name])
    return sums[0], sums[1]


def _query(request: Request, args: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    if request.monitor is None or not request.has("query-stats"):
        return None
    try:
        found: list[dict[str, Any]] = request.monitor.command(
            "query-stats", dict(args), kind="query"
        )
    except libvirtError:
        return None
    return found


def vcpus(request: Request) -> None:
    """vcpu.N.*: state, nanoseconds run, wanted to run, stood in the queue."""
    definition, private, found = request.definition, request.private, request.found
    found["vcpu.current"] = UInt(definition.vcpu_count)
    found["vcpu.maximum"] = UInt(definition.vcpu_max)
    if private is None or not private.vcpu_pids:
        return
    kernel = _schema(request, "vcpu")
    rows = _query(request, {"target": "vcpu"}) if kernel else None
    for number, thread in private.vcpu_pids.items():
        try:
            used = proc.times(private.pid, thread).total
        except libvirtError:
            return
        head = f"vcpu.{number}"
        found[f"{head}.state"] = Int(_RUNNING)
        found[f"{head}.time"] = ULLong(used)
        found[f"{head}.wait"] = ULLong(proc.waited(private.pid, thread))
        found[f"{head}.delay"] = ULLong(proc.delayed(private.pid, thread))
        path = private.vcpus[number].path
        _add(request, head, (row for row in rows or () if row.get("qom-path") == path), kernel)


def vm(request: Request) -> None:
    """vm.*: what the accelerator counts for the whole guest."""
    if request.monitor is None:
        return
    schema = _schema(request, "vm")
    rows = _query(request, {"target": "vm"}) if schema else None
    if rows is not None and len(rows) == 1:
        _add(request, "vm", rows, schema)


def _schema(request: Request, target: str) -> dict[str, dict[str, Any]]:
    """What each statistic of a target is, by name."""
    if request.monitor is None or not request.has("query-stats-schemas"):
        return {}
    try:
        rows = request.monitor.command("query-stats-schemas", kind="query")
    except libvirtError:
        return {}
    return {
        str(one["name"]): one
        for row in rows
        if row.get("target") == target
        for one in row.get("stats", ())
    }


def _add(
    request: Request,
    head: str,
    rows: Iterable[Mapping[str, Any]],
    schema: Mapping[str, Mapping[str, Any]],
) -> None:
    for row in rows:
        for one in row.get("stats", ()):
            name, value = str(one["name"]), one["value"]
            kind = _KINDS.get(str(schema.get(name, {}).get("type")))
            if kind is None:
                continue
            if schema[name].get("unit") == "boolean":
                request.found[f"{head}.{name}.{kind}"] = bool(value)
            elif isinstance(value, int) and value >= 0:
                request.found[f"{head}.{name}.{kind}"] = ULLong(value)
