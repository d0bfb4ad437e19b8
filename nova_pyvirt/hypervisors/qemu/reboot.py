# SPDX-License-Identifier: Apache-2.0
"""A reboot that QEMU knows nothing of: the guest powers off, we reset and run it again."""

import logging
import signal

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.states import Running, State
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import cpus, status
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.native import threading

LOG = logging.getLogger(__name__)


def fake_reboot(state: QemuState, vm: DomainObj) -> None:
    """Resets and continues the guest on a thread of its own: it needs a job."""
    threading.Thread(target=_run, args=(state, vm), name="reboot", daemon=True).start()


def _run(state: QemuState, vm: DomainObj) -> None:
    private = vm.private
    try:
        with job(vm, Job.MODIFY, f"reboot-{vm.name}", active=True):
            private.mon.command("system_reset")
            reason = Running.CRASHED if vm.state is State.CRASHED else Running.BOOTED
            cpus.start(state, vm, reason)
    except libvirtError as exc:
        if private.being_destroyed:
            return  # somebody was quicker
        LOG.error("domain %s could not be rebooted and is ended: %s", vm.name, exc)
        if private.process is not None:
            private.process.signal(signal.SIGKILL)
    finally:
        with vm.lock:
            private.paused_shutdown = False
            private.fake_reboot = False
    status.try_save(state, vm)
