# SPDX-License-Identifier: Apache-2.0
"""The client's side of authentication: which method, SASL (SCRAM-SHA-256), whose password.

Credentials come from libvirt's auth.conf (auth.html), what is missing there from the caller's
callback (virConnectAuth).
"""

import configparser
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from nova_pyvirt.core.registry import AuthSpec
from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.hypervisors.remote.uri import RemoteURI
from nova_pyvirt.util.native import os

NONE: Final = 0
SASL: Final = 1
POLKIT: Final = 2
MECHANISM: Final = "SCRAM-SHA-256"
_NAMES: Final = {NONE: "none", SASL: "sasl", POLKIT: "polkit"}
#: VIR_CRED_*: (entry of auth.conf, prompt)
_AUTHNAME: Final = 2
_PASSPHRASE: Final = 5
_ASKED: Final = {
    _AUTHNAME: ("authname", "Please enter your authentication name"),
    _PASSPHRASE: ("password", "Please enter your password"),
}


def refused(text: str) -> libvirtError:
    """AUTH_FAILED of the client."""
    return error(Code.AUTH_FAILED, text, domain=From.REMOTE)


def authenticate(uri: RemoteURI, auth: AuthSpec | None, call: Callable[..., Any]) -> None:
    """Does what the server asks for.

    :param call: a procedure of the remote program by name
    :raises libvirtError: AUTH_FAILED, what the server says
    """
    try:
        offered = list(call("auth_list"))
    except libvirtError as exc:
        if exc.get_error_code() == Code.NO_SUPPORT:  # a server older than authentication
            return
        raise
    method = _choose(uri.query.get("auth", ""), offered)
    if method == POLKIT:
        call("auth_polkit")
    elif method == SASL:
        _sasl(uri, auth, call)
    elif method != NONE:
        raise refused(f"unsupported authentication type {method}")


def _choose(wanted: str, offered: list[int]) -> int:
    """The method to use: the server's first, or the one that the URI names."""
    if not wanted:
        return offered[0] if offered else NONE
    name = wanted.partition(".")[0]
    for method, known in _NAMES.items():
        if name == known:
            if method not in offered:
                raise refused(f"requested authentication type {wanted} rejected")
            return method
    raise refused(f"unknown authentication type {wanted}")


def _sasl(uri: RemoteURI, auth: AuthSpec | None, call: Callable[..., Any]) -> None:
    mechanisms = str(call("auth_sasl_init")).replace(",", " ").split()
    wanted = uri.query.get("auth", "").partition(".")[2].upper()
    if wanted and wanted not in mechanisms:
        raise refused(f"SASL mechanism {wanted} not supported by server")
    if MECHANISM not in mechanisms or wanted not in ("", MECHANISM):
        text = f"of the server's SASL mechanisms ({' '.join(mechanisms)}) this client has none"
        raise refused(text)
    if uri.transport == "tcp":
        raise refused(f"{MECHANISM} does not encrypt: it is for TLS and UNIX sockets only")
    try:
        library = import_module("scramp")
    except ModuleNotFoundError as exc:
        raise refused("SASL needs the Python library scramp") from exc
    user, password = _credentials(uri, auth)
    client = library.ScramClient([MECHANISM], user, password)
    _exchange(client, call, library.ScramException)


def _exchange(client: Any, call: Callable[..., Any], broken: type[Exception]) -> None:
    """SCRAM's four messages; the server has to prove that it knows the password, too."""
    try:
        first = client.get_client_first().encode()
        _, _, data = call("auth_sasl_start", MECHANISM, 0, first)
        client.set_server_first(data.decode())
        last = client.get_client_final().encode()
        complete, _, data = call("auth_sasl_step", 0, last)
        client.set_server_final(data.decode())
    except (broken, UnicodeDecodeError) as exc:
        raise refused("authentication failed") from exc
    if not complete:
        complete, _, _ = call("auth_sasl_step", 1, b"")
    if not complete:
        raise refused("authentication failed")


# --- credentials


def _credentials(uri: RemoteURI, auth: AuthSpec | None) -> tuple[str, str]:
    """Name and password."""
    found = _from_file(uri)
    missing = [kind for kind in _ASKED if kind not in found]
    if missing:
        found |= _from_callback(missing, auth)
    return found[_AUTHNAME], found[_PASSPHRASE]


def _from_callback(missing: list[int], auth: AuthSpec | None) -> dict[int, str]:
    if auth is None or auth.callback is None:
        raise refused("No authentication callback available")
    if not set(missing) <= set(auth.types):
        raise refused("Failed to make auth credentials")
    asked = [[kind, _ASKED[kind][1], None, None, None] for kind in missing]
    if auth.callback(asked, auth.data) < 0:
        raise refused("Failed to collect auth credentials")
    return {kind: str(item[4] or "") for kind, item in zip(missing, asked, strict=True)}


def _file(uri: RemoteURI) -> str | None:
    """auth.conf: the environment's, the URI's, the user's or the host's."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    given = os.environ.get("LIBVIRT_AUTH_FILE") or uri.query.get("authfile")
    if given:
        return given
    for path in (f"{home}/libvirt/auth.conf", "/etc/libvirt/auth.conf"):
        if os.access(path, os.R_OK):
            return path
    return None


def _from_file(uri: RemoteURI) -> dict[int, str]:
    """What auth.conf says of the server: [auth-libvirt-HOST] names the [credentials-NAME]."""
    path = _file(uri)
    if path is None:
        return {}
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except configparser.Error as exc:
        raise error(Code.CONF_SYNTAX, f"{path}: {exc}", domain=From.CONF) from exc
    for host in (uri.host or "localhost", "default"):
        name = parser.get(f"auth-libvirt-{host}", "credentials", fallback=None)
        if name is not None:
            section = f"credentials-{name}"
            entries = {k: parser.get(section, e, fallback=None) for k, (e, _) in _ASKED.items()}
            return {kind: value for kind, value in entries.items() if value is not None}
    return {}
