# SPDX-License-Identifier: Apache-2.0
"""Asks polkit over D-Bus whether a local process may do something (polkit's Authority
interface), with the jeepney library.
"""

import logging
from importlib import import_module
from typing import Any, Final
from urllib.parse import unquote

from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.util import procstat
from nova_pyvirt.util.native import os, threading

LOG = logging.getLogger(__name__)
MANAGE: Final = "org.libvirt.unix.manage"
MONITOR: Final = "org.libvirt.unix.monitor"
_ADDRESS: Final = "unix:path=/run/dbus/system_bus_socket"
#: the user may have to type a password
_DEADLINE: Final = 120.0
#: polkit decides alone
_SHORT: Final = 10.0
_INTERACTION: Final = 1


def _address() -> str:
    return os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", _ADDRESS)


def available() -> bool:
    """Whether there is a system bus to ask, and the library to do it."""
    kind, _, path = _address().partition("path=")
    if kind != "unix:" or not os.path.exists(unquote(path.split(",")[0])):
        return False
    try:
        import_module("jeepney")
    except ModuleNotFoundError:
        LOG.warning("polkit needs the Python library jeepney, which is not installed")
        return False
    return True


def start_time(pid: int) -> int:
    """When the process started, in the kernel's ticks; 0 when it is gone. With it polkit knows a
    process from a later one of the same number.
    """
    try:
        return int(procstat.read(pid)[procstat.START])
    except OSError:
        return 0


class Authority:
    """One connection to the bus for many questions; made anew when it broke."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bus: Any = None

    def allows(self, process: tuple[int, int, int], action: str, details: dict[str, str]) -> bool:
        """Whether polkit allows it, nobody being asked for a password (see :func:`check`).

        :raises libvirtError: AUTH_UNAVAILABLE
        """
        message = _question(process, action, details, False)
        with self._lock:
            for last in (False, True):
                try:
                    if self._bus is None:
                        self._bus = import_module("jeepney.io.blocking").open_dbus_connection(
                            _address()
                        )
                    return _answer(self._bus.send_and_get_reply(message, timeout=_SHORT))[0]
                except (OSError, RuntimeError, ValueError) as exc:
                    self._close()
                    if last:
                        raise _silent(exc) from exc
        raise AssertionError("unreachable")

    def _close(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.close()


def _silent(exc: Exception) -> libvirtError:
    text = f"polkit does not answer: {exc}"
    return error(Code.AUTH_UNAVAILABLE, text, domain=From.POLKIT)


def check(
    process: tuple[int, int, int], action: str, details: dict[str, str], *, ask: bool = True
) -> bool:
    """Whether polkit allows it.

    :param process: pid, start time, uid
    :param details: what rules may look at
    :param ask: the user may be asked for a password
    :raises libvirtError: AUTH_UNAVAILABLE when the bus or polkit doesn't answer, AUTH_CANCELLED
        when the user dismissed the question
    """
    message = _question(process, action, details, ask)
    try:
        with import_module("jeepney.io.blocking").open_dbus_connection(_address()) as bus:
            allowed, told = _answer(bus.send_and_get_reply(message, timeout=_DEADLINE))
    except (OSError, RuntimeError, ValueError) as exc:
        raise _silent(exc) from exc
    if not allowed and told.get("polkit.dismissed"):
        text = "user cancelled authentication process"
        raise error(Code.AUTH_CANCELLED, text, domain=From.POLKIT)
    return allowed


def _question(
    process: tuple[int, int, int], action: str, details: dict[str, str], ask: bool
) -> Any:
    """The message CheckAuthorization."""
    jeepney = import_module("jeepney")
    pid, started, uid = process
    subject = (
        "unix-process",
        {"pid": ("u", pid), "start-time": ("t", started), "uid": ("i", uid)},
    )
    authority = jeepney.DBusAddress(
        "/org/freedesktop/PolicyKit1/Authority",
        bus_name="org.freedesktop.PolicyKit1",
        interface="org.freedesktop.PolicyKit1.Authority",
    )
    body = (subject, action, details, _INTERACTION if ask else 0, "")
    return jeepney.new_method_call(authority, "CheckAuthorization", "(sa{sv})sa{ss}us", body)


def _answer(reply: Any) -> tuple[bool, dict[str, str]]:
    """(allowed, what polkit says beside); raises RuntimeError for an error."""
    if reply.header.message_type is not import_module("jeepney").MessageType.method_return:
        raise RuntimeError(reply.body[0] if reply.body else "error without text")
    allowed, _challenge, told = reply.body[0]
    return bool(allowed), told
