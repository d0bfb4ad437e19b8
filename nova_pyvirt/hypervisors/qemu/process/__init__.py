# SPDX-License-Identifier: Apache-2.0
"""QEMU's processes: spawned held, adopted, watched."""

from nova_pyvirt.hypervisors.qemu.process.process import Process, start_time
from nova_pyvirt.hypervisors.qemu.process.spawner import HeldProcess, Reserved, Spawner, SpawnSpec

__all__ = ["HeldProcess", "Process", "Reserved", "SpawnSpec", "Spawner", "start_time"]
