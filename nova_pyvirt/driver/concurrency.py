# SPDX-License-Identifier: Apache-2.0
"""Native threads or eventlet: which of them nova runs on.

nova 34 runs nova-compute on native threads unless told otherwise and then forbids importing
eventlet; older ones, and ``concurrency_backend = eventlet``, monkey-patch the process. The core
works in both worlds without knowing (nova_pyvirt.util.native); this module only tells them apart,
and is the one place that may touch eventlet.
"""

import sys
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
