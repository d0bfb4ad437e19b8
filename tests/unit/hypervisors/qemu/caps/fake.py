# SPDX-License-Identifier: Apache-2.0
"""Capabilities and probing sessions that need no QEMU."""

from collections.abc import Sequence
from typing import Any

from nova_pyvirt.hypervisors.qemu.caps import (
    Accel,
    CpuDefinition,
    CpuModelInfo,
    CpuProperty,
    Machine,
    QemuCaps,
)
from nova_pyvirt.hypervisors.qemu.caps.session import Command, CommandFailed


def machine(name: str, alias: str | None = None, **fields: Any) -> Machine:
    plain: dict[str, Any] = {
        "max_cpus": 255, "default": False, "hotplug_cpus": True, "numa_mem_supported": False,
        "default_cpu": "qemu64-x86_64-cpu", "default_ram_id": "pc.ram", "deprecated": False,
    }  # fmt: skip
    return Machine(name, alias, **{**plain, **fields})


def caps(*flags: str, **fields: Any) -> QemuCaps:
    accel = Accel(
        machines=(machine("pc-i440fx-7.2", "pc"), machine("pc-q35-7.2", "q35", max_cpus=288)),
        cpus=(
            CpuDefinition("qemu64", "qemu64-x86_64-cpu", True, (), False),
            CpuDefinition("Conroe", "Conroe-x86_64-cpu", False, ("lahf_lm",), False),
        ),
        host_cpu=CpuModelInfo(
            "max",
            (
                CpuProperty("sse2", True, True),
                CpuProperty("invtsc", True, False),
                CpuProperty("vendor", "AuthenticAMD"),
                CpuProperty("family", 15),
            ),
            True,
        ),
    )
    plain: dict[str, Any] = {
        "binary": "/usr/bin/qemu-system-x86_64", "version": 7002022, "package": "x",
        "arch": "x86_64", "flags": frozenset({"tcg", *flags}), "accels": {"qemu": accel},
    }  # fmt: skip
    return QemuCaps(**{**plain, **fields})


class FakeSession:
    """Answers from a table; what is not in it is CommandNotFound."""

    def __init__(self, answers: dict[str, Any], version: tuple[int, int, int] = (7, 2, 22)) -> None:
        self.answers = answers
        self.asked: list[Command] = []
        self._version = dict(zip(("major", "minor", "micro"), version, strict=True))

    def __enter__(self) -> "FakeSession":
        return self

    def __exit__(self, *_exc: object) -> None:
        return None

    def open(self) -> dict[str, Any]:
        return {"qemu": self._version, "package": "fake"}

    def batch(self, commands: Sequence[Command]) -> list[Any]:
        self.asked += commands
        return [self._answer(*command) for command in commands]

    def _answer(self, name: str, arguments: dict[str, Any] | None) -> Any:
        found = self.answers.get(name, CommandFailed("CommandNotFound", "no"))
        return found(arguments) if callable(found) else found
