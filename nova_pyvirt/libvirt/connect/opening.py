# SPDX-License-Identifier: Apache-2.0
"""Opening connections."""

from typing import Any, Final

from nova_pyvirt.core.registry import AuthSpec, open_connection
from nova_pyvirt.errors import libvirtError, set_last_error
from nova_pyvirt.libvirt.connect.connection import virConnect
from nova_pyvirt.libvirt.convert import string, unsigned
from nova_pyvirt.libvirt.errors import report
from nova_pyvirt.libvirt.handle import ConnectionHandle
from nova_pyvirt.util.native import offload

_KNOWN: Final = 3  # VIR_CONNECT_RO, VIR_CONNECT_NO_ALIASES


def _open(name: Any, flags: int, auth: AuthSpec | None, function: str) -> virConnect:
    uri = string(name, function, 1)
    set_last_error(None)
    try:
        table = offload(open_connection, uri, flags & _KNOWN, auth)
    except libvirtError as exc:
        report(exc)
        raise
    return virConnect(ConnectionHandle(table))


def open(name: str | None = None) -> virConnect:
    """virConnectOpen (libvirt 0.0.3).

    :param name: the URI (libvirt's uri.html); None or "": LIBVIRT_DEFAULT_URI or the host's QEMU
    :raises libvirtError: NO_CONNECT for an unknown driver, and what the driver says
    """
    return _open(name, 0, None, "virConnectOpen")


def openReadOnly(name: str | None = None) -> virConnect:
    """virConnectOpenReadOnly (libvirt 0.0.3): changes nothing, sees no secrets."""
    return _open(name, 1, None, "virConnectOpenReadOnly")


def openAuth(uri: str | None, auth: Any, flags: int = 0) -> virConnect:
    """virConnectOpenAuth (libvirt 0.4.0).

    :param auth: [types VIR_CRED_* it can give, callback(credentials, data), data], or None; a
        credential is [type, prompt, challenge, default, result] and the callback sets the result
    :param flags: VIR_CONNECT_RO, VIR_CONNECT_NO_ALIASES
    """
    spec = _auth(auth)
    return _open(uri, unsigned(flags, "virConnectOpenAuth", 3), spec, "virConnectOpenAuth")


def _auth(auth: Any) -> AuthSpec | None:
    if auth is None:
        return None
    if not isinstance(auth, list | tuple) or len(auth) < 3:
        raise TypeError("auth must be a list: credential types, callback, data")
    types, callback, data = auth[:3]
    if callback is not None and not callable(callback):
        raise TypeError("the callback of auth must be callable")
    return AuthSpec(tuple(int(t) for t in types), callback, data)
