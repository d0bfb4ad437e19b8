# SPDX-License-Identifier: Apache-2.0
"""Asks a QEMU binary what it can do: one short session, two where it has an accelerator."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from nova_pyvirt.errors import Code, error
from nova_pyvirt.hypervisors.qemu.caps import flags, tables
from nova_pyvirt.hypervisors.qemu.caps.cpunames import feature_from_qemu
from nova_pyvirt.hypervisors.qemu.caps.schema import Schema
from nova_pyvirt.hypervisors.qemu.caps.session import (
    Command,
    CommandFailed,
    ProbeSession,
)
from nova_pyvirt.hypervisors.qemu.caps.types import (
    ACCELERATED,
    Accel,
    CpuDefinition,
    CpuModelInfo,
    CpuProperty,
    Machine,
    QemuCaps,
)

#: the oldest QEMU libvirt 9.0.0 takes
_OLDEST = (4, 2, 0)

#: the machine type of a definition that names none, whatever QEMU's own default (libvirt's list)
_PREFERRED = {
    "i686": "pc",
    "x86_64": "pc",
    "aarch64": "integratorcp",
    "armv7l": "integratorcp",
    "ppc64": "pseries",
    "riscv64": "spike_v1.10",
    "s390x": "s390-ccw-virtio",
}
#: QEMU's target names that libvirt calls otherwise
_ARCH = {"i386": "i686", "arm": "armv7l", "or1k": "or32"}
#: libvirt's Hyper-V enlightenments (domain XML's names)
_HYPERV = (
    "relaxed", "vapic", "spinlocks", "vpindex", "runtime", "synic", "stimer", "reset", "vendor_id",
    "frequencies", "reenlightenment", "tlbflush", "ipi", "evmcs", "avic",
)  # fmt: skip

_FIRST: tuple[str, ...] = (
    "query-target", "query-qmp-schema", "query-kvm", "query-tpm-models", "query-tpm-types",
    "query-migrate-capabilities", "query-sev-capabilities",
    "query-sgx-capabilities",
)  # fmt: skip


def probe(binary: str, *, session: Callable[[str, str], ProbeSession] = ProbeSession) -> QemuCaps:
    """Everything about `binary`, without the cache's stamp.

    :raises libvirtError: it does not start, is too old, or ends half-way
    """
    with session(binary, "kvm:tcg") as first:
        caps = _first(binary, first)
    if caps.virt_type in ACCELERATED and caps.has("tcg"):
        with session(binary, "tcg") as second:
            second.open()
            accel, _ = _accel(second, "qemu", caps.arch)
        caps = replace(caps, accels={**caps.accels, "qemu": accel})
    return caps


def _version(version: dict[str, Any]) -> tuple[int, str]:
    qemu = version["qemu"]
    found = (qemu["major"], qemu["minor"], qemu["micro"])
    if found < _OLDEST:
        dotted = ".".join(map(str, found))
        raise error(
            Code.CONFIG_UNSUPPORTED,
            f"QEMU version >= 4.2.0 is required, but {dotted} found",
        )
    return found[0] * 1000000 + found[1] * 1000 + found[2], version.get("package", "")


def _ask(session: ProbeSession, commands: Iterable[Command]) -> list[Any]:
    """Answers in order; None for what this QEMU refuses or lacks."""
    answers = session.batch(list(commands))
    return [None if isinstance(answer, CommandFailed) else answer for answer in answers]


def _first(binary: str, session: ProbeSession) -> QemuCaps:
    version, package = _version(session.open())
    *answers, types = _ask(session, [*((name, None) for name in _FIRST), ("qom-list-types", None)])
    got = dict(zip(_FIRST, answers, strict=True))
    arch = _ARCH.get(got["query-target"]["arch"], got["query-target"]["arch"])
    names = {entry["name"] for entry in types or ()}
    found = flags.basic(arch, version) | flags.from_schema(Schema(got["query-qmp-schema"]))
    found |= flags.from_types(names)
    kvm = got["query-kvm"] or {}
    if kvm.get("present") and kvm.get("enabled"):
        found.add("kvm")
    found |= _from_lists(got)
    found |= _from_properties(session, names, found)
    found |= _from_options(session)
    found = _without_unsupported(found, got)
    virt_type = "kvm" if "kvm" in found else "qemu"
    accel, hyperv = _accel(session, virt_type, arch)
    found |= _from_machines(session, accel)
    if any(cpu.name == "max" for cpu in accel.cpus):
        found.add("cpu-max")
    return QemuCaps(
        binary=binary,
        version=version,
        package=package,
        arch=arch,
        flags=flags.conclude(found, arch),
        accels={virt_type: accel},
        hyperv=hyperv,
        sev=got["query-sev-capabilities"],
        sgx=got["query-sgx-capabilities"],
    )


def _from_lists(got: dict[str, Any]) -> set[str]:
    migration = {entry["capability"] for entry in got["query-migrate-capabilities"] or ()}
    tpm = flags.from_tpm(got["query-tpm-models"] or (), got["query-tpm-types"] or ())
    return tpm | flags.from_migration(migration)


def _from_options(session: ProbeSession) -> set[str]:
    """After the devices: asking for qxl's properties loads the module that brings -spice."""
    (rows,) = _ask(session, [("query-command-line-options", None)])
    return flags.from_command_line(
        {
            row["option"]: {parameter["name"] for parameter in row["parameters"]}
            for row in rows or ()
        }
    )


