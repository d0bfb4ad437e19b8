# SPDX-License-Identifier: Apache-2.0
"""What QEMU would trip over, seen before anything has been made: it costs microseconds here and a
process there. Where libvirt sees it first too, the error is libvirt's.
"""

import errno
from collections.abc import Iterator
from typing import Final

from nova_pyvirt.errors import Code, From, error, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu.host import hostdevs
from nova_pyvirt.hypervisors.qemu.start.context import Start
from nova_pyvirt.hypervisors.qemu.start.prepare_domain import channel_dir
from nova_pyvirt.model.devices.chardev import Backend
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.devices.graphics import Graphics
from nova_pyvirt.model.devices.storage import DiskSource, Secret
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os, socket

#: the longest name of a network interface, without its end
_LONGEST_NAME: Final = 15


def check(start: Start) -> None:
    """:raises libvirtError: the first thing that is missing, busy or out of reach"""
    definition = start.definition
    _networks(definition)
    hostdevs.check(definition)
    _secrets(definition)
    for graphics in definition.devices.graphics:
        _display(graphics)
    devices = definition.devices
    for device in (*devices.serials, *devices.parallels, *devices.channels, *devices.consoles):
        _chardev(device, made=channel_dir(start))
    _devices(definition)


def _networks(definition: Domain) -> None:
    for interface in definition.devices.interfaces:
        name = interface.target or ""
        if len(name) > _LONGEST_NAME:
            detail = f"Network interface name '{name}' is too long"
            raise system_error(errno.ERANGE, detail, domain=From.NONE)
        if interface.type == "network":
            detail = f"no network with matching name '{interface.source_network}'"
            raise error(Code.NO_NETWORK, detail, domain=From.NETWORK)


def _secrets(definition: Domain) -> None:
    """Nobody keeps secrets for this driver: whoever needs one can't start."""
    for disk in definition.devices.disks:
        for secret in (*_secrets_of(disk.source), *_own_secrets(disk)):
            by = "uuid" if secret.uuid else "usage"
            detail = f"no secret with matching {by} '{secret.uuid or secret.usage}'"
            raise error(Code.NO_SECRET, detail, domain=From.SECRET)


def _secrets_of(source: DiskSource | None) -> Iterator[Secret]:
    if source is None:
        return
    if source.encryption is not None:
        yield from source.encryption.secrets
    if source.auth is not None and source.auth.secret is not None:
        yield source.auth.secret


def _own_secrets(disk: Disk) -> Iterator[Secret]:
    """Of <encryption> and <auth> beside <source>, the older form."""
    if disk.encryption is not None:
        yield from disk.encryption.secrets


def _display(graphics: Graphics) -> None:
    """The ports that the definition names; chosen ones are free."""
    if graphics.type not in ("vnc", "spice") or graphics.socket:
        return
    address = graphics.listen or "127.0.0.1"
    kind = graphics.type.upper()
    for what, port in (
        ("port", graphics.port),
        ("TLS port", graphics.tls_port),
        ("websocket port", graphics.websocket),
    ):
        if port not in (None, "-1", "0") and not bindable(address, int(port)):
            raise _refused(f"{kind} {what} {port} on {address} is in use")


def _chardev(device: Backend, *, made: str) -> None:
    """
    :param made: a directory that the start itself is going to make
    """
    source, kind = device.source, device.type
    path = source.path
    if kind == "unix" and path:
        if source.mode == "connect":
            if not os.path.exists(path):
                detail = f"Failed to connect to '{path}': No such file or directory"
                raise _refused(detail)
        elif os.path.dirname(path) != made and not os.path.isdir(os.path.dirname(path) or "/"):
            detail = f"Unable to bind to UNIX socket path '{path}'"
            raise system_error(errno.ENOENT, detail, domain=From.QEMU)
    elif kind == "tcp" and source.mode == "bind" and (source.service or "").isdigit():
        host, port = source.host or "0.0.0.0", int(source.service or 0)
        if port and not bindable(host, port):
            raise _refused(f"port {port} on {host} is in use")
    elif kind == "dev" and path:
        _exists(path)
    elif kind == "pipe" and path and not os.path.exists(path):
        _exists(f"{path}.in")


def _devices(definition: Domain) -> None:
    for rng in definition.devices.rngs:
        backend = rng.backend
        if backend is not None and backend.model == "random" and backend.path:
            _exists(backend.path)
    for filesystem in definition.devices.filesystems:
        directory = filesystem.source_dir
        if directory and not os.path.isdir(directory):
            raise _refused(f"filesystem source directory '{directory}' does not exist")


def _exists(path: str) -> None:
    """libvirt meets a missing one when it gives it to QEMU's user."""
    if not os.path.exists(path):
        raise system_error(errno.ENOENT, f"unable to stat: {path}", domain=From.SECURITY)


def _refused(detail: str) -> libvirtError:
    """libvirt's code for what QEMU said and ended."""
    return error(Code.INTERNAL_ERROR, detail)


def bindable(host: str, port: int) -> bool:
    """Whether a server can listen there now; True where only QEMU can tell."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            sock.bind((host, port))
            sock.listen(1)
        except socket.gaierror:
            return True
        except OSError as exc:
            return exc.errno != errno.EADDRINUSE
    return True
