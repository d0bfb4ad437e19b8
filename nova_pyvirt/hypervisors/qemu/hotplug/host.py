# SPDX-License-Identifier: Apache-2.0
"""What the host lets a guest have for a device: owners of files, devices in the control group.

Both are found as the difference between the definition with the device and the one without it, so
that what other devices need too stays as it is.
"""

import errno
from contextlib import ExitStack
from typing import Any

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.security import dac
from nova_pyvirt.errors import From, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu.host import labels
from nova_pyvirt.hypervisors.qemu.host.labels import Owned
from nova_pyvirt.hypervisors.qemu.limits import devices
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.common import shallow
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os


def acquire(state: QemuState, vm: DomainObj, whole: Domain, undo: ExitStack) -> None:
    """Gives the guest what the devices of `whole` need and those of its live definition don't.

    :param undo: takes it away again
    :raises libvirtError: SYSTEM_ERROR
    """
    has = vm.definition
    cgroup, settings = vm.private.cgroup, state.settings
    for path, perms in _paths(whole, has):
        if not os.path.exists(path):
            what = f"Path '{path}' is not accessible"
            raise system_error(errno.ENOENT, what, domain=From.CGROUP)
        devices.allow(cgroup, path, perms)
        undo.callback(_deny, vm, path)
    for path, owner, alone in _files(state, whole, has):
        undo.callback(_restore, state, vm, Owned(path, owner, alone))
        dac.take(path, *owner, holder=has.uuid, remember=settings.remember_owner)


def give_back(state: QemuState, vm: DomainObj, whole: Domain, rest: Domain) -> None:
    """Takes from the guest what the devices of `whole` need and those of `rest` don't."""
    try:
        files = _files(state, whole, rest)
    except libvirtError:
        files = []  # a label that names nobody: nothing was given
    for owned in files:
        _restore(state, vm, owned)
    for path, _perms in _paths(whole, rest):
        _deny(vm, path)


def without(definition: Domain, name: str, device: Any) -> Domain:
    """A definition without one device; it shares all the others."""
    rest: Domain = shallow(definition)
    rest.devices = shallow(definition.devices)
    held = rest.devices.__dict__[name]
    if isinstance(held, list):
        rest.devices.__dict__[name] = [other for other in held if other is not device]
    else:
        rest.devices.__dict__[name] = None
    return rest


def having(definition: Domain, name: str, device: Any) -> Domain:
    """A definition with one device more; it shares all the others."""
    whole: Domain = without(definition, name, device)
    held = whole.devices.__dict__[name]
    whole.devices.__dict__[name] = [*held, device] if isinstance(held, list) else device
    return whole


def _paths(whole: Domain, rest: Domain) -> list[tuple[str, str]]:
    kept = {path for path, _perms in devices.needed(rest)}
    return [(path, perms) for path, perms in devices.needed(whole) if path not in kept]


def _files(state: QemuState, whole: Domain, rest: Domain) -> list[Owned]:
    settings = state.settings
    kept = {owned.path for owned in labels.owned(settings, rest)}
    return [owned for owned in labels.owned(settings, whole) if owned.path not in kept]


def _deny(vm: DomainObj, path: str) -> None:
    devices.deny(vm.private.cgroup, path)


def _restore(state: QemuState, vm: DomainObj, owned: Owned) -> None:
    remembered = state.settings.remember_owner
    if remembered or owned.alone:
        dac.restore(
            owned.path,
            *owned.owner,
            holder=vm.definition.uuid,
            remembered=remembered,
            alone=owned.alone,
        )
