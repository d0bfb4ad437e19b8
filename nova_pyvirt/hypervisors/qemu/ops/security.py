# SPDX-License-Identifier: Apache-2.0
"""Security labels of running domains (qemu_driver.c): of the drivers none and dac; what an encrypted
guest's owner can check.
"""

from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu import identity
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.native import os
from nova_pyvirt.util.typed import Params, UInt

#: label, is it enforced?
Label = tuple[str, int]
_NONE: Label = ("", 0)
_STRING_OKAY = 4


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


def get_launch_security_info(state: QemuState, dom: DomainRef, flags: int) -> Params:
    """qemuDomainGetLaunchSecurityInfo: what AMD's firmware has measured; nothing of other guests.

    :raises libvirtError: OPERATION_INVALID when it does not run
    """
    vm = state.domains.find(dom)
    security = vm.definition.launch_security
    if security is None or security.type != "sev":
        return {}
    check_flags(flags, _STRING_OKAY, "qemuDomainGetSEVInfo")
    with job(vm, Job.QUERY, "virDomainGetLaunchSecurityInfo", active=True):
        measured, sev = vm.private.mon.batch(
            [("query-sev-launch-measure", None), ("query-sev", None)]
        )
    return {
        "sev-measurement": str(measured["data"]),
        "sev-api-major": UInt(sev["api-major"]),
        "sev-api-minor": UInt(sev["api-minor"]),
        "sev-build-id": UInt(sev["build-id"]),
        "sev-policy": UInt(sev["policy"]),
    }
