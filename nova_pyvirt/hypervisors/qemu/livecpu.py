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
from nova_pyvirt.hypervisors.qemu.monitor import QMPCommandError
from nova_pyvirt.model.cpu import CPU, CPUFeature
from nova_pyvirt.model.domain import Domain

_FIRST: Final = "/machine/unattached/device[0]"
#: what QEMU says of whole registers: 1 ms for all that takes 400 questions one by one
_WORDS: Final = ("feature-words", "filtered-features")


def questions(domain: Domain) -> list[tuple[str, dict[str, Any]]]:
    """What QEMU is asked of the first CPU; none when the definition leaves the CPU to it."""
    cpu = domain.cpu
    if cpu is None or domain.os.arch not in x86.ARCHES or (cpu.mode == "custom" and not cpu.model):
        return []
    names = (*_WORDS, *(feature_to_qemu(name) for name in _registers(cpu)))
    return [("qom-get", {"path": _FIRST, "property": name}) for name in names]


def update(vm: DomainObj, answers: Sequence[Any]) -> None:
    """Settles the live definition's CPU.

    :param answers: to questions(); a refused one's place holds its error
    :raises libvirtError: OPERATION_FAILED when the guest must have had exactly the CPU that its
        definition says (check='full'), and has not; CONFIG_UNSUPPORTED
    """
    cpu, words = vm.definition.cpu, answers[: len(_WORDS)]
    if cpu is None or not words or any(isinstance(word, QMPCommandError) for word in words):
        return  # a machine without such CPUs
    enabled, disabled = (_bits(word) for word in words)
    values = zip(_registers(cpu), answers[len(_WORDS) :], strict=True)
    enabled |= x86.get().union(name for name, value in values if value is True)
    _verify(cpu, enabled)
    guest = definition_of(cpu)
    live.update(guest, enabled, disabled)
    with vm.lock:
        cpu.features = [
            CPUFeature(policy=policy or "require", name=name)
            for name, policy in guest.features.items()
        ]
        cpu.check = "full"


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


def _registers(cpu: CPU) -> list[str]:
    """Features in model specific registers, which the words leave out: those that are wanted."""
    wanted = x86.wanted(definition_of(cpu))
    return [f.name for f in x86.get().features.values() if f.msr and wanted & f.mask == f.mask]


def _verify(cpu: CPU, enabled: int) -> None:
    asked = any(f.name == "invtsc" and f.policy in ("require", "force") for f in cpu.features)
    mask = x86.get().features["invtsc"].mask
    if asked and enabled & mask != mask:
        raise errors.error(Code.CONFIG_UNSUPPORTED, "host doesn't support invariant TSC")
