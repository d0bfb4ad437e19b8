# SPDX-License-Identifier: Apache-2.0
"""The CPU that QEMU has really given a guest, into the live definition
(qemuProcessUpdateAndVerifyCPU)."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.caps.cpu import live, x86
from nova_pyvirt.hypervisors.qemu.caps.cpunames import feature_to_qemu
from nova_pyvirt.hypervisors.qemu.guestcpu import definition_of
from nova_pyvirt.hypervisors.qemu.monitor import QMPCommandError
from nova_pyvirt.model.cpu import CPU, CPUFeature
from nova_pyvirt.model.domain import Domain

_FIRST: Final = "/machine/unattached/device[0]"
#: options that say which CPU a guest has
_DECIDING: Final = ("-accel", "-cpu", "-machine", "-smp")
#: command lines that are remembered
_MOST: Final = 64
#: what QEMU says of whole registers: 1 ms for all that takes 400 questions one by one
_WORDS: Final = ("feature-words", "filtered-features")


class Seen:
    """What QEMUs have said of their first CPU: the same QEMU gives it to the same command line again,
    and takes 1 ms to say so.
    """

    def __init__(self) -> None:
        self._said: dict[tuple[str, ...], tuple[QemuCaps, list[Any]]] = {}

    def get(self, caps: QemuCaps, argv: Sequence[str]) -> list[Any] | None:
        """Answers to questions() that the same process would give; None = it must be asked.

        :param caps: made anew when the binary, the kernel or the processor has changed
        """
        found = self._said.get(_key(argv))
        return found[1] if found is not None and found[0] is caps else None

    def keep(self, caps: QemuCaps, argv: Sequence[str], answers: list[Any]) -> None:
        """Remembers answers, if they are whole."""
        if any(isinstance(answer, QMPCommandError) for answer in answers):
            return
        if len(self._said) >= _MOST:
            self._said.clear()
        self._said[_key(argv)] = (caps, answers)


def _key(argv: Sequence[str]) -> tuple[str, ...]:
    """What of a command line decides the CPU."""
    chosen = [argv[0]]
    for option, value in pairwise(argv):
        if option in _DECIDING:
            chosen += [option, value]
    return tuple(chosen)


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
