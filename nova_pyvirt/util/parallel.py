# SPDX-License-Identifier: Apache-2.0
"""Many calls at once, but not too many."""

from collections.abc import Callable, Iterable

from nova_pyvirt.util.native import queue, threading


def run_all(calls: Iterable[Callable[[], object]], limit: int, name: str = "parallel") -> None:
    """Makes all calls on at most `limit` native threads; returns when all have been made.

    A call handles its own errors.
    """
    waiting: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
    for call in calls:
        waiting.put(call)

    def work() -> None:
        while True:
            try:
                call = waiting.get_nowait()
            except queue.Empty:
                return
            call()

    count = min(limit, waiting.qsize())
    threads = [threading.Thread(target=work, name=name, daemon=True) for _number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
