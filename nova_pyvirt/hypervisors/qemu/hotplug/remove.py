# SPDX-License-Identifier: Apache-2.0
"""What remains to do when a guest has let go of a device (qemuDomainRemoveDevice)."""

import logging
from typing import Any

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.states import EventID
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import audit, status
from nova_pyvirt.hypervisors.qemu.hotplug import host
from nova_pyvirt.hypervisors.qemu.hotplug.find import by_alias
from nova_pyvirt.hypervisors.qemu.hotplug.kinds import KINDS
from nova_pyvirt.hypervisors.qemu.hotplug.plug import take_back
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.native import threading

LOG = logging.getLogger(__name__)


def removed(state: QemuState, vm: DomainObj, name: str, device: Any) -> None:
    """QEMU has the device no more: what was behind it goes, the host's part, the definition's.

    Every step may have been done before, by one who died then.
    """
    reach("unplug-gone")
    clean_up(state, vm, name, device)
    reach("unplug-cleaned")
    with vm.lock:
        KINDS[name].drop(vm.definition, device)
        audit.device(vm, name, device, None, "detach")
        state.bus.emit(vm.ref, EventID.DEVICE_REMOVED, str(device.alias))
    status.try_save(state, vm)
    reach("unplug-done")


def clean_up(state: QemuState, vm: DomainObj, name: str, device: Any) -> bool:
    """All of it but the definition's part.

    :returns: False: something in QEMU still uses what was behind the device
    """
    kind = KINDS[name]
    done = [take_back(vm, command, args) for command, args in kind.backends(device)]
    kind.release(state, vm, device)
    whole = host.having(vm.definition, name, device)
    host.give_back(state, vm, whole, host.without(whole, name, device))
    return all(done)


def later(state: QemuState, vm: DomainObj, alias: str) -> None:
    """The guest let go of a device when nobody waited any more; needs a job, which the worker that
    calls must not wait for.
    """
    private = vm.private
    threading.Thread(
        target=_later, args=(state, vm, private, alias), name="unplugged", daemon=True
    ).start()


def _later(state: QemuState, vm: DomainObj, private: Any, alias: str) -> None:
    try:
        with job(vm, Job.MODIFY, "device-deleted"):
            with vm.lock:
                if not vm.active or vm.private is not private:
                    return
                name, device = by_alias(vm.definition, alias)
            if name in KINDS:
                removed(state, vm, name, device)
    except libvirtError as exc:
        LOG.warning("domain %s: device %s has gone: %s", vm.name, alias, exc)
