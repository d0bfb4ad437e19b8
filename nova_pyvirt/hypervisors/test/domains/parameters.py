# SPDX-License-Identifier: Apache-2.0
"""Typed parameters: scheduler, memory, block weight, NUMA, interfaces, disks, performance events."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test.slots import CONFIG, LIVE, Base, bad_argument, invalid, slot
from nova_pyvirt.model import cpuset
from nova_pyvirt.model.devices.disk import Disk, IOTune
from nova_pyvirt.model.devices.interface import Interface
from nova_pyvirt.model.devices.netport import Bandwidth, Rate
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import UNLIMITED, BlkioTune, MemTune, NumaTune, PerfEvent
from nova_pyvirt.util.typed import Int, Params, UInt, ULLong

_STRINGS: Final = 4
_MEMORY: Final = ("hard_limit", "soft_limit", "swap_hard_limit")
_BLKIO: Final = (
    "device_weight", "device_read_iops_sec", "device_write_iops_sec", "device_read_bytes_sec",
    "device_write_bytes_sec",
)  # fmt: skip
_MODES: Final = ("strict", "preferred", "interleave", "restrictive")
_RATES: Final = (
    ("inbound.average", "inbound", "average"),
    ("inbound.peak", "inbound", "peak"),
    ("inbound.burst", "inbound", "burst"),
    ("inbound.floor", "inbound", "floor"),
    ("outbound.average", "outbound", "average"),
    ("outbound.peak", "outbound", "peak"),
    ("outbound.burst", "outbound", "burst"),
)
_IOTUNE: Final = (
    "total_bytes_sec", "read_bytes_sec", "write_bytes_sec", "total_iops_sec", "read_iops_sec",
    "write_iops_sec", "total_bytes_sec_max", "read_bytes_sec_max", "write_bytes_sec_max",
    "total_iops_sec_max", "read_iops_sec_max", "write_iops_sec_max", "size_iops_sec", "group_name",
    "total_bytes_sec_max_length", "read_bytes_sec_max_length", "write_bytes_sec_max_length",
    "total_iops_sec_max_length", "read_iops_sec_max_length", "write_iops_sec_max_length",
)  # fmt: skip
_PERF: Final = (
    "cmt mbmt mbml cpu_cycles instructions cache_references cache_misses branch_instructions"
    " branch_misses bus_cycles stalled_cycles_frontend stalled_cycles_backend ref_cpu_cycles"
    " cpu_clock task_clock page_faults context_switches cpu_migrations page_faults_min"
    " page_faults_maj alignment_faults emulation_faults"
).split()
_AFFECT: Final = LIVE | CONFIG


class Known(NamedTuple):
    """The parameters that a call takes, in error messages."""

    names: Iterable[str]

    def check(self, params: Params) -> None:
        """:raises libvirtError: INVALID_ARG for a name that isn't known"""
        for name in params:
            if name not in self.names:
                raise bad_argument(f"parameter '{name}' not supported", From.NONE)


def find_interface(made: Domain, device: str) -> Interface:
    """By the host device's name or the MAC address.

    :raises libvirtError: INVALID_ARG
    """
    for nic in made.devices.interfaces:
        if device in (nic.target, nic.mac):
            found: Interface = nic
            return found
    raise bad_argument(f"'{device}' is not a known interface", From.DOMAIN)


def find_disk(made: Domain, path: str | None, detail: str) -> Disk:
    """By the target's name or the source.

    :raises libvirtError: INVALID_ARG with `detail`
    """
    for disk in made.devices.disks:
        if path and path in (disk.target, disk.path):
            found: Disk = disk
            return found
    raise bad_argument(detail)


