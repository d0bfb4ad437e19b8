# SPDX-License-Identifier: Apache-2.0
"""The event loop API (libvirt-event.h): the process's implementation, default or the user's."""

import logging
from collections.abc import Callable
from typing import Any, Protocol

from nova_pyvirt.errors import libvirtError, set_last_error
from nova_pyvirt.libvirt.events.default import DefaultLoop, HandleCallback, TimeoutCallback

LOG = logging.getLogger(__name__)


class Implementation(Protocol):
    """What an event loop must do."""

    def add_handle(self, fd: int, events: int, callback: HandleCallback, opaque: Any) -> int: ...
    def update_handle(self, watch: int, events: int) -> None: ...
    def remove_handle(self, watch: int) -> int: ...
    def add_timeout(self, interval: int, callback: TimeoutCallback, opaque: Any) -> int: ...
    def update_timeout(self, timer: int, interval: int) -> None: ...
    def remove_timeout(self, timer: int) -> int: ...


class UserLoop:
    """Functions that the user registered (virEventRegisterImpl)."""

    def __init__(self, functions: tuple[Callable[..., Any], ...]) -> None:
        (
            self._add_handle,
            self.update_handle,
            self._remove_handle,
            self._add_timeout,
            self.update_timeout,
            self._remove_timeout,
        ) = functions

    def add_handle(self, fd: int, events: int, callback: HandleCallback, opaque: Any) -> int:
        """The user gets (callback, its opaque, function to free it) as his opaque."""
        data = (callback, opaque, None)
        return int(self._add_handle(fd, events, _eventInvokeHandleCallback, data))

    def remove_handle(self, watch: int) -> int:
        self._remove_handle(watch)
        return 0

    def add_timeout(self, interval: int, callback: TimeoutCallback, opaque: Any) -> int:
        return int(
            self._add_timeout(interval, _eventInvokeTimeoutCallback, (callback, opaque, None))
        )

    def remove_timeout(self, timer: int) -> int:
        self._remove_timeout(timer)
        return 0


class _Current:
    """The implementation in use."""

    def __init__(self) -> None:
        self.registered: Implementation | None = None
        self.default: DefaultLoop | None = None


_current = _Current()


def implementation() -> Implementation | None:
    """The registered implementation, None when there is none."""
    return _current.registered


def _default() -> DefaultLoop:
    if _current.default is None:
        _current.default = DefaultLoop()
    return _current.default


def _register(made: Callable[[], Implementation]) -> None:
    if _current.registered is not None:
        LOG.warning("Ignoring attempt to replace registered event loop")
        return
    _current.registered = made()


def virEventRegisterDefaultImpl() -> int:
    """Makes the default loop the process's; somebody must run virEventRunDefaultImpl. Returns 0."""
    set_last_error(None)
    _register(_default)
    return 0


def virEventRunDefaultImpl() -> int:
    """One iteration of the default loop: waits, calls callbacks on this thread. Returns 0."""
    set_last_error(None)
    _default().run_once()
    return 0


def virEventRegisterImpl(
    addHandle: Callable[..., int],
    updateHandle: Callable[..., None],
    removeHandle: Callable[..., int],
    addTimeout: Callable[..., int],
    updateTimeout: Callable[..., None],
    removeTimeout: Callable[..., int],
) -> None:
    """Makes the user's loop the process's.

    :param addHandle: addHandle(fd, events, cb, opaque) -> watch; when the descriptor is ready the
        loop calls cb(watch, fd, events, opaque)
    :param updateHandle: updateHandle(watch, events)
    :param removeHandle: removeHandle(watch)
    :param addTimeout: addTimeout(ms, cb, opaque) -> timer; the loop calls cb(timer, opaque)
    :param updateTimeout: updateTimeout(timer, ms); -1 is off
    :param removeTimeout: removeTimeout(timer)
    """
    functions = (addHandle, updateHandle, removeHandle, addTimeout, updateTimeout, removeTimeout)
    for function in functions:
        if not callable(function):
            raise TypeError("event loop functions must be callable")
    _register(lambda: UserLoop(functions))


def virEventAddHandle(fd: int, events: int, cb: HandleCallback, opaque: Any) -> int:
    """Watches a file descriptor; the number of the watch.

    :param events: VIR_EVENT_HANDLE_*
    :param cb: cb(watch, fd, events, opaque)
    """
    data = {"cb": cb, "opaque": opaque}
    loop = implementation()
    watch = -1 if loop is None else loop.add_handle(fd, events, _dispatchEventHandleCallback, data)
    if watch == -1:
        raise libvirtError("virEventAddHandle() failed")
    return watch


def virEventUpdateHandle(watch: int, events: int) -> None:
    """Changes what a watch waits for."""
    loop = implementation()
    if loop is not None:
        loop.update_handle(watch, events)


def virEventRemoveHandle(watch: int) -> int:
    """Ends a watch."""
    loop = implementation()
    result = -1 if loop is None else loop.remove_handle(watch)
    if result == -1:
        raise libvirtError("virEventRemoveHandle() failed")
    return result


def virEventAddTimeout(timeout: int, cb: TimeoutCallback, opaque: Any) -> int:
    """Starts a timer; its number.

    :param timeout: ms between calls; 0 = in each iteration; -1 = off
    :param cb: cb(timer, opaque)
    """
    data = {"cb": cb, "opaque": opaque}
    loop = implementation()
    timer = -1 if loop is None else loop.add_timeout(timeout, _dispatchEventTimeoutCallback, data)
    if timer == -1:
        raise libvirtError("virEventAddTimeout() failed")
    return timer


def virEventUpdateTimeout(timer: int, timeout: int) -> None:
    """Changes a timer."""
    loop = implementation()
    if loop is not None:
        loop.update_timeout(timer, timeout)


def virEventRemoveTimeout(timer: int) -> int:
    """Ends a timer."""
    loop = implementation()
    result = -1 if loop is None else loop.remove_timeout(timer)
    if result == -1:
        raise libvirtError("virEventRemoveTimeout() failed")
    return result


def virEventInvokeFreeCallback(opaque: Any) -> None:
    """For the user's loop: frees the opaque of a removed watch or timer."""
    free = opaque[2]
    if free is not None:
        free(opaque[1])


def _eventInvokeHandleCallback(
    watch: int, fd: int, event: int, opaque: Any, opaquecompat: Any = None
) -> None:
    callback, data = (opaque, opaquecompat) if opaquecompat else opaque[:2]
    callback(watch, fd, event, data)


def _eventInvokeTimeoutCallback(timer: int, opaque: Any, opaquecompat: Any = None) -> None:
    callback, data = (opaque, opaquecompat) if opaquecompat else opaque[:2]
    callback(timer, data)


def _dispatchEventHandleCallback(watch: int, fd: int, events: int, cbData: dict[str, Any]) -> int:
    cbData["cb"](watch, fd, events, cbData["opaque"])
    return 0


def _dispatchEventTimeoutCallback(timer: int, cbData: dict[str, Any]) -> int:
    cbData["cb"](timer, cbData["opaque"])
    return 0
