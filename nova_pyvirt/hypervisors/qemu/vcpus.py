# SPDX-License-Identifier: Apache-2.0
"""What QEMU says of a guest's possible vCPUs: threads, places, names (qemu_monitor.c)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import VCPU

#: how QEMU's list of vCPUs is ordered by us
_PLACE: Final = ("node-id", "socket-id", "die-id", "core-id", "thread-id")
_PERIPHERAL: Final = "/machine/peripheral/"


@dataclass(slots=True)
class VcpuInfo:
    """One possible vCPU.

    :ivar thread: its thread, 0 without one of its own
    :ivar units: how many vCPUs come and go with it; 0 = it belongs to an earlier one
    :ivar alias: its id when it was plugged in, "" otherwise
    :ivar kind: the device to plug in
    :ivar props: where that goes
    :ivar order: the how-manieth it was to be there, 0 = it isn't
    """

    thread: int = 0
    online: bool = False
    hotpluggable: bool = False
    units: int = 1
    alias: str = ""
    kind: str = ""
    props: dict[str, Any] = field(default_factory=dict)
    order: int = 0
    path: str = ""


def read(
    cpus: Sequence[Mapping[str, Any]], slots: Sequence[Mapping[str, Any]], pid: int
) -> list[VcpuInfo]:
    """The vCPUs by number.

    :param cpus: QEMU's query-cpus-fast
    :param slots: query-hotpluggable-cpus; [] for a machine without
    :param pid: QEMU's process; a vCPU with that thread has none of its own
    """
    ordered = sorted(cpus, key=lambda cpu: int(cpu["cpu-index"]))
    found = _from_slots(ordered, slots) if slots else [_plain(cpu) for cpu in ordered]
    threads = [info.thread for info in found if info.thread]
    if pid in threads or len(set(threads)) != len(threads):
        for info in found:  # TCG in one thread: pinning it would pin all of QEMU
            info.thread = 0
    return found


def _plain(cpu: Mapping[str, Any]) -> VcpuInfo:
    return VcpuInfo(int(cpu["thread-id"]), True, path=str(cpu.get("qom-path", "")))


def _from_slots(
    cpus: Sequence[Mapping[str, Any]], slots: Sequence[Mapping[str, Any]]
) -> list[VcpuInfo]:
    found: list[VcpuInfo] = []
    for slot in sorted(slots, key=lambda s: [int(s["props"].get(name, -1)) for name in _PLACE]):
        path = str(slot.get("qom-path", ""))
        alias = path.removeprefix(_PERIPHERAL) if path.startswith(_PERIPHERAL) else ""
        units = int(slot.get("vcpus-count", 1))
        for number in range(units):
            found.append(
                VcpuInfo(
                    online=bool(path),
                    hotpluggable=bool(alias) or not path,
                    units=0 if number else units,
                    alias=alias,
                    kind=str(slot["type"]),
                    props=dict(slot["props"]),
                    path=path,
                )
            )
    _match(cpus, found)
    return found


def _match(cpus: Sequence[Mapping[str, Any]], found: list[VcpuInfo]) -> None:
    """Threads and the order of coming, by QEMU's object paths."""
    order = 0
    for cpu in cpus:
        path = str(cpu.get("qom-path", "")).partition("/thread")[0]
        mine = [info for info in found if info.path == path]
        if mine and not mine[0].order:
            order += 1
            mine[0].order = order
        for info in mine:
            if not info.thread:
                info.thread = int(cpu["thread-id"])
                break


def individual(domain: Domain) -> list[VCPU]:
    """A line for each vCPU, as a definition without <vcpus> means them."""
    if domain.vcpus:
        return list(domain.vcpus)
    known = domain.vcpu_max - domain.vcpus_added
    return [
        VCPU(
            id=number,
            enabled=number < domain.vcpu_count,
            hotpluggable=number >= domain.vcpu_count if number < known else None,
        )
        for number in range(domain.vcpu_max)
    ]


def recount(domain: Domain) -> None:
    """The count follows from the lines."""
    if domain.vcpus:
        online = sum(bool(vcpu.enabled) for vcpu in domain.vcpus)
        domain.vcpu_current = None if online == domain.vcpu_max else online
