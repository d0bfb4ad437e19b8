# SPDX-License-Identifier: Apache-2.0
"""Which driver serves a URI; drivers are imported when first asked for."""

import os
from importlib import import_module
from typing import Any, Final, NamedTuple

from nova_pyvirt.core.uri import URI, parse
from nova_pyvirt.errors import Code, From, error

DEFAULT_ENVIRONMENT: Final = "LIBVIRT_DEFAULT_URI"


class Driver(NamedTuple):
    """A driver.

    :ivar opener: dotted name of ``open_table(uri, flags, auth) -> DriverTable``
    :ivar places: the paths /system and /session are what it serves
    :ivar session: /session is for root too
    :ivar embed: ``///embed?root=DIR`` is served
    """

    opener: str
    places: bool = True
    session: bool = False
    embed: bool = False


_LOCAL: Final = {
    "qemu": Driver("nova_pyvirt.hypervisors.qemu.table.open_table", session=True, embed=True),
    "lxc": Driver("nova_pyvirt.hypervisors.lxc.table.open_table"),
    "test": Driver("nova_pyvirt.hypervisors.test.opening.open_table", places=False),
}
_REMOTE: Final = "nova_pyvirt.hypervisors.remote.table.open_table"


class AuthSpec(NamedTuple):
    """How credentials are asked for (virConnectAuth).

    :ivar types: VIR_CRED_* that the callback can give
    :ivar callback: callback(credentials, data) -> 0, or negative to give up; a credential is a list
        [type, prompt, challenge, default, result] whose last item is to be set
    """

    types: tuple[int, ...]
    callback: Any
    data: Any


def default_uri() -> str:
    """The environment's URI, else the system's QEMU for root and the session's for users."""
    return os.environ.get(DEFAULT_ENVIRONMENT) or (
        "qemu:///system" if os.geteuid() == 0 else "qemu:///session"
    )


def open_connection(name: str | None, flags: int = 0, auth: AuthSpec | None = None) -> Any:
    """Opens a driver table.

    :param name: the URI; None or "" means :func:`default_uri`
    :param flags: virConnectFlags
    :returns: the table; its ``uri`` says what was opened
    :raises libvirtError: NO_CONNECT when no driver knows the scheme, INTERNAL_ERROR for a path that
        the driver doesn't serve, and what the driver raises
    """
    text = name or default_uri()
    uri = parse(text)
    if not uri.scheme:
        detail = f"URI '{text}' does not include a driver name"
        raise error(Code.NO_CONNECT, detail, domain=From.NONE)
    opener = _REMOTE if is_remote(uri) else _local(uri, text)
    return _load(opener, text)(text, flags, auth)


def is_remote(uri: URI) -> bool:
    """Whether the URI itself says that a daemon is meant."""
    return "+" in uri.scheme or bool(uri.server) or "socket" in uri.params or uri.scheme == "remote"


def _local(uri: URI, text: str) -> str:
    driver = _LOCAL.get(uri.scheme)
    if driver is None:
        raise error(Code.NO_CONNECT, text, domain=From.NONE)
    if uri.path == "/embed":
        _check_embed(uri, driver)
    elif driver.places:
        _check_path(uri, driver)
    return driver.opener


def _check_embed(uri: URI, driver: Driver) -> None:
    if not driver.embed:
        raise error(Code.NO_CONNECT, f"{uri.scheme}:///embed", domain=From.NONE)
    root = uri.params.get("root")
    if root is None:
        raise error(Code.INVALID_ARG, "Missing URI parameter 'root'", domain=From.URI)
    if not os.path.isabs(root):
        raise error(Code.CONFIG_UNSUPPORTED, "root path must be absolute", domain=From.NONE)


def _check_path(uri: URI, driver: Driver) -> None:
    if uri.path in ("system", "session"):
        detail = (
            f"invalid URI {uri.scheme}://{uri.path} (maybe you want {uri.scheme}:///{uri.path})"
        )
        raise error(Code.INTERNAL_ERROR, detail, domain=From.NONE)
    place = "/system" if os.geteuid() == 0 else "/session"
    if uri.path != place and not (driver.session and uri.path == "/session"):
        detail = f"unexpected {uri.scheme} URI path '{uri.path}', try {uri.scheme}://{place}"
        raise error(Code.INTERNAL_ERROR, detail, domain=From.NONE)


def _load(dotted: str, text: str) -> Any:
    module, _, name = dotted.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as exc:
        if exc.name is None or not module.startswith(exc.name):
            raise
        raise error(Code.NO_CONNECT, text, domain=From.NONE) from exc
