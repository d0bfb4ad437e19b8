# SPDX-License-Identifier: Apache-2.0
"""Gets a connected socket for a remote URI: unix, tcp, tls, ssh, ext."""

import shlex
import ssl
from collections.abc import Callable
from typing import Any, Final

from nova_pyvirt.errors import Code, From, error, from_fields, system_error
from nova_pyvirt.hypervisors.remote.uri import RemoteURI
from nova_pyvirt.util.native import os, socket, subprocess
from nova_pyvirt.wire.client import connect_unix
from nova_pyvirt.wire.tls import TLSSocket

TCP_PORT: Final = 16509
TLS_PORT: Final = 16514
#: seconds for TCP connects and TLS handshakes
CONNECT_DEADLINE: Final = 30.0
_PKI: Final = "/etc/pki"
#: what ssh may see of our environment
_SSH_ENV: Final = (
    "PATH LC_ALL HOME USER LOGNAME TMPDIR XDG_RUNTIME_DIR KRB5CCNAME SSH_AUTH_SOCK SSH_ASKPASS"
    " OPENSSL_CONF DISPLAY XAUTHORITY".split()
)
_children: list["subprocess.Popen[bytes]"] = []


def connect(uri: RemoteURI, readonly: bool) -> Any:
    """A connected blocking socket (or TLSSocket) to the URI's server."""
    way = _WAYS.get(uri.transport)
    if way is None:
        text = f"{uri.transport} transport support was not enabled"
        raise system_error(38, text, domain=From.RPC)
    return way(uri, readonly)


def _unix(uri: RemoteURI, readonly: bool) -> "socket.socket":
    return connect_unix(uri.socket_path(readonly))


