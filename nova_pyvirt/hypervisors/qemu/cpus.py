# SPDX-License-Identifier: Apache-2.0
"""Running and pausing a guest's CPUs; the job's owner calls, with no lock held."""

import logging

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import Detail, Life, Paused, Running, State
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import status, transitions
from nova_pyvirt.hypervisors.qemu.monitor import QMPCommandError
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.state import QemuState

LOG = logging.getLogger(__name__)


def start(state: QemuState, vm: DomainObj, reason: Running) -> None:
    """Runs the guest. Its state is RUNNING for `reason`, and the event is out, on return.

    :raises libvirtError: QEMU refused or does not answer
    """
    private = vm.private
    with vm.lock:
        private.running_reason = int(reason)
    try:
        private.mon.command("cont")
    except QMPCommandError:  # after a timeout it may still happen, for the same reason
        with vm.lock:
            private.running_reason = int(Running.UNKNOWN)
        raise
    private.worker.drain()
    with vm.lock:
        told, private.running_reason = not private.running_reason, int(Running.UNKNOWN)
        if vm.active and not told and vm.state is State.PAUSED:
            transitions.resumed(state, vm, int(reason))


def run_on(
    state: QemuState, vm: DomainObj, private: QemuPrivate, reason: Running, after: str
) -> None:
    """The guest, paused for a while, runs on; when it can't that is told.

    :param private: of the run that was paused; another one is left alone
    :param after: what it was paused for, e.g. "a dump"
    """
    with vm.lock:
        if not vm.active or vm.private is not private or private.being_destroyed:
            return
    try:
        start(state, vm, reason)
    except libvirtError as exc:
        if private.monitor is None or not private.monitor.alive:
            return  # QEMU has ended meanwhile: that is told where its end is seen
        LOG.warning("domain %s could not be resumed after %s: %s", vm.name, after, exc)
        with vm.lock:
            state.bus.lifecycle(vm.ref, Life.SUSPENDED, Detail.SUSPENDED_API_ERROR)
    status.try_save(state, vm)


def stop(state: QemuState, vm: DomainObj, reason: Paused) -> None:
    """Pauses the guest. Its state is PAUSED for `reason`, and the event is out, on return.

    :raises libvirtError: QEMU refused or does not answer
    """
    private = vm.private
    with vm.lock:
        private.paused_reason = int(reason)
    try:
        private.mon.command("stop")
    except QMPCommandError:
        with vm.lock:
            private.paused_reason = int(Paused.UNKNOWN)
        raise
    private.worker.drain()
    with vm.lock:
        told, private.paused_reason = not private.paused_reason, int(Paused.UNKNOWN)
        if vm.active and not told and vm.state is State.RUNNING:
            transitions.paused(state, vm, int(reason))
