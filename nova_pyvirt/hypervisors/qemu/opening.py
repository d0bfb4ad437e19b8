# SPDX-License-Identifier: Apache-2.0
"""Opening and closing a driver state: one for each root, shared by the process's connections."""

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn, Protocol
from weakref import WeakSet

from nova_pyvirt.conf import paths_profile
from nova_pyvirt.core import kernelaudit
from nova_pyvirt.core import uri as uris
from nova_pyvirt.core.paths import Paths
from nova_pyvirt.core.settings import Settings
from nova_pyvirt.errors import Code, From, error, system_error
from nova_pyvirt.hypervisors.qemu import load, reconnect
from nova_pyvirt.hypervisors.qemu.autostart import Autostart
from nova_pyvirt.hypervisors.qemu.state import QemuState, Remembered
from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.native import os, threading

LOG = logging.getLogger(__name__)
#: VIR_DRV_FEATURE_*: typed parameter strings, XML_MIGRATABLE, event callbacks, close callback
FEATURES: Final = frozenset((9, 11, 14, 15))

_lock = threading.Lock()
_states: dict[str, tuple[QemuState, int]] = {}
_remembered: dict[str, Remembered] = {}
_users: "WeakSet[_User]" = WeakSet()
_pid = os.getpid()


def hold(uri: str) -> QemuState:
    """The state for a URI; its first user opens it.

    :raises libvirtError: RESOURCE_BUSY when another process has the directories; SYSTEM_ERROR
    """
    paths = paths_of(uri)
    with _lock:
        known = _states.get(paths.run)
        if known is None:
            state = _open(paths)
            _states[paths.run] = (state, 1)
        else:
            state, users = known
            _states[paths.run] = (state, users + 1)
    if known is None:
        # what loading has made is looked at now: else the collector does it, for 50 ms and more,
        # in the middle of somebody's start
        gc.collect()
    return state


def drop(state: QemuState) -> None:
    """A user has gone; the last one closes the state. Guests go on."""
    with _lock:
        known = _states.get(state.paths.run)
        if known is None or known[0] is not state:
            return
        users = known[1] - 1
        if users:
            _states[state.paths.run] = (state, users)
            return
        del _states[state.paths.run]
        state.close()


class Abandoned:
    """In place of the driver state, in a child of the process that opened it: each use is refused,
    for the guests, the monitors' replies and the files are the parent's.
    """

    def __init__(self, parent: int) -> None:
        self._parent = parent

    def __getattr__(self, name: str) -> NoReturn:
        detail = f"a child of process {self._parent}, which opened it"
        raise error(Code.INVALID_CONN, detail, domain=From.QEMU)


class _User(Protocol):
    """What holds a state."""

    def abandon(self, parent: int) -> None: ...


def remember(user: _User) -> None:
    """Of a user of a state: it is told when a child of this process has a copy of it."""
    _users.add(user)


def _after_fork() -> None:
    """A child must not use its parent's states: their threads and monitors stayed there."""
    global _lock, _pid
    _lock = threading.Lock()
    parent, _pid = _pid, os.getpid()
    for state, _number in _states.values():
        state.abandon()
    _states.clear()
    for user in list(_users):
        user.abandon(parent)


os.register_at_fork(after_in_child=_after_fork)


def paths_of(uri: str) -> Paths:
    """The directories that a URI (qemu:///system, /session, /embed?root=) means."""
    parsed = uris.parse(uri)
    if parsed.path == "/embed":
        return Paths.embed(parsed.params["root"])
    if parsed.path == "/session":
        return Paths.session_of(paths_profile(), dict(os.environ))
    return Paths.system(paths_profile())


def _open(paths: Paths) -> QemuState:
    try:
        paths.make()
    except OSError as exc:
        detail = f"unable to create directory '{exc.filename}'"
        raise system_error(exc.errno or 0, detail) from exc
    settings = Settings.load(paths)
    for name, why in settings.without_effect.items():
        LOG.warning("%s: %s has no effect: %s", settings.qemu_conf, name, why)
    kernelaudit.configure(settings.audit_level)
    remembered = _remembered.setdefault(paths.run, Remembered())
    state = QemuState(paths, settings, remembered)
    with _closed_on_error(state):
        state.take_lock()
        state.publish()
        reach("open-locked")
        state.secrets.load()
        load.load_definitions(state)
        reconnect.reconnect_all(state)
        autostart = Autostart(state)
        state.at_close.append(autostart.end)
        autostart.begin()
    return state


@contextmanager
def _closed_on_error(state: QemuState) -> Iterator[None]:
    try:
        yield
    except BaseException:
        state.close()
        raise
