# SPDX-License-Identifier: Apache-2.0
"""Marks of domains that were treated in ways we can't answer for (virDomainTaintFlags)."""

import logging

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.logfile import append
from nova_pyvirt.hypervisors.qemu import status
from nova_pyvirt.hypervisors.qemu.state import QemuState

LOG = logging.getLogger(__name__)


def mark(state: QemuState, vm: DomainObj, taint: str) -> None:
    """Notes a taint of a running domain, once, in our log and in the domain's.

    :param taint: libvirt's word, e.g. ``custom-monitor``
    """
    with vm.lock:
        private = vm.private
        if private is None or taint in private.taints:
            return
        private.taints.append(taint)
        name, ident, uuid = vm.name, vm.id, vm.definition.uuid
    LOG.warning("domain id=%d name='%s' uuid=%s is tainted: %s", ident, name, uuid, taint)
    status.try_save(state, vm)
    append(state.paths.log_file(name), f"Domain id={ident} is tainted: {taint}")