class ParameterSlots(Base):
    """Reading and setting."""

    @slot()
    def domain_get_scheduler_type(self, dom: DomainRef) -> tuple[str, int]:
        return "fair", 1

    @slot()
    def domain_get_scheduler_parameters(self, dom: DomainRef) -> Params:
        return self.domain_get_scheduler_parameters_flags(dom, 0)

    @slot("testDomainGetSchedulerParametersFlags", _STRINGS)
    def domain_get_scheduler_parameters_flags(self, dom: DomainRef, flags: int) -> Params:
        """The weight is what it is, whatever is set: there is nothing to schedule."""
        self.vm(dom)
        return {"weight": UInt(50)}

    @slot()
    def domain_set_scheduler_parameters(self, dom: DomainRef, params: Params) -> None:
        self.domain_set_scheduler_parameters_flags(dom, params, 0)

    @slot("testDomainSetSchedulerParametersFlags")
    def domain_set_scheduler_parameters_flags(
        self, dom: DomainRef, params: Params, flags: int
    ) -> None:
        Known(("weight",)).check(params)
        self.vm(dom)

    @slot("testDomainGetMemoryParameters", _AFFECT | _STRINGS)
    def domain_get_memory_parameters(self, dom: DomainRef, flags: int) -> Params:
        tune = self.one(dom, flags).memtune
        return {name: ULLong(_limit(tune, name)) for name in _MEMORY}

    @slot("testDomainSetMemoryParameters", _AFFECT)
    def domain_set_memory_parameters(self, dom: DomainRef, params: Params, flags: int) -> None:
        Known(_MEMORY).check(params)
        made = self.one(dom, flags)
        held = self.vm(dom).definition.memtune
        limits = {name: int(_given(params, name, _limit(held, name))) for name in _MEMORY}
        if limits["hard_limit"] > limits["swap_hard_limit"]:
            detail = "memory hard_limit tunable value must be lower than or equal to"
            raise bad_argument(f"{detail} swap_hard_limit")
        made.memtune = made.memtune or MemTune()
        for name, value in params.items():
            setattr(made.memtune, name, int(_number(value)))

    @slot("testDomainGetBlkioParameters", _AFFECT | _STRINGS)
    def domain_get_blkio_parameters(self, dom: DomainRef, flags: int) -> Params:
        tune = self.one(dom, flags).blkiotune
        made: Params = {"weight": UInt((tune.weight or 0) if tune is not None else 0)}
        for name in _BLKIO:
            attribute = name.removeprefix("device_")
            devices = tune.devices if tune is not None else []
            given = [(d.path, getattr(d, attribute)) for d in devices if getattr(d, attribute)]
            made[name] = ",".join(f"{path},{value}" for path, value in given)
        return made

    @slot("testDomainSetBlkioParameters", _AFFECT)
    def domain_set_blkio_parameters(self, dom: DomainRef, params: Params, flags: int) -> None:
        Known(("weight", *_BLKIO)).check(params)
        made = self.one(dom, flags)
        if "weight" in params:
            made.blkiotune = made.blkiotune or BlkioTune()
            made.blkiotune.weight = int(_number(params["weight"]))

    @slot("testDomainGetNumaParameters", _AFFECT | _STRINGS)
    def domain_get_numa_parameters(self, dom: DomainRef, flags: int) -> Params:
        tune = self.one(dom, flags).numatune
        mode = tune.mode if tune is not None and tune.mode else "strict"
        nodes = tune.nodeset if tune is not None and tune.nodeset else ""
        return {"numa_mode": Int(_MODES.index(mode)), "numa_nodeset": str(nodes)}

    @slot("testDomainSetNumaParameters", _AFFECT)
    def domain_set_numa_parameters(self, dom: DomainRef, params: Params, flags: int) -> None:
        Known(("numa_mode", "numa_nodeset")).check(params)
        made = self.one(dom, flags)
        mode = int(_given(params, "numa_mode", -1))
        if "numa_mode" in params and not 0 <= mode < len(_MODES):
            raise bad_argument(f"unsupported numatune mode: '{mode}'")
        text = params.get("numa_nodeset")
        nodes = cpuset.normal(str(text)) if text is not None else None
        if nodes == "":
            raise invalid(f"Invalid nodeset of 'numatune': {text}")
        tune = made.numatune
        running = made is self.vm(dom).definition and self.vm(dom).active
        if running and tune is not None and tune.mode and mode not in (-1, _MODES.index(tune.mode)):
            raise invalid("can't change numatune mode for running domain")
        tune = made.numatune = tune or NumaTune()
        tune.mode = _MODES[mode] if mode != -1 else tune.mode or "strict"
        if nodes is not None:
            tune.nodeset, tune.placement = nodes, "static"

    # --- devices

    @slot("testDomainGetInterfaceParameters", _AFFECT | _STRINGS)
    def domain_get_interface_parameters(self, dom: DomainRef, device: str, flags: int) -> Params:
        band = find_interface(self.one(dom, flags), device).bandwidth
        made: Params = {}
        for name, side, attribute in _RATES:
            rate = getattr(band, side) if band is not None else None
            made[name] = UInt((getattr(rate, attribute) or 0) if rate is not None else 0)
        return made

    @slot("testDomainSetInterfaceParameters", _AFFECT)
    def domain_set_interface_parameters(
        self, dom: DomainRef, device: str, params: Params, flags: int
    ) -> None:
        Known([name for name, _, _ in _RATES]).check(params)
        nic = find_interface(self.one(dom, flags), device)
        band = nic.bandwidth or Bandwidth()
        for side in ("inbound", "outbound"):
            rate = Rate()
            for name, of, attribute in _RATES:
                if of == side and params.get(name):
                    setattr(rate, attribute, int(_number(params[name])))
            if rate.average or rate.floor:
                setattr(band, side, rate)
            elif f"{side}.average" in params or f"{side}.floor" in params:
                setattr(band, side, None)
        nic.bandwidth = band

    @slot("testDomainGetBlockIoTune", _AFFECT | _STRINGS)
    def domain_get_block_io_tune(self, dom: DomainRef, path: str | None, flags: int) -> Params:
        made = self.one(dom, flags)
        tune = find_disk(made, path, f"disk '{path}' was not found in the domain config").iotune
        values = {name: getattr(tune, name) if tune is not None else None for name in _IOTUNE}
        return {
            name: value or "" if name == "group_name" else ULLong(value or 0)
            for name, value in values.items()
        }

    @slot("testDomainSetBlockIoTune", _AFFECT)
    def domain_set_block_io_tune(
        self, dom: DomainRef, path: str, params: Params, flags: int
    ) -> None:
        Known(_IOTUNE).check(params)
        made = self.one(dom, flags)
        disk = find_disk(made, path, f"missing persistent configuration for disk '{path}'")
        tune = IOTune()
        for name, value in params.items():
            given = str(value) if name == "group_name" else int(_number(value))
            setattr(tune, name, given or None)
        _check_iotune(tune)
        disk.iotune = tune

    @slot("testDomainGetPerfEvents", _AFFECT | _STRINGS)
    def domain_get_perf_events(self, dom: DomainRef, flags: int) -> Params:
        on = {one.name for one in self.one(dom, flags).perf_events if one.enabled}
        return {name: name in on for name in _PERF}

    @slot("testDomainSetPerfEvents", _AFFECT)
    def domain_set_perf_events(self, dom: DomainRef, params: Params, flags: int) -> None:
        Known(_PERF).check(params)
        made = self.one(dom, flags)
        known = {one.name: one for one in made.perf_events}
        for name, value in params.items():
            known[name] = PerfEvent(name=name, enabled=bool(value))
        made.perf_events = [known[name] for name in _PERF if name in known]


def _check_iotune(tune: IOTune) -> None:
    """What libvirt refuses of limits that contradict one another."""
    for kind in ("bytes_sec", "iops_sec", "bytes_sec_max", "iops_sec_max"):
        total, read, write = (getattr(tune, f"{way}_{kind}") for way in ("total", "read", "write"))
        if total and (read or write):
            raise bad_argument(f"total and read/write of {kind} cannot be set at the same time")
    for way in ("total", "read", "write"):
        for kind in ("bytes_sec", "iops_sec"):
            name = f"{way}_{kind}"
            if (getattr(tune, name) or 0) > (getattr(tune, f"{name}_max") or 0):
                raise bad_argument(f"{name} cannot be set higher than {name}_max ")


def _limit(tune: MemTune | None, name: str) -> int:
    value = getattr(tune, name) if tune is not None else None
    return UNLIMITED if value is None else int(value)


def _given(params: Params, name: str, default: int) -> Any:
    return _number(params[name]) if name in params else default


def _number(value: Any) -> int:
    """:raises libvirtError: INVALID_ARG for what is no number"""
    if not isinstance(value, int):
        raise error(Code.INVALID_ARG, "expected a number", domain=From.NONE)
    return value
