# SPDX-License-Identifier: Apache-2.0
"""concurrency: native threads and greenthreads write to one log."""

from tests.base import TestCase
from tests.unit.util.test_native import PATCH, run

# a handler from before the driver; a native thread comes for its lock while a greenthread has it
MEETING = """
    import logging
    import eventlet
    from eventlet import tpool
    from nova_pyvirt.driver import concurrency

    threading = eventlet.patcher.original("threading")
    writing, coming = threading.Event(), threading.Event()
    written = []

    class Handler(logging.Handler):
        def emit(self, record):
            if record.getMessage() == "green":
                writing.set()
                coming.wait(10)
                eventlet.sleep(0.2)  # time for the other to be at the lock
            written.append(record.getMessage())

    log = logging.getLogger("meeting")
    log.propagate = False
    log.warning("before")
    log.addHandler(Handler())
    tpool.execute(len, "")  # its threads are there
    %s

    def native():
        writing.wait(10)
        coming.set()
        log.warning("native")

    with eventlet.Timeout(5, False):
        thread = eventlet.spawn(tpool.execute, native)
        eventlet.sleep(0)
        log.warning("green")
        thread.wait()
    print(json.dumps(written), flush=True)
    eventlet.patcher.original("os")._exit(0)
"""


class ShareLoggingTest(TestCase):
    def test_a_native_thread_gets_the_log_after_a_greenthread(self) -> None:
        self.assertEqual(["green", "native"], run(PATCH, MEETING % "concurrency.share_logging()"))

    def test_without_it_the_native_thread_waits_for_ever(self) -> None:
        """What the function is for: when eventlet no longer needs it, it can go."""
        self.assertEqual(["green"], run(PATCH, MEETING % "pass"))
