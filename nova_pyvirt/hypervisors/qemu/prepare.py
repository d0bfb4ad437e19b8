# SPDX-License-Identifier: Apache-2.0
"""What of a start depends on nothing but the host's facts: the definition becomes a live one."""

from collections.abc import Collection
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.host import HostFs
from nova_pyvirt.errors import Code, From, system_error
from nova_pyvirt.hypervisors.qemu import alias, firmware, guestcpu, postparse
from nova_pyvirt.hypervisors.qemu.caps import HostView, QemuCaps, flags, tables
from nova_pyvirt.hypervisors.qemu.caps.firmware import descriptors
from nova_pyvirt.model.devices.graphics import GL, Graphics
from nova_pyvirt.model.domain import Domain

_DRI: Final = "dev/dri"
#: displays that may render on the host's GPU -> the capability to say which
_RENDERING: Final = {
    "spice": "spice-rendernode",
    "egl-headless": "egl-headless.rendernode",
    "dbus": None,
}


def caps_of_run(domain: Domain, caps: QemuCaps) -> QemuCaps:
    """The capabilities one guest runs with: what its machine lacks and what <qemu:capabilities>
    takes away is gone, what that adds is there (qemuProcessPrepareQEMUCaps).

    :raises libvirtError: INTERNAL_ERROR for a name that libvirt does not have
    """
    own = domain.qemu_capabilities
    add = [item.capability for item in own.added] if own is not None else []
    remove = [item.capability for item in own.removed] if own is not None else []
    for name in (*add, *remove):
        if name not in tables.ALL and name not in tables.RETIRED:
            detail = f"invalid qemu namespace capability '{name}'"
            raise errors.error(Code.INTERNAL_ERROR, detail)
    if own is not None:
        caps = caps.filtered(add=add, remove=remove)
        caps = caps.filtered(add=flags.conclude(set(caps.flags), caps.arch))
    return caps.filtered(machine=domain.os.machine, virt_type=domain.type)


def prepare(
    domain: Domain,
    caps: QemuCaps,
    view: HostView,
    nvram_dir: str,
    *,
    fd_groups: Collection[str] = (),
) -> None:
    """Aliases, the guest's CPU, firmware, sizes of memory, the GPU that displays render on.

    :param fd_groups: names of the descriptors that somebody associated with the domain
    :raises libvirtError: CONFIG_UNSUPPORTED, CPU_INCOMPATIBLE, OPERATION_FAILED; INVALID_ARG for
        descriptors nobody gave; NO_NETWORK for a display on a network that isn't there;
        SYSTEM_ERROR on a host without a GPU
    """
    alias.assign(domain)
    guestcpu.expand(domain, caps, view.fs)
    if domain.os.firmware is not None or postparse.read_only_uefi(domain):
        found = descriptors(view.fs, privileged=view.privileged)
        firmware.fill(domain, found, nvram_dir, view.loaders)
    postparse.align(domain)
    for display in domain.devices.graphics:
        _check_network(display)
        _render(display, caps, view.fs)
    _check_descriptors(domain, fd_groups)


def settle_drivers(domain: Domain) -> None:
    """The host's driver of PCI devices that don't say theirs (qemuHostdevPreparePCIDevices)."""
    devices = domain.devices
    wanted = [hostdev for hostdev in devices.hostdevs if hostdev.type == "pci"]
    for device in (*wanted, *(nic for nic in devices.interfaces if nic.type == "hostdev")):
        if device.driver_name in (None, "default"):
            device.driver_name = "vfio"


def _check_network(display: Graphics) -> None:
    for listen in display.listens:
        if listen.type == "network" and not listen.address:
            detail = f"no network with matching name '{listen.network}'"
            raise errors.error(Code.NO_NETWORK, detail, domain=From.NETWORK)


def _render(display: Graphics, caps: QemuCaps, fs: HostFs) -> None:
    """The host's first GPU, for a display that renders and doesn't say where."""
    if display.type not in _RENDERING:
        return
    gl, capability = display.gl, _RENDERING[display.type]
    if display.type != "egl-headless" and not (gl is not None and gl.enable):
        return
    if (gl is not None and gl.rendernode) or (capability and not caps.has(capability)):
        return
    display.gl = gl or GL()
    display.gl.rendernode = _first_gpu(fs)


def _first_gpu(fs: HostFs) -> str:
    try:
        names = [path.name for path in fs.path(_DRI).iterdir()]
    except OSError as exc:
        raise system_error(exc.errno or 0, f"cannot open directory '/{_DRI}'") from exc
    nodes = sorted(name for name in names if name.startswith("renderD"))
    if not nodes:
        raise errors.error(Code.INTERNAL_ERROR, "No DRM render nodes available", domain=From.NONE)
    return f"/{_DRI}/{nodes[0]}"


def _check_descriptors(domain: Domain, known: Collection[str]) -> None:
    """Images that are descriptors must have got them."""
    for disk in domain.devices.disks:
        image = disk
        while image is not None and image.source is not None:
            group = image.source.fdgroup
            if group and image.type in (None, "file", "block") and group not in known:
                detail = f"file descriptor group '{group}' was not associated with the domain"
                raise errors.error(Code.INVALID_ARG, detail)
            image = image.backing


def settle_tls(domain: Domain) -> None:
    """A character device over TCP says whether it is encrypted; by itself it isn't
    (qemuDomainPrepareChardevSourceTLS)."""
    devices = domain.devices
    ports = (*devices.serials, *devices.parallels, *devices.channels, *devices.consoles)
    for backend in (*ports, *devices.redirdevs, *(rng.backend for rng in devices.rngs)):
        if backend is not None and backend.type == "tcp" and backend.source.tls is None:
            backend.source.tls = False
