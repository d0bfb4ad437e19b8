# SPDX-License-Identifier: Apache-2.0
"""QEMU has ended or its guest has panicked: what becomes of the domain."""

import logging
from typing import Any

from nova_pyvirt.core import logfile
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import AsyncJob, Job
from nova_pyvirt.core.jobdata import Operation
from nova_pyvirt.core.states import Detail, EventID, Shutoff, State
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import autodump, reboot, status, stop, transitions, unplug
from nova_pyvirt.hypervisors.qemu.jobs import async_job, job
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.native import threading

LOG = logging.getLogger(__name__)
_HYPERV = ("arg1", "arg2", "arg3", "arg4", "arg5")
#: seconds a QEMU that has closed its monitor may take to end
_DYING = 5.0


def on_eof(state: QemuState, vm: DomainObj, reason: str) -> None:
    """The monitor has ended. With the process still there the guest may be well: it is kept."""
    private = vm.private
    unplug.ended(vm)
    with vm.lock:
        if not vm.active or private.being_destroyed or not private.started:
            return
        private.monitor = None
    if private.process is not None and not private.process.wait(_DYING):
        LOG.error("domain %s: the monitor is lost (%s), QEMU lives and is kept", vm.name, reason)
        private.process.on_exit(lambda: private.worker.eof("QEMU has ended"))
        with vm.lock:
            state.bus.emit(vm.ref, EventID.CONTROL_ERROR)
        status.try_save(state, vm)
        return
    if private.being_destroyed:
        return  # meanwhile: whoever does it does the rest too
    try:
        _ended(state, vm, private)
    except libvirtError:
        if private.worker is not None:
            private.worker.eof(reason)  # somebody keeps the job too long; it must not be forgotten
        raise


def _ended(state: QemuState, vm: DomainObj, private: QemuPrivate) -> None:
    with job(vm, Job.DESTROY, "monitor-eof"):
        with vm.lock:
            if not vm.active or vm.private is not private or private.being_destroyed:
                return
            orderly = vm.state is State.SHUTDOWN
        shutoff = Shutoff.SHUTDOWN if orderly else Shutoff.CRASHED
        detail = Detail.STOPPED_SHUTDOWN if orderly else Detail.STOPPED_FAILED
        stop.stop_process(state, vm, shutoff)
        stop.announce(state, vm, detail)


def on_panic(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """GUEST_PANICKED: needs a job, which the worker must not wait for."""
    action = str(vm.definition.on_crash or "destroy")
    private = vm.private
    if info := panic_text(data.get("info")):
        logfile.append(state.paths.log_file(vm.name), f"{logfile.timestamp()}: panic {info}")
    threading.Thread(
        target=_panic, args=(state, vm, private, action), name="panic", daemon=True
    ).start()


def _panic(state: QemuState, vm: DomainObj, private: Any, action: str) -> None:
    try:
        with async_job(
            vm, AsyncJob.DUMP, "guest-panic", Operation.DUMP, autodump.MEMORY_ONLY
        ) as data:
            with vm.lock:
                if not vm.active or vm.private is not private:
                    return
                transitions.crashed(state, vm)
            status.try_save(state, vm)
            if action.startswith("coredump-"):
                autodump.write(state, vm, private, data)
            _act(state, vm, action)
    except libvirtError as exc:
        LOG.warning("domain %s: its panic could not be handled: %s", vm.name, exc)


def panic_text(info: Any) -> str:
    """What QEMU knows of a panic, in libvirt's words; "" for nothing, or for a kind without any."""
    if not isinstance(info, dict):
        return ""
    if info.get("type") == "hyper-v":
        words = [f"{key}='0x{int(info.get(key, 0)):x}'" for key in _HYPERV]
        return f"hyper-v: {', '.join(words)}"
    if info.get("type") == "s390":
        words = [f"core='{info.get('core')}'"]
        words += [f"{key}='0x{int(info.get(key, 0)):016x}'" for key in ("psw-mask", "psw-addr")]
        return f"s390: {' '.join([*words, repr(info.get('reason'))])}"
    return ""


def _act(state: QemuState, vm: DomainObj, action: str) -> None:
    """What <on_crash> says."""
    if action in ("destroy", "coredump-destroy"):
        vm.private.being_destroyed = True
        stop.stop_process(state, vm, Shutoff.CRASHED)
        stop.announce(state, vm, Detail.STOPPED_CRASHED)
    elif action in ("restart", "coredump-restart"):
        with vm.lock:
            vm.private.fake_reboot = True
        reboot.fake_reboot(state, vm)
