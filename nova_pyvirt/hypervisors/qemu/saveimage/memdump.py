# SPDX-License-Identifier: Apache-2.0
"""The guest's bare memory as an ELF or kdump file, written by QEMU (qemuDumpToFd)."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.jobdata import Figures, JobData
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import jobstats
from nova_pyvirt.hypervisors.qemu.migration.wait import gone, not_running
from nova_pyvirt.hypervisors.qemu.monitor import QMPCommandError
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.saveimage.create import Target, disk_error, drain, opened
from nova_pyvirt.hypervisors.qemu.saveimage.pump import Pump

_NAME: Final = "dump"
#: seconds without an event after which QEMU is asked
_LOOK: Final = 5.0
#: QEMU's default, asked for by leaving it out
_DEFAULT: Final = "elf"


def run(vm: DomainObj, private: QemuPrivate, data: JobData, target: Target, fmt: str) -> None:
    """
    :param fmt: QEMU's word for the format
    :raises libvirtError: INVALID_ARG for a format this QEMU lacks, SYSTEM_ERROR, OPERATION_FAILED
    """
    with opened(target) as pump:
        with vm.lock:
            data.figures = Figures.MEMDUMP
            private.dumped = {}
        _check_format(private, fmt)
        try:
            _start(private, pump, fmt)
            _wait(vm, private, data)
            drain(vm, private, pump, "domain core dump")
        except OSError as exc:
            raise disk_error(exc, target.path) from exc
        except libvirtError as exc:
            if pump.error is not None:
                raise disk_error(pump.error, target.path) from exc
            raise


def _check_format(private: QemuPrivate, fmt: str) -> None:
    if fmt == _DEFAULT:
        return
    answer = private.mon.command("query-dump-guest-memory-capability", kind="query")
    if fmt not in answer.get("formats", []):
        detail = f"unsupported dumpformat '{fmt}' for this QEMU binary"
        raise errors.error(Code.INVALID_ARG, detail)


def _start(private: QemuPrivate, pump: Pump, fmt: str) -> None:
    args: dict[str, object] = {"paging": False, "protocol": f"fd:{_NAME}", "detach": True}
    if fmt != _DEFAULT:
        args["format"] = fmt
    private.mon.command("getfd", {"fdname": _NAME}, fds=[pump.peer.fileno()])
    pump.given()
    try:
        private.mon.command("dump-guest-memory", args)
    except QMPCommandError:
        private.mon.command("closefd", {"fdname": _NAME})
        raise


def _wait(vm: DomainObj, private: QemuPrivate, data: JobData) -> None:
    """Until QEMU says that it is done."""
    while True:
        with vm.lock:
            vm.jobs.wait_for(lambda: bool(private.dumped) or gone(vm, private), _LOOK)
            if gone(vm, private):
                raise not_running()
            told = private.dumped
        result = told.get("result") or private.mon.command("query-dump", kind="query")
        if result.get("status") == "failed":
            said = told.get("error")
            why = f"failed: {said}" if said else "failed for unknown reason"
            raise errors.error(Code.OPERATION_FAILED, f"memory-only dump {why}")
        if result.get("status") == "completed":
            break
    with vm.lock:
        jobstats.take_dump(data, result)
    data.look()
