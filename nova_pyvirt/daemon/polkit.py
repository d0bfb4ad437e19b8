# SPDX-License-Identifier: Apache-2.0
"""Asks polkit over D-Bus whether a local process may do something (polkit's Authority
interface), with the jeepney library.
"""

import logging
from importlib import import_module
from typing import Any, Final
from urllib.parse import unquote

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)
MANAGE: Final = "org.libvirt.unix.manage"
MONITOR: Final = "org.libvirt.unix.monitor"
_ADDRESS: Final = "unix:path=/run/dbus/system_bus_socket"
#: the user may have to type a password
_DEADLINE: Final = 120.0
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
        with os.fdopen(os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)) as file:
            return int(file.read().rpartition(")")[2].split()[19])
    except (OSError, IndexError):
        return 0


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
    pid, started, uid = process
    subject = (
        "unix-process",
        {"pid": ("u", pid), "start-time": ("t", started), "uid": ("i", uid)},
    )
    body = (subject, action, details, _INTERACTION if ask else 0, "")
    try:
        allowed, _challenge, told = _call(body)
    except (OSError, RuntimeError, ValueError) as exc:
        text = f"polkit does not answer: {exc}"
        raise error(Code.AUTH_UNAVAILABLE, text, domain=From.POLKIT) from exc
    if not allowed and told.get("polkit.dismissed"):
        text = "user cancelled authentication process"
        raise error(Code.AUTH_CANCELLED, text, domain=From.POLKIT)
    return bool(allowed)


def _call(body: tuple[Any, ...]) -> tuple[bool, bool, dict[str, str]]:
    """CheckAuthorization; raises OSError, RuntimeError or ValueError."""
    jeepney = import_module("jeepney")
    blocking = import_module("jeepney.io.blocking")
    authority = jeepney.DBusAddress(
        "/org/freedesktop/PolicyKit1/Authority",
        bus_name="org.freedesktop.PolicyKit1",
        interface="org.freedesktop.PolicyKit1.Authority",
    )
    message = jeepney.new_method_call(authority, "CheckAuthorization", "(sa{sv})sa{ss}us", body)
    with blocking.open_dbus_connection(_address()) as bus:
        reply = bus.send_and_get_reply(message, timeout=_DEADLINE)
    if reply.header.message_type is not jeepney.MessageType.method_return:
        raise RuntimeError(reply.body[0] if reply.body else "error without text")
    allowed, challenge, told = reply.body[0]
    return allowed, challenge, told
