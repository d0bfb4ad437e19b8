# SPDX-License-Identifier: Apache-2.0
"""What a device needs of the host, seen before anything has been made for it. Where libvirt sees it
first too, the error is libvirt's.
"""

import errno
from collections.abc import Iterator
from typing import Final

from nova_pyvirt.core.secrets import SecretStore
from nova_pyvirt.errors import Code, From, error, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu.host import secrets
from nova_pyvirt.model.devices.chardev import Backend
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.devices.interface import Interface
from nova_pyvirt.model.devices.storage import DiskSource, Secret
from nova_pyvirt.util.native import os, socket

#: the longest name of a network interface, without its end
_LONGEST_NAME: Final = 15


def check_interface(interface: Interface) -> None:
    """:raises libvirtError: SYSTEM_ERROR for a name that the kernel can't have; NO_NETWORK"""
    name = interface.target or ""
    if len(name) > _LONGEST_NAME:
        detail = f"Network interface name '{name}' is too long"
        raise system_error(errno.ERANGE, detail, domain=From.NONE)
    if interface.type == "network":
        detail = f"no network with matching name '{interface.source_network}'"
        raise error(Code.NO_NETWORK, detail, domain=From.NETWORK)


def check_secrets(disk: Disk, store: SecretStore) -> None:
    """The secrets that a disk needs are there, and have values.

    :raises libvirtError: NO_SECRET
    """
    for secret in (*_secrets_of(disk.source), *_own_secrets(disk)):
        secrets.value(store, secret)


def _secrets_of(source: DiskSource | None) -> Iterator[Secret]:
    if source is None:
        return
    if source.encryption is not None:
        yield from source.encryption.secrets
    if source.auth is not None and source.auth.secret is not None:
        yield source.auth.secret


def _own_secrets(disk: Disk) -> Iterator[Secret]:
    """Of <encryption> and <auth> beside <source>, the older form."""
    if disk.auth is not None and disk.auth.secret is not None:
        yield disk.auth.secret
    if disk.encryption is not None:
        yield from disk.encryption.secrets


def check_chardev(device: Backend, *, made: str) -> None:
    """
    :param made: a directory that the caller itself is going to make
    :raises libvirtError: its other end isn't there, or busy
    """
    source, kind = device.source, device.type
    path = source.path
    if kind == "unix" and path:
        if source.mode == "connect":
            if not os.path.exists(path):
                detail = f"Failed to connect to '{path}': No such file or directory"
                raise refused(detail)
        elif os.path.dirname(path) != made and not os.path.isdir(os.path.dirname(path) or "/"):
            detail = f"Unable to bind to UNIX socket path '{path}'"
            raise system_error(errno.ENOENT, detail, domain=From.QEMU)
    elif kind == "tcp" and source.mode == "bind" and (source.service or "").isdigit():
        host, port = source.host or "0.0.0.0", int(source.service or 0)
        if port and not bindable(host, port):
            raise refused(f"port {port} on {host} is in use")
    elif kind == "dev" and path:
        check_exists(path)
    elif kind == "pipe" and path and not os.path.exists(path):
        check_exists(f"{path}.in")


def check_exists(path: str) -> None:
    """libvirt meets a missing one when it gives it to QEMU's user.

    :raises libvirtError: SYSTEM_ERROR
    """
    if not os.path.exists(path):
        raise system_error(errno.ENOENT, f"unable to stat: {path}", domain=From.SECURITY)


def refused(detail: str) -> libvirtError:
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
