# SPDX-License-Identifier: Apache-2.0
"""What keeps a guest's memory from being saved or moved (qemuMigrationSrcIsAllowed)."""

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.blockjobs.job import check_none
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate


def check(vm: DomainObj, private: QemuPrivate) -> None:
    """:raises libvirtError: OPERATION_INVALID with QEMU's reasons; OPERATION_INVALID, CONFIG_...
    for devices that keep state in files
    """
    check_none(vm)
    answer = private.mon.command("query-migrate", kind="query")
    if blockers := answer.get("blocked-reasons"):
        raise errors.error(Code.OPERATION_INVALID, f"cannot migrate domain: {'; '.join(blockers)}")
    _check_cpu(vm)


def _check_cpu(vm: DomainObj) -> None:
    """An invariant counter can't go elsewhere unless its frequency is given."""
    cpu, clock = vm.definition.cpu, vm.definition.clock
    timer = clock.timer("tsc") if clock is not None else None
    if cpu is None or (timer is not None and timer.frequency):
        return
    if any(feature.name == "invtsc" and feature.policy == "require" for feature in cpu.features):
        detail = "domain has 'invtsc' CPU feature but TSC frequency is not specified"
        raise errors.error(Code.OPERATION_INVALID, detail)
