# SPDX-License-Identifier: Apache-2.0
"""Measuring how fast a guest changes its memory (qemu_driver.c)."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.domain import Domain

BITMAP, RING = 1, 2
_LEAST, _MOST = 1, 60
_MODES: Final = {BITMAP: "dirty-bitmap", RING: "dirty-ring"}


def start_dirty_rate_calc(state: QemuState, dom: DomainRef, seconds: int, flags: int) -> None:
    """qemuDomainStartDirtyRateCalc: the result is among the statistics when the time is over.

    :raises libvirtError: CONFIG_UNSUPPORTED, OPERATION_INVALID, OPERATION_UNSUPPORTED; what QEMU
        says
    """
    check_flags(flags, BITMAP | RING, "qemuDomainStartDirtyRateCalc")
    if not _LEAST <= seconds <= _MOST:
        detail = f"seconds={seconds} is invalid, please choose value within [{_LEAST}, {_MOST}]."
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    vm = state.domains.find(dom)
    with vm.lock:
        vm.require_active()
        definition, caps = vm.definition, vm.private.caps
    if not caps.has("calc-dirty-rate"):
        raise _unsupported("QEMU does not support calculating dirty page rate")
    args: dict[str, object] = {"calc-time": seconds}
    mode = BITMAP if flags & BITMAP else flags & RING
    if mode:
        if mode == RING and not _has_ring(definition):
            raise _unsupported("dirty-ring calculation mode requires dirty-ring feature enabled.")
        if not caps.has("dirtyrate-param.mode"):
            raise _unsupported("QEMU does not support dirty page rate calculation mode.")
        args["mode"] = _MODES[mode]
    with job(vm, Job.MODIFY, "virDomainStartDirtyRateCalc", active=True):
        vm.private.mon.command("calc-dirty-rate", args)


def _has_ring(definition: Domain) -> bool:
    features = definition.features
    return features is not None and features.kvm is not None and bool(features.kvm.dirty_ring)


def _unsupported(detail: str) -> libvirtError:
    return errors.error(Code.OPERATION_UNSUPPORTED, detail)
