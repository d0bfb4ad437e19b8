# SPDX-License-Identifier: Apache-2.0
"""Errors at the public API: the last error of a thread and of a connection, error handlers."""

import sys
from collections.abc import Callable
from typing import Any, Final

from nova_pyvirt.errors import (
    Code,
    ErrorTuple,
    From,
    Level,
    error,
    last_error,
    libvirtError,
    set_last_error,
)

__all__ = [
    "invalid_object",
    "libvirtError",
    "registerErrorHandler",
    "report",
    "virGetLastError",
    "virGetLastErrorCode",
    "virGetLastErrorDomain",
    "virGetLastErrorMessage",
    "virResetLastError",
]

Handler = Callable[[Any, Any], None]

_LEVELS: Final = {Level.NONE: "", Level.WARNING: "warning", Level.ERROR: "error"}
#: virErrorDomain by number, as the default handler names it
_DOMAINS: Final = (
    "|Xen Driver|Xen Daemon|Xen Store|S-Expression|XML Util|Domain|XML-RPC|Proxy Daemon|Config File"
    "|QEMU Driver|Network|Test Driver|Remote Driver|OpenVZ Driver|Xen XM Driver|Linux Statistics"
    "|LXC Driver|Storage Driver|Network Driver|Domain Config|User Mode Linux Driver"
    "|Node Device Driver|Xen Inotify Driver|Security Driver|VirtualBox Driver"
    "|Network Interface Driver|Open Nebula Driver|ESX Driver|Power Hypervisor Driver|Secrets Driver"
    "|CPU Driver|XenAPI Driver|Network Filter Driver|Lifecycle Hook|Domain Snapshot|Audit Utils"
    "|Sysinfo Utils|I/O Stream Utils|VMware Driver|Event Loop|Xen Light Driver|Lock Driver"
    "|Hyper-V Driver|Capabilities Utils|URI Utils|Authentication Utils|DBus Utils"
    "|Parallels Cloud Server|Device Config|SSH transport layer|Lock Space|Init control|Identity"
    "|Cgroup|Access Manager|Systemd|Bhyve|Crypto|Firewall|Polkit|Thread jobs|Admin Interface"
    "|Log Manager|Xen XL Config|Perf|Libssh transport layer|Resource control|FirewallD"
    "|Domain Checkpoint|TPM|BPF|Cloud-Hypervisor Driver"
).split("|")

#: class: (code, domain) of the error for an object that was freed or closed; None = the call's
_INVALID: Final[dict[str, tuple[int, int | None]]] = {
    "virConnect": (Code.INVALID_CONN, None),
    "virDomain": (Code.INVALID_DOMAIN, From.DOM),
    "virNetwork": (Code.INVALID_NETWORK, From.NETWORK),
    "virNetworkPort": (Code.INVALID_NETWORK_PORT, From.NETWORK),
    "virStoragePool": (Code.INVALID_STORAGE_POOL, From.STORAGE),
    "virStorageVol": (Code.INVALID_STORAGE_VOL, From.STORAGE),
    "virInterface": (Code.INVALID_INTERFACE, From.INTERFACE),
    "virNodeDevice": (Code.INVALID_NODE_DEVICE, From.NODEDEV),
    "virSecret": (Code.INVALID_SECRET, From.SECRET),
    "virNWFilter": (Code.INVALID_NWFILTER, From.NWFILTER),
    "virNWFilterBinding": (Code.INVALID_NWFILTER_BINDING, From.NWFILTER),
    "virStream": (Code.INVALID_STREAM, From.STREAMS),
    "virDomainSnapshot": (Code.INVALID_DOMAIN_SNAPSHOT, From.DOMAIN_SNAPSHOT),
    "virDomainCheckpoint": (Code.INVALID_DOMAIN_CHECKPOINT, From.DOMAIN_CHECKPOINT),
}


class _Handlers:
    """The process's error handler."""

    def __init__(self) -> None:
        self.function: Handler | None = None
        self.context: Any = None


_handlers = _Handlers()


def invalid_object(kind: str, function: str, origin: int) -> libvirtError:
    """The error for a call on an object that is no more.

    :param kind: class of the object
    :param origin: error domain of the call's own checks
    """
    code, domain = _INVALID[kind]
    return error(code, function, domain=origin if domain is None else domain)


def report(exc: libvirtError, conn: Any = None) -> libvirtError:
    """Makes an error the thread's (and the connection's) last one and tells the handler.

    :returns: the error, to be raised
    """
    err = exc.err
    if err is None:
        err = (int(Code.INTERNAL_ERROR), 0, str(exc), int(Level.ERROR), None, None, None, -1, -1)
    set_last_error(err)
    if conn is not None:
        conn.err = err
    function = _handlers.function
    if function is None:
        _print(err)
    else:
        _call(function, _handlers.context, err)
    return exc


def _call(function: Handler, context: Any, err: ErrorTuple) -> None:
    """A handler that raises is reported and harms nobody: it is the user's, anything may come."""
    try:
        function(context, err)
    except Exception:  # noqa: BLE001
        sys.excepthook(*sys.exc_info())


def _print(err: ErrorTuple) -> None:
    """libvirt's default handler."""
    code, domain, message, level = err[:4]
    name = _DOMAINS[domain] if 0 <= domain < len(_DOMAINS) else "Unknown"
    line = ""
    if domain == From.XML and code == Code.XML_DETAIL and err[7]:
        line = f" line {err[7]}:"
    end = "" if message.endswith("\n") else "\n"
    if sys.stderr is not None:
        sys.stderr.write(f"libvirt: {name} {_LEVELS.get(Level(level), '')} :{line} {message}{end}")


def registerErrorHandler(f: Handler | None, ctx: Any) -> int:
    """Calls f(ctx, error) for every error instead of printing it; None prints again.

    :param f: gets libvirt's nine fields as a tuple
    :returns: 1
    """
    _handlers.function = f
    _handlers.context = ctx
    return 1


def virGetLastError() -> ErrorTuple | None:
    """The calling thread's last error as libvirt's nine fields; None when there is none."""
    return last_error()


def virGetLastErrorCode() -> int:
    """virErrorNumber of the thread's last error, 0 when there is none."""
    err = last_error()
    return 0 if err is None else err[0]


def virGetLastErrorDomain() -> int:
    """virErrorDomain of the thread's last error, 0 when there is none."""
    err = last_error()
    return 0 if err is None else err[1]


def virGetLastErrorMessage() -> str:
    """Text of the thread's last error, "no error" when there is none."""
    err = last_error()
    return "no error" if err is None else err[2]


def virResetLastError() -> None:
    """Forgets the thread's last error."""
    set_last_error(None)
