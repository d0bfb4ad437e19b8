# SPDX-License-Identifier: Apache-2.0
"""Clients of a display through descriptors (qemuDomainOpenGraphics)."""

import logging
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.native import socket

LOG = logging.getLogger(__name__)
SKIP_AUTH = 1
#: type of display: QEMU's word
_PROTOCOLS: Final = {"vnc": "vnc", "spice": "spice", "dbus": "@dbus-display"}
_NAME: Final = "graphicsfd"


def open_graphics(state: QemuState, dom: DomainRef, index: int, fd: int, flags: int) -> None:
    """qemuDomainOpenGraphics: who is at the other end of a socket becomes a display's client.

    :param index: the how-manieth display
    :param fd: a connected socket; it stays the caller's
    :raises libvirtError: OPERATION_INVALID, INTERNAL_ERROR without such a display,
        CONFIG_UNSUPPORTED for one that takes no sockets
    """
    check_flags(flags, SKIP_AUTH, "qemuDomainOpenGraphics")
    _open(state, dom, index, fd, flags, "virDomainOpenGraphics")


def open_graphics_fd(state: QemuState, dom: DomainRef, index: int, flags: int) -> int:
    """qemuDomainOpenGraphicsFD: a socket of our making; the caller's from then on.

    :raises libvirtError: see open_graphics()
    """
    check_flags(flags, SKIP_AUTH, "qemuDomainOpenGraphicsFD")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        _open(state, dom, index, theirs.fileno(), flags, "virDomainOpenGraphicsFD")
        return ours.detach()


def _open(state: QemuState, dom: DomainRef, index: int, fd: int, flags: int, api: str) -> None:
    vm = state.domains.find(dom)
    with job(vm, Job.MODIFY, api, active=True):
        monitor, protocol = vm.private.mon, _protocol(vm, index)
        monitor.command("getfd", {"fdname": _NAME}, fds=[fd])
        args = {"protocol": protocol, "fdname": _NAME, "skipauth": bool(flags & SKIP_AUTH)}
        try:
            monitor.command("add_client", args)
        except libvirtError:
            try:
                monitor.command("closefd", {"fdname": _NAME})
            except libvirtError as exc:
                LOG.warning("domain %s: %s", vm.name, exc)
            raise


def _protocol(vm: DomainObj, index: int) -> str:
    displays = vm.definition.devices.graphics
    if index >= len(displays):
        detail = f"No graphics backend with index {index}"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    kind = displays[index].type
    if kind not in _PROTOCOLS:
        detail = f"Can only open VNC, SPICE or D-Bus p2p graphics backends, not {kind}"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    return _PROTOCOLS[kind]