def _tcp_socket(host: str, port: int) -> "socket.socket":
    try:
        sock = socket.create_connection((host, port), CONNECT_DEADLINE)
    except socket.gaierror as exc:
        text = f"Unable to resolve address '{host}' service '{port}': {exc.strerror}"
        nine = (int(Code.SYSTEM_ERROR), int(From.RPC), text, 2, "%s", text, None, -1, -1)
        raise from_fields(nine) from exc
    except OSError as exc:
        text = f"unable to connect to server at '{host}:{port}'"
        raise system_error(exc.errno or 110, text, domain=From.RPC) from exc
    sock.settimeout(None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _tcp(uri: RemoteURI, readonly: bool) -> "socket.socket":
    return _tcp_socket(uri.host or "localhost", uri.port or TCP_PORT)


def _tls_context(uri: RemoteURI) -> ssl.SSLContext:
    """CA and client certificate as libvirt lays them out (tlscerts.html)."""
    base = uri.query.get("pkipath")
    if base:
        ca, cert, key = (f"{base}/{n}" for n in ("cacert.pem", "clientcert.pem", "clientkey.pem"))
    else:
        ca = f"{_PKI}/CA/cacert.pem"
        cert = f"{_PKI}/libvirt/clientcert.pem"
        key = f"{_PKI}/libvirt/private/clientkey.pem"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(ca)
        if os.path.exists(cert):
            context.load_cert_chain(cert, key)
    except OSError as exc:
        text = f"Cannot read CA certificate '{ca}'"
        raise system_error(exc.errno or 2, text, domain=From.RPC) from exc
    if uri.query.get("no_verify", "0") not in ("", "0"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _tls(uri: RemoteURI, readonly: bool) -> TLSSocket:
    context = _tls_context(uri)
    host = uri.host or "localhost"
    sock = _tcp_socket(host, uri.port or TLS_PORT)
    sock.settimeout(CONNECT_DEADLINE)
    tls = TLSSocket(sock, context, hostname=host)
    try:
        tls.handshake()
        # the server says with one byte whether it accepts the certificate
        accepted = tls.recv(1)
    except OSError as exc:
        sock.close()
        text = f"Unable to TLS handshake: {exc}"
        raise error(Code.SYSTEM_ERROR, text, domain=From.RPC) from exc
    if accepted != b"\1":
        sock.close()
        text = "server verification (of our certificate or IP address) failed"
        raise error(Code.RPC, text, domain=From.RPC)
    sock.settimeout(None)
    return tls


def ssh_command(uri: RemoteURI, readonly: bool) -> list[str]:
    """The argument list; host, user and key can never be taken for options."""
    for what, value in (("host", uri.host), ("user", uri.user), ("key", uri.query.get("keyfile"))):
        if value is not None and (value.startswith("-") or "\0" in value or not value):
            raise error(Code.INVALID_ARG, f"invalid ssh {what} '{value}'", domain=From.REMOTE)
    argv = [uri.query.get("command", "ssh")]
    if uri.port:
        argv += ["-p", str(uri.port)]
    if uri.user:
        argv += ["-l", uri.user]
    if "keyfile" in uri.query:
        argv += ["-i", uri.query["keyfile"]]
    argv += ["-T", "-e", "none"]
    if uri.query.get("no_tty", "0") not in ("", "0"):
        argv += ["-o", "BatchMode=yes"]
    if uri.query.get("no_verify", "0") not in ("", "0"):
        argv += ["-o", "StrictHostKeyChecking=no"]
    return [*argv, "--", uri.host or "localhost", _far_command(uri, readonly)]


def _far_command(uri: RemoteURI, readonly: bool) -> str:
    """What ssh's far end runs: libvirt's helper where it is installed, else netcat."""
    netcat = shlex.quote(uri.query.get("netcat", "nc"))
    path = shlex.quote(uri.socket_path(readonly))
    probe = f'{netcat} -q 2>&1 | grep "requires an argument" >/dev/null 2>&1'
    nc = f"if {probe}; then ARG=-q0; else ARG=; fi; {netcat} $ARG -U {path}"
    helper = f"virt-ssh-helper{' -r' if readonly else ''} {shlex.quote(uri.name)}"
    which = "which virt-ssh-helper >/dev/null 2>&1"
    ways = {
        "auto": f"{which}; if test $? = 0; then {helper}; else {nc}; fi",
        "netcat": nc,
        "native": helper,
    }
    proxy = uri.query.get("proxy", "netcat" if "netcat" in uri.query else "auto")
    if proxy not in ways:
        raise error(Code.INVALID_ARG, f"Unnkown proxy type '{proxy}'", domain=From.REMOTE)
    return f"sh -c {shlex.quote(ways[proxy])}"


def _spawned(argv: list[str]) -> "socket.socket":
    """Runs a command whose standard input and output are the connection."""
    ours, theirs = socket.socketpair()
    env = {k: os.environ[k] for k in _SSH_ENV if k in os.environ}
    try:
        fd = theirs.fileno()
        child = subprocess.Popen(argv, stdin=fd, stdout=fd, env=env, start_new_session=True)
    except OSError as exc:
        ours.close()
        raise system_error(exc.errno or 2, f"Cannot run '{argv[0]}'", domain=From.RPC) from exc
    finally:
        theirs.close()
    # it ends when the connection is closed; the next one collects what is left of it
    _children[:] = [c for c in _children if c.poll() is None]
    _children.append(child)
    return ours


def _ssh(uri: RemoteURI, readonly: bool) -> "socket.socket":
    return _spawned(ssh_command(uri, readonly))


def _ext(uri: RemoteURI, readonly: bool) -> "socket.socket":
    if "command" not in uri.query:
        text = "remote_open: for 'ext' transport, command is required"
        raise error(Code.INVALID_ARG, text, domain=From.REMOTE)
    return _spawned([uri.query["command"]])


_WAYS: Final[dict[str, Callable[[RemoteURI, bool], Any]]] = {
    "unix": _unix,
    "tcp": _tcp,
    "tls": _tls,
    "ssh": _ssh,
    "ext": _ext,
}
