# SPDX-License-Identifier: Apache-2.0
"""What one QEMU binary can do, as values (libvirt's virQEMUCaps)."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

#: domain types that use a hardware accelerator, as <domain type=...> names them
ACCELERATED = ("kvm", "hvf")


@dataclass(frozen=True)
class Machine:
    """A machine type.

    :ivar name: QEMU's name, e.g. ``pc-i440fx-7.2``
    :ivar alias: e.g. ``pc``; None when it has none
    :ivar default_cpu: QOM type of the CPU it gets without ``-cpu``
    :ivar default_ram_id: the id of the memory backend QEMU makes by itself
    """

    name: str
    alias: str | None
    max_cpus: int
    default: bool
    hotplug_cpus: bool
    numa_mem_supported: bool
    default_cpu: str | None
    default_ram_id: str | None
    deprecated: bool


@dataclass(frozen=True)
class CpuDefinition:
    """A CPU model of ``query-cpu-definitions``.

    :ivar qom_type: QOM type name, None from a QEMU that does not say
    :ivar usable: None when QEMU does not say
    :ivar blockers: what stands in the way, libvirt's feature names
    """

    name: str
    qom_type: str | None
    usable: bool | None
    blockers: tuple[str, ...]
    deprecated: bool


@dataclass(frozen=True)
class CpuProperty:
    """A property of an expanded CPU model, QEMU's name.

    :ivar migratable: for a boolean: may a guest with it be migrated; None when unknown
    """

    name: str
    value: bool | int | str
    migratable: bool | None = None


@dataclass(frozen=True)
class CpuModelInfo:
    """``host`` (KVM) or ``max`` (TCG), expanded on this host."""

    name: str
    properties: tuple[CpuProperty, ...]
    migratability: bool


@dataclass(frozen=True)
class Accel:
    """What depends on the accelerator."""

    machines: tuple[Machine, ...] = ()
    cpus: tuple[CpuDefinition, ...] = ()
    host_cpu: CpuModelInfo | None = None

    @cached_property
    def by_name(self) -> dict[str, Machine]:
        """Machines by their versioned names."""
        return {machine.name: machine for machine in self.machines}


@dataclass(frozen=True)
class QemuCaps:
    """What a QEMU binary offers.

    :ivar binary: absolute path
    :ivar version: major * 1000000 + minor * 1000 + micro
    :ivar package: the distribution's version string, may be empty
    :ivar arch: libvirt's name of the guest architecture
    :ivar flags: libvirt's capability names
    :ivar accels: by domain type (``kvm``, ``qemu``)
    :ivar hyperv: the Hyper-V enlightenments KVM offers, libvirt's names; None when not known
    :ivar sev: answer of ``query-sev-capabilities``
    :ivar sgx: answer of ``query-sgx-capabilities``
    """

    binary: str
    version: int
    package: str
    arch: str
    flags: frozenset[str]
    accels: dict[str, Accel]
    hyperv: tuple[str, ...] | None = None
    sev: dict[str, Any] | None = None
    sgx: dict[str, Any] | None = None
    stamp: dict[str, Any] = field(default_factory=dict, compare=False)

    def has(self, name: str) -> bool:
        """Is libvirt's capability `name` (e.g. ``device.json``) there?"""
        return name in self.flags

    @property
    def kvm(self) -> bool:
        """Can guests be of type "kvm"?"""
        return "kvm" in self.flags

    @property
    def virt_type(self) -> str | None:
        """The best domain type this binary serves: kvm, hvf, qemu or None."""
        for flag, virt_type in (("kvm", "kvm"), ("hvf", "hvf"), ("tcg", "qemu")):
            if flag in self.flags:
                return virt_type
        return None

    def serves(self, virt_type: str) -> bool:
        """Can it run <domain type=`virt_type`>?"""
        return {"qemu": "tcg"}.get(virt_type, virt_type) in self.flags and virt_type in (
            "qemu",
            *ACCELERATED,
        )

    def serves_arch(self, arch: str) -> bool:
        """Can it run guests of `arch`?"""
        narrower = {"x86_64": "i686", "aarch64": "armv7l", "armv7l": "armv6l", "ppc64": "ppc64le"}
        return arch in (self.arch, narrower.get(self.arch))

    def accel(self, virt_type: str | None = None) -> Accel:
        """The part that depends on the accelerator (None: the one probed first)."""
        if virt_type is None:
            virt_type = self.virt_type or "qemu"
        key = virt_type if virt_type in ACCELERATED else "qemu"
        return self.accels.get(key, Accel())

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machine types of the accelerator probed first, the preferred one at the front."""
        return self.accel().machines

    def machine(self, name: str, virt_type: str | None = None) -> Machine | None:
        """The machine type with that canonical name."""
        return self.accel(virt_type).by_name.get(name)

    def canonical_machine(self, name: str, virt_type: str | None = None) -> str:
        """The name behind an alias (``pc`` -> ``pc-i440fx-7.2``); other names unchanged."""
        for machine in self.accel(virt_type).machines:
            if machine.alias == name:
                return machine.name
        return name

    def preferred_machine(self, virt_type: str | None = None) -> str | None:
        """The machine type for a definition that names none."""
        machines = self.accel(virt_type).machines
        return machines[0].name if machines else None

    def max_cpus(self, machine: str, virt_type: str | None = None) -> int:
        """The most virtual CPUs `machine` (canonical name) takes, 0 when not known."""
        found = self.machine(machine, virt_type)
        return found.max_cpus if found else 0

    def machine_default_cpu(self, machine: str, virt_type: str | None = None) -> str | None:
        """The CPU model a `machine` (canonical name) has without ``-cpu``."""
        found = self.machine(machine, virt_type)
        if found is None or found.default_cpu is None:
            return None
        for cpu in self.accel(virt_type).cpus:
            if cpu.qom_type == found.default_cpu:
                return cpu.name
        return None

    def cpu_models(self, virt_type: str | None = None) -> tuple[CpuDefinition, ...]:
        """QEMU's own CPU models."""
        return self.accel(virt_type).cpus

    def filtered(
        self,
        *,
        add: Iterable[str] = (),
        remove: Iterable[str] = (),
        machine: str | None = None,
        virt_type: str | None = None,
    ) -> "QemuCaps":
        """The copy one guest's start works with: qemu:capabilities and what `machine` lacks."""
        flags = (set(self.flags) | set(add)) - set(remove)
        found = self.machine(machine, virt_type) if machine else None
        if machine and not (found and found.hotplug_cpus):
            flags.discard("query-hotpluggable-cpus")
        return replace(self, flags=frozenset(flags))
