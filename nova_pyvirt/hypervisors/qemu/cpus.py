# SPDX-License-Identifier: Apache-2.0
"""Running and pausing a guest's CPUs; the job's owner calls, with no lock held."""

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import Paused, Running, State
from nova_pyvirt.hypervisors.qemu import transitions
from nova_pyvirt.hypervisors.qemu.monitor import QMPCommandError
from nova_pyvirt.hypervisors.qemu.state import QemuState


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