def _without_unsupported(found: set[str], got: dict[str, Any]) -> set[str]:
    """QEMU has these device types on every host; only the query says whether they work."""
    gone = set()
    if got["query-sev-capabilities"] is None:
        gone.add("sev-guest")
    sgx = got["query-sgx-capabilities"]
    if sgx is None or not sgx.get("sgx"):
        gone.add("sgx-epc")
    return found - gone


def _from_properties(session: ProbeSession, types: set[str], found: set[str]) -> set[str]:
    devices = flags.wanted_devices(types, found)
    objects = flags.wanted_objects(types, found)
    answers = _ask(
        session,
        [
            *(("device-list-properties", {"typename": name}) for name in devices),
            *(("qom-list-properties", {"typename": name}) for name in objects),
        ],
    )
    described = dict(zip(devices, answers, strict=False))
    listed = dict(zip(objects, answers[len(devices) :], strict=True))
    return flags.from_devices(
        {name: {p["name"]: p for p in answer or ()} for name, answer in described.items()}
    ) | flags.from_objects({name: [p["name"] for p in a or ()] for name, a in listed.items()})


def _from_machines(session: ProbeSession, accel: Accel) -> set[str]:
    """Properties of the machine types in the table; its names may be aliases."""
    canonical = {machine.alias: machine.name for machine in accel.machines}
    wanted = [
        name
        for name, _need, _rows in tables.MACHINE_PROPS
        if name == "none" or canonical.get(name, name) in accel.by_name
    ]
    answers = _ask(
        session,
        [
            ("qom-list-properties", {"typename": f"{canonical.get(name, name)}-machine"})
            for name in wanted
        ],
    )
    named = zip(wanted, answers, strict=True)
    return flags.from_objects({name: [p["name"] for p in answer or ()] for name, answer in named})


def _accel(
    session: ProbeSession, virt_type: str, arch: str
) -> tuple[Accel, tuple[str, ...] | None]:
    """Machines, CPU models, the host's CPU and (with KVM) the Hyper-V enlightenments."""
    model = "host" if virt_type in ACCELERATED else "max"
    commands: list[Command] = [("query-machines", None), ("query-cpu-definitions", None)]
    expansions: list[tuple[str, dict[str, Any] | None]] = [
        ("static", None),
        ("static", {"migratable": False}),
    ]
    if virt_type in ACCELERATED:
        expansions.append(("full", {"migratable": False, "hv-passthrough": True}))
    for type_, props in expansions:
        asked = {"name": model, **({"props": props} if props else {})}
        commands.append(("query-cpu-model-expansion", {"type": type_, "model": asked}))
    machines, cpus, migratable, all_, *full = _ask(session, commands)
    accel = Accel(
        machines=_machines(machines or (), _PREFERRED.get(arch)),
        cpus=tuple(_cpu_definition(cpu) for cpu in cpus or ()),
        host_cpu=_host_cpu(migratable, all_),
    )
    return accel, _hyperv(full[0]) if full and full[0] else None


def _machines(rows: Iterable[dict[str, Any]], preferred: str | None) -> tuple[Machine, ...]:
    """In QEMU's order, the preferred (else QEMU's default) one first."""
    machines = [
        Machine(
            name=row["name"],
            alias=row.get("alias"),
            max_cpus=row.get("cpu-max", 0),
            default=row.get("is-default", False),
            hotplug_cpus=row.get("hotpluggable-cpus", False),
            numa_mem_supported=row.get("numa-mem-supported", True),
            default_cpu=row.get("default-cpu-type"),
            default_ram_id=row.get("default-ram-id"),
            deprecated=row.get("deprecated", False),
        )
        for row in rows
        if row["name"] != "none"
    ]
    first = next((m for m in machines if preferred and preferred in (m.alias, m.name)), None)
    first = first or next((m for m in machines if m.default), None)
    if first is not None:
        machines.remove(first)
        machines.insert(0, first)
    return tuple(machines)


def _cpu_definition(row: dict[str, Any]) -> CpuDefinition:
    blockers = row.get("unavailable-features")
    return CpuDefinition(
        name=row["name"],
        qom_type=row.get("typename") or None,
        usable=None if blockers is None else not blockers,
        blockers=tuple(feature_from_qemu(name) for name in blockers or ()),
        deprecated=row.get("deprecated", False),
    )


def _host_cpu(
    migratable: dict[str, Any] | None, all_: dict[str, Any] | None
) -> CpuModelInfo | None:
    """Both expansions in one: what only the non-migratable one has is on, but not migratable."""
    if migratable is None:
        return None
    model = migratable["model"]
    wider = all_["model"].get("props", {}) if all_ else {}
    properties = []
    for name, value in model.get("props", {}).items():
        if not isinstance(value, bool | int | str):
            continue
        state: bool | None = None
        if isinstance(value, bool) and isinstance(wider.get(name), bool):
            if value:
                state = True
            elif wider[name]:
                value, state = True, False
        properties.append(CpuProperty(name, value, state))
    return CpuModelInfo(model["name"], tuple(properties), migratability=all_ is not None)


def _hyperv(full: dict[str, Any]) -> tuple[str, ...] | None:
    """The enlightenments that are on; None from a QEMU that lists none."""
    on = {
        name.removeprefix("hv-").replace("-", "_")
        for name, value in full["model"].get("props", {}).items()
        if name.startswith("hv-") and (isinstance(value, str) or value)
    }
    return tuple(name for name in _HYPERV if name in on) or None
