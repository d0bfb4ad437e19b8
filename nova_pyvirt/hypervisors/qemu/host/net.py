# SPDX-License-Identifier: Apache-2.0
"""Network interfaces: tap devices, their bridge, and the descriptors QEMU gets.

Source: the kernel's Documentation/networking/tuntap; libvirt's virnetdevtap for names and MACs.
"""

import errno
import fcntl
import logging
import struct
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from nova_pyvirt import errors
from nova_pyvirt.core.host.program import run
from nova_pyvirt.errors import Code, From, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu.host import bandwidth
from nova_pyvirt.model.devices.interface import Interface
from nova_pyvirt.util.native import os, socket

if TYPE_CHECKING:
    from nova_pyvirt.hypervisors.qemu.start.context import Start

LOG = logging.getLogger(__name__)
_TUNSETIFF: Final = 0x400454CA
_TUNSETPERSIST: Final = 0x400454CB
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR, _IFF_MULTI_QUEUE = 0x0002, 0x1000, 0x4000, 0x0100
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFMTU, _SIOCSIFHWADDR = 0x8913, 0x8914, 0x8922, 0x8924
_SIOCGIFINDEX, _SIOCBRADDIF, _SIOCBRDELIF, _SIOCGIFMTU = 0x8933, 0x89A2, 0x89A3, 0x8921
_IFF_UP: Final = 1
_ARPHRD_ETHER: Final = 1
#: interface types that are a tap device
TAP_TYPES: Final = ("bridge", "ethernet")
#: longest name of a device, its end included
_IFNAMSIZ: Final = 16


def prepare(start: "Start") -> None:
    """Makes the taps of a guest and keeps their descriptors for QEMU.

    :raises libvirtError: SYSTEM_ERROR from the kernel, CONFIG_UNSUPPORTED for a missing bridge
    """
    for interface in start.definition.devices.interfaces:
        if interface.type in TAP_TYPES:
            connect(interface, start.definition.type, start.private.undo, start.fds)


def connect(interface: Interface, virt: str, undo: ExitStack, fds: dict[str, list[int]]) -> None:
    """Makes the tap of an interface and puts it where it belongs; the interface gets its name.

    :param virt: the kind of guest: kvm, qemu
    :param undo: what removes the tap
    :param fds: gets the descriptors, the caller's from then on: the taps by alias, "vhost-" before
        it for the vhost ends
    :raises libvirtError: see prepare(); INTERNAL_ERROR when its script or tc fails
    """
    queues = int(interface.queues or 1)
    virtio = (interface.model or "").startswith("virtio")
    alias = str(interface.alias)
    if not owned(interface) and not exists(str(interface.target)):
        detail = "target managed='no' but specified dev doesn't exist"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    fds[alias] = []
    for _number in range(queues):
        fd, name = open_tap(interface.target, virtio=virtio, multi=queues > 1)
        fds[alias].append(fd)
        interface.target = name
    undo.callback(disconnect, interface)
    if owned(interface):
        _configure(interface)
    if interface.type == "ethernet" and interface.script:
        run([interface.script, str(interface.target)])
    if interface.bandwidth is not None:
        bandwidth.limit(interface.target, interface.bandwidth)
    if virtio and interface.driver_name != "qemu" and virt == "kvm":
        fds[f"vhost-{alias}"] = _open_vhost(interface, queues)


def disconnect(interface: Interface) -> None:
    """Undoes connect(), once; never an error."""
    name, script = interface.target, interface.downscript
    interface.downscript = None
    if interface.type == "ethernet" and script and name:
        try:
            run([script, str(name)])
        except libvirtError as exc:
            LOG.warning("interface %s: %s", name, exc)
    if owned(interface) and name:
        delete_tap(str(name))


def owned(interface: Interface) -> bool:
    """Is the tap ours to make and to remove?"""
    return not (interface.type == "ethernet" and interface.target_managed is False)


def _configure(interface: Interface) -> None:
    name = str(interface.target)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            if interface.mac:
                set_mac(sock, name, tap_mac(interface.mac))
            mtu = interface.mtu or _bridge_mtu(sock, interface)
            if mtu:
                fcntl.ioctl(sock, _SIOCSIFMTU, struct.pack("16si", name.encode(), int(mtu)))
            if interface.type == "bridge":
                join_bridge(sock, str(interface.source_bridge), name)
            set_up(sock, name)
        except OSError as exc:
            detail = f"Unable to set up tap device '{name}'"
            raise system_error(exc.errno or 0, detail) from exc


