# SPDX-License-Identifier: Apache-2.0
"""Remote URIs: ``driver[+transport]://[user@][host][:port]/path[?parameters]`` (libvirt's
uri.html).
"""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.util.native import os

TRANSPORTS: Final = ("tls", "unix", "ssh", "ext", "tcp", "libssh2", "libssh")
#: parameters that are the transport's business; all others go to the server with the URI
_OWN: Final = frozenset(
    "name command socket auth authfile netcat keyfile pkipath known_hosts sshauth no_sanity no_verify no_tty"
    " tls_priority mode proxy known_hosts_verify".split()
)
RUN_DIR: Final = "/var/run/libvirt"


def _refuse(detail: str) -> Exception:
    return error(Code.INVALID_ARG, detail, domain=From.REMOTE)


@dataclass
class RemoteURI:
    """A parsed remote URI.

    :ivar name: what the server is asked to open
    """

    driver: str
    transport: str
    host: str | None = None
    user: str | None = None
    port: int | None = None
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)
    name: str = ""

    def socket_path(self, readonly: bool) -> str:
        """The UNIX socket to use, on this host or (ssh) on the other."""
        given = self.query.get("socket")
        if given:
            return given
        mode = self.query.get("mode", "auto")
        if mode not in ("auto", "legacy", "direct"):
            raise _refuse(f"Unknown remote mode '{mode}'")
        suffix = "-ro" if readonly else ""
        legacy = "libvirt-sock" + suffix
        direct = f"virt{self.driver}d-sock{suffix}"
        directory = RUN_DIR
        if self.path == "/session" or (self.path != "/system" and os.geteuid() != 0):
            run = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
            directory, legacy, direct = f"{run}/libvirt", "libvirt-sock", f"virt{self.driver}d-sock"
        if mode == "direct":
            return f"{directory}/{direct}"
        probe = mode == "auto" and self.transport == "unix" and self.driver
        if probe and os.path.exists(f"{directory}/{direct}"):
            return f"{directory}/{direct}"
        return f"{directory}/{legacy}"


def parse(uri: str) -> RemoteURI:
    """Splits a URI; raises INVALID_ARG as libvirt does."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as exc:
        raise error(Code.INTERNAL_ERROR, f"Unable to parse URI {uri}", domain=From.URI) from exc
    if not parts.scheme:
        raise _refuse("missing scheme for URI")
    driver, plus, transport = parts.scheme.partition("+")
    if plus and transport not in TRANSPORTS:
        raise _refuse(
            "remote_open: transport in URL not recognised "
            "(should be tls|unix|ssh|ext|tcp|libssh2|libssh)"
        )
    host = unquote(parts.hostname) if parts.hostname else None
    if not plus:
        transport = "tls" if host else "unix"
    if transport == "unix" and host:
        raise _refuse(f"using unix socket and remote server '{host}' is not supported.")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    made = RemoteURI(driver, transport, host, parts.username, port, parts.path, query)
    made.name = query.get("name") or _server_name(made)
    return made


def _server_name(uri: RemoteURI) -> str:
    """The URI without what concerns only the way to the server ("" = the server's default)."""
    if uri.driver == "remote" or (uri.driver and not uri.path and not uri.query):
        return "" if uri.path in ("", "/") else f"{uri.driver}://{uri.path}"
    rest = [f"{quote(k)}={quote(v, safe='/')}" for k, v in uri.query.items() if k not in _OWN]
    return f"{uri.driver}://{uri.path}" + ("?" + "&".join(rest) if rest else "")
