# SPDX-License-Identifier: Apache-2.0
"""The CPU that QEMU has really given a guest, into the live definition
(qemuProcessUpdateAndVerifyCPU)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.caps.cpu import live, x86
from nova_pyvirt.hypervisors.qemu.caps.cpunames import feature_to_qemu
from nova_pyvirt.hypervisors.qemu.guestcpu import definition_of
from nova_pyvirt.hypervisors.qemu.monitor import Monitor, QMPCommandError
from nova_pyvirt.model.cpu import CPU, CPUFeature

_FIRST: Final = "/machine/unattached/device[0]"
#: what QEMU says of whole registers: 1 ms for all that takes 400 questions one by one
_WORDS: Final = ("feature-words", "filtered-features")


def update(vm: DomainObj, monitor: Monitor) -> None:
    """Settles the live definition's CPU.

    :raises libvirtError: OPERATION_FAILED when the guest must have had exactly the CPU that its
        definition says (check='full'), and has not; CONFIG_UNSUPPORTED
    """
    cpu = vm.definition.cpu
    if cpu is None or vm.definition.os.arch not in x86.ARCHES:
        return
    if cpu.mode == "custom" and not cpu.model:
        return
    words = _ask(monitor, _WORDS)
    if any(word is None for word in words):
        return  # a machine without such CPUs
    enabled, disabled = (_bits(word) for word in words)
    enabled |= _registers(monitor, cpu)
    _verify(cpu, enabled)
    guest = definition_of(cpu)
    live.update(guest, enabled, disabled)
    with vm.lock:
        cpu.features = [
            CPUFeature(policy=policy or "require", name=name)
            for name, policy in guest.features.items()
        ]
        cpu.check = "full"


def _ask(monitor: Monitor, properties: Sequence[str]) -> list[Any]:
    """Properties of the first CPU; None for one it does not have."""
    asked = [("qom-get", {"path": _FIRST, "property": name}) for name in properties]
    answers = monitor.batch(asked, return_errors=True)
    return [None if isinstance(answer, QMPCommandError) else answer for answer in answers]


def _bits(words: Sequence[Mapping[str, Any]]) -> int:
    """QEMU's list of CPUID registers as our bits."""
    registers = {
        (
            int(word["cpuid-input-eax"]),
            int(word.get("cpuid-input-ecx", 0)),
            str(word["cpuid-register"]).lower(),
        ): int(word["features"])
        for word in words
    }
    return x86.get().data(registers).bits


def _registers(monitor: Monitor, cpu: CPU) -> int:
    """Features in model specific registers, which the words leave out: those that are wanted."""
    known = x86.get()
    wanted = x86.wanted(definition_of(cpu))
    names = [f.name for f in known.features.values() if f.msr and wanted & f.mask == f.mask]
    answers = _ask(monitor, [feature_to_qemu(name) for name in names])
    return known.union(name for name, answer in zip(names, answers, strict=True) if answer)


def _verify(cpu: CPU, enabled: int) -> None:
    asked = any(f.name == "invtsc" and f.policy in ("require", "force") for f in cpu.features)
    mask = x86.get().features["invtsc"].mask
    if asked and enabled & mask != mask:
        raise errors.error(Code.CONFIG_UNSUPPORTED, "host doesn't support invariant TSC")
