# SPDX-License-Identifier: Apache-2.0
"""Listening sockets, made here or inherited (systemd's socket activation); READY notification."""

import grp
import logging
import re
import ssl
from dataclasses import dataclass
from typing import Final

from nova_pyvirt.daemon.config import SocketSettings
from nova_pyvirt.errors import Code, From, error, system_error
from nova_pyvirt.util.native import os, socket

LOG = logging.getLogger(__name__)
_BACKLOG: Final = 1000
_FIRST_FD: Final = 3
#: what the names of units and sockets end with
_KIND: Final = re.compile(r"-(admin|ro|tls|tcp)\b")


def unix(path: str, mode: int, group: str = "", backlog: int = _BACKLOG) -> "socket.socket":
    """A listening UNIX socket; never reachable with wider rights than `mode`.

    Raises SYSTEM_ERROR; refuses when another process still answers there.
    """
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    old = os.umask(0o777 & ~mode)
    try:
        sock.bind(path)
        os.chmod(path, mode)
        if group:
            os.chown(path, -1, grp.getgrnam(group).gr_gid)
        sock.listen(backlog)
    except (OSError, KeyError) as exc:
        sock.close()
        number = exc.errno or 22 if isinstance(exc, OSError) else 22
        text = f"Failed to bind socket to '{path}'"
        raise system_error(number, text, domain=From.RPC) from exc
    finally:
        os.umask(old)
    return sock


def _remove_stale(path: str) -> None:
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    with probe:
        try:
            probe.connect(path)
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except OSError as exc:
            raise system_error(exc.errno or 22, f"Cannot use '{path}'", domain=From.RPC) from exc
    text = f"another daemon listens on '{path}'"
    raise error(Code.OPERATION_INVALID, text, domain=From.RPC)


def tcp(address: str, port: int, backlog: int = _BACKLOG) -> "socket.socket":
    """A listening TCP socket."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(backlog)
    except OSError as exc:
        sock.close()
        text = f"Unable to bind to {address}:{port}"
        raise system_error(exc.errno or 22, text, domain=From.RPC) from exc
    return sock


def tls_context(settings: SocketSettings) -> ssl.SSLContext:
    """The server's certificate; clients must show one of the same CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.cert_file, settings.key_file)
        context.load_verify_locations(settings.ca_file)
        if settings.crl_file:
            context.load_verify_locations(settings.crl_file)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    except OSError as exc:
        text = f"Cannot read the certificates ({settings.cert_file})"
        raise system_error(exc.errno or 2, text, domain=From.RPC) from exc
    # libvirt's client waits for the socket, then expects one byte of data: a ticket breaks it
    context.num_tickets = 0
    context.verify_mode = ssl.CERT_NONE if settings.tls_no_verify else ssl.CERT_REQUIRED
    return context


@dataclass
class Activated:
    """A socket that systemd listens on for us."""

    sock: "socket.socket"
    name: str

    @property
    def kind(self) -> str:
        """rw, ro, admin, tcp or tls, by the unit's name or the socket's path."""
        address = self.sock.getsockname()
        path = address if isinstance(address, str) else ""
        found = _KIND.search(self.name) or _KIND.search(os.path.basename(path))
        if found is not None:
            return found[1]
        return "rw" if self.sock.family == socket.AF_UNIX else "tcp"


def activated() -> list[Activated]:
    """The sockets handed over by systemd (sd_listen_fds); the environment is cleaned."""
    pid = os.environ.pop("LISTEN_PID", "")
    count = os.environ.pop("LISTEN_FDS", "0")
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isdigit():
        return []
    made = []
    for index in range(int(count)):
        fd = _FIRST_FD + index
        os.set_inheritable(fd, False)
        name = names[index] if index < len(names) else ""
        made.append(Activated(socket.socket(fileno=fd), name))
    return made


def notify(message: str) -> bool:
    """sd_notify: tells the service manager; False when there is none."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return False
    if path.startswith("@"):
        path = "\0" + path[1:]
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    with sock:
        try:
            sock.sendto(message.encode(), path)
        except OSError as exc:
            LOG.warning("notifying the service manager: %s", exc)
            return False
    return True
