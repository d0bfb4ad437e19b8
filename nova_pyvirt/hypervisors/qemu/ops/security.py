# SPDX-License-Identifier: Apache-2.0
"""Security labels of running domains (qemu_driver.c): of the drivers none and dac."""

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu import identity
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.native import os

#: label, is it enforced?
Label = tuple[str, int]
_NONE: Label = ("", 0)


def get_security_label(state: QemuState, dom: DomainRef) -> Label:
    """qemuDomainGetSecurityLabel: the first driver's, which labels nothing."""
    state.domains.find(dom)
    return _NONE


def get_security_label_list(state: QemuState, dom: DomainRef) -> list[Label]:
    """qemuDomainGetSecurityLabelList: each driver's; [] of a domain that is off."""
    vm = state.domains.find(dom)
    with vm.lock:
        if not vm.active:
            return []
        label = identity.dac_label(vm.definition)
        pid = vm.private.pid
    if identity.default(state.settings) is None:
        return [_NONE]
    if label is not None and label.label:
        return [_NONE, (str(label.label), 0)]
    try:
        info = os.stat(f"/proc/{pid}")
    except OSError:
        return [_NONE, _NONE]
    return [_NONE, (f"+{info.st_uid}:+{info.st_gid}", 0)]