def open_tap(name: str | None, *, virtio: bool, multi: bool = False) -> tuple[int, str]:
    """Opens a tap device, making it when there is none.

    :param name: None, or a pattern such as ``vnet%d``: the kernel chooses
    :returns: descriptor, name
    :raises libvirtError: SYSTEM_ERROR
    """
    flags = _IFF_TAP | _IFF_NO_PI | (_IFF_VNET_HDR if virtio else 0)
    wanted = name or "vnet%d"
    request = wanted.encode()[: _IFNAMSIZ - 1]
    fd = -1
    try:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        ask = struct.pack("16sH22x", request, flags | (_IFF_MULTI_QUEUE if multi else 0))
        answer = fcntl.ioctl(fd, _TUNSETIFF, ask)
    except OSError as exc:
        if fd >= 0:
            os.close(fd)
        detail = f"Unable to create tap device {wanted}"
        raise system_error(exc.errno or 0, detail) from exc
    return fd, answer[:_IFNAMSIZ].rstrip(b"\0").decode()


def delete_tap(name: str) -> None:
    """A tap without users goes by itself; one made persistent is told to go."""
    try:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if os.path.exists(f"/sys/class/net/{name}"):
            ask = struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI)
            fcntl.ioctl(fd, _TUNSETIFF, ask)
            fcntl.ioctl(fd, _TUNSETPERSIST, 0)
    except OSError:
        return
    finally:
        os.close(fd)


def tap_mac(guest: str) -> str:
    """The tap's own MAC: the guest's with 0xFE in front, so that no bridge takes it as its own."""
    first = "fa" if guest.startswith("fe") else "fe"
    return first + guest[2:]


def set_mac(sock: socket.socket, name: str, mac: str) -> None:
    raw = bytes.fromhex(mac.replace(":", ""))
    fcntl.ioctl(sock, _SIOCSIFHWADDR, struct.pack("16sH6s8x", name.encode(), _ARPHRD_ETHER, raw))


def set_up(sock: socket.socket, name: str) -> None:
    answer = fcntl.ioctl(sock, _SIOCGIFFLAGS, struct.pack("16sH14x", name.encode(), 0))
    flags = struct.unpack("16sH14x", answer)[1]
    fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), flags | _IFF_UP))


def join_bridge(sock: socket.socket, bridge: str, name: str) -> None:
    """:raises libvirtError: SYSTEM_ERROR naming bridge and port"""
    index = interface_index(sock, name)
    try:
        fcntl.ioctl(sock, _SIOCBRADDIF, struct.pack("16si12x", bridge.encode(), index))
    except OSError as exc:
        if exc.errno == errno.ENODEV:
            detail = f"Cannot get interface MTU on '{bridge}'"
            raise system_error(errno.ENODEV, detail) from exc
        raise system_error(exc.errno or 0, f"Unable to add bridge {bridge} port {name}") from exc


def exists(name: str) -> bool:
    """Has the host such a network device?"""
    return os.path.exists(f"/sys/class/net/{name}")


def join(bridge: str, name: str) -> None:
    """Makes a device a port of a bridge.

    :raises libvirtError: SYSTEM_ERROR naming bridge and port
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        join_bridge(sock, bridge, name)


def leave(bridge: str, name: str) -> None:
    """The opposite of join().

    :raises libvirtError: SYSTEM_ERROR naming bridge and port
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            index = interface_index(sock, name)
            fcntl.ioctl(sock, _SIOCBRDELIF, struct.pack("16si12x", bridge.encode(), index))
        except OSError as exc:
            detail = f"Unable to remove bridge {bridge} port {name}"
            raise system_error(exc.errno or 0, detail) from exc


def interface_index(sock: socket.socket, name: str) -> int:
    answer = fcntl.ioctl(sock, _SIOCGIFINDEX, struct.pack("16si12x", name.encode(), 0))
    return int(struct.unpack("16si12x", answer)[1])


def _bridge_mtu(sock: socket.socket, interface: Interface) -> int:
    """A port takes the MTU of its bridge: with a smaller one the bridge would shrink."""
    if interface.type != "bridge":
        return 0
    bridge = interface.source_bridge
    if not bridge:
        raise errors.error(Code.XML_ERROR, "bridge interface without a bridge", domain=From.NONE)
    try:
        answer = fcntl.ioctl(sock, _SIOCGIFMTU, struct.pack("16si12x", bridge.encode(), 0))
    except OSError as exc:
        detail = f"Cannot get interface MTU on '{bridge}'"
        raise system_error(exc.errno or 0, detail) from exc
    return int(struct.unpack("16si12x", answer)[1])


def _open_vhost(interface: Interface, queues: int) -> list[int]:
    """Descriptors of the kernel's virtio back-end; none where the host has none."""
    fds: list[int] = []
    try:
        for _number in range(queues):
            fds.append(os.open("/dev/vhost-net", os.O_RDWR | os.O_CLOEXEC))
    except OSError as exc:
        for fd in fds:
            os.close(fd)
        if interface.driver_name == "vhost":
            detail = "vhost-net was requested for an interface, but is unavailable"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail) from exc
        return []
    return fds
