# SPDX-License-Identifier: Apache-2.0
"""Native threads or eventlet: which of them nova runs on.

nova 34 runs nova-compute on native threads unless told otherwise and then forbids importing
eventlet; older ones, and ``concurrency_backend = eventlet``, monkey-patch the process. The core
works in both worlds without knowing (nova_pyvirt.util.native); this module only tells them apart,
and is the one place that may touch eventlet.
"""

import logging
import sys
from collections.abc import Iterator
from typing import Literal

Mode = Literal["threading", "eventlet"]


def mode() -> Mode:
    """What the process runs on, without importing eventlet into a process that has none."""
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None and patcher.is_monkey_patched("thread"):
        return "eventlet"
    return "threading"


def describe() -> str:
    """One line for the log: the mode and, with eventlet, its hub and its pool of native threads."""
    if mode() == "threading":
        return "native threads"
    from eventlet import hubs, tpool

    pool = getattr(tpool, "_nthreads", "?")
    return f"eventlet (hub {type(hubs.get_hub()).__module__}, {pool} native threads for calls)"


def share_logging() -> None:
    """Lets native threads log beside greenthreads.

    The core runs in native threads and logs there. An eventlet lock between two of them is never
    handed over: its waiter belongs to the other thread's hub, and waits for ever (eventlet issue
    432). oslo.log gives every handler made after its setup() a mutex that holds across threads;
    those made before, or without it, get one here.
    """
    if mode() == "threading":
        return
    from oslo_log import pipe_mutex

    logging.Handler.createLock = pipe_mutex.pipe_createLock  # type: ignore[method-assign]
    for handler in _handlers():
        lock = handler.lock
        if lock is None or type(lock).__module__ == pipe_mutex.__name__:
            continue
        with lock:  # nobody is writing
            handler.createLock()


def _handlers() -> Iterator[logging.Handler]:
    yield from logging.getLogger().handlers
    for logger in list(logging.getLogger().manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            yield from logger.handlers
