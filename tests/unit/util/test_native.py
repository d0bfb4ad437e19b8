# SPDX-License-Identifier: Apache-2.0
"""native: unpatched modules in a patched process, the native future, the bridge for greenthreads."""

import json
import subprocess
import sys
import textwrap
from typing import Any, ClassVar

from nova_pyvirt.util import native
from tests.base import TestCase

IMPORTS = """
from nova_pyvirt.util import native
from nova_pyvirt.util.native import (
    os, queue, select, selectors, socket, subprocess, threading, time)
"""
PATCH = """
import warnings; warnings.simplefilter("ignore")
import eventlet; eventlet.monkey_patch()
"""


def run(*parts: str) -> Any:
    """Runs the parts in a new interpreter, which patches itself or not; the result is JSON."""
    script = "import json, sys\n" + "\n".join(textwrap.dedent(part) for part in parts)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


class UnpatchedTest(TestCase):
    """The same facts must hold however the process was patched."""

    FACTS = """
    seen, guard, hit = [], threading.RLock(), queue.Queue()
    def work():
        seen.append(threading.get_native_id())
        time.sleep(0.001)
        hit.put(1)
    thread = threading.Thread(target=work)
    thread.start()
    got = hit.get(timeout=10)
    thread.join()
    a, b = socket.socketpair()
    a.send(b"x")
    b.settimeout(5)
    poll = select.epoll()
    poll.register(b.fileno(), select.EPOLLIN)
    r, w = os.pipe()
    os.write(w, b"y")
    os.environ["SHARED"] = "1"
    import os as std
    import subprocess as stdsub
    try:
        subprocess.run(["sleep", "9"], timeout=0.01)
    except stdsub.TimeoutExpired:
        timed_out = True
    print(json.dumps({
        "thread is native": seen != [threading.get_native_id()],
        "queue": got,
        "poll": [event for _fd, event in poll.poll(5)],
        "recv": b.recv(1).decode(),
        "pipe": os.read(r, 1).decode(),
        "epoll": selectors.DefaultSelector.__name__,
        "run": subprocess.run(["echo", "z"], capture_output=True, text=True).stdout,
        "environment": std.environ["SHARED"],
        "timeout": timed_out,
    }))
    """
    EXPECTED: ClassVar = {
        "thread is native": True,
        "queue": 1,
        "poll": [1],
        "recv": "x",
        "pipe": "y",
        "epoll": "EpollSelector",
        "run": "z\n",
        "environment": "1",
        "timeout": True,
    }

    def test_never_patched(self) -> None:
        self.assertEqual(self.EXPECTED, run(IMPORTS, self.FACTS))

    def test_patched_before(self) -> None:
        self.assertEqual(self.EXPECTED, run(PATCH, IMPORTS, self.FACTS))

    def test_patched_after(self) -> None:
        self.assertEqual(self.EXPECTED, run(IMPORTS, PATCH, self.FACTS))

    def test_eventlet_is_not_imported(self) -> None:
        self.assertEqual(
            [],
            run(
                IMPORTS,
                """
            native.offload(int)
            print(json.dumps([name for name in sys.modules if name.startswith("eventlet")]))
        """,
            ),
        )


class OffloadTest(TestCase):
    def test_plain_call_without_eventlet(self) -> None:
        self.assertEqual(native.threading.get_ident(), native.offload(native.threading.get_ident))
        self.assertFalse(native.on_hub())

    def test_greenthreads_go_on(self) -> None:
        result = run(
            PATCH,
            IMPORTS,
            """
            stop, beats = [], []
            def beat():
                while not stop:
                    beats.append(time.monotonic())
                    eventlet.sleep(0.005)
            beater = eventlet.spawn(beat)
            eventlet.sleep(0.02)
            here = threading.get_native_id()
            there = native.offload(lambda: (time.sleep(0.2), threading.get_native_id())[1])
            stop.append(1)
            gaps = [b - a for a, b in zip(beats, beats[1:])]
            error = None
            try:
                native.offload(int, "x")
            except ValueError as err:
                error = str(err)
            print(json.dumps([here != there, len(beats) > 20, max(gaps) < 0.1, error]))
        """,
        )
        self.assertEqual([True, True, True, "invalid literal for int() with base 10: 'x'"], result)

    def test_native_thread_in_a_patched_process_calls_directly(self) -> None:
        self.assertEqual(
            [True, False],
            run(
                PATCH,
                IMPORTS,
                """
            seen = []
            def work():
                seen.append(native.offload(threading.get_ident) == threading.get_ident())
                seen.append(native.on_hub())
            thread = threading.Thread(target=work); thread.start(); thread.join()
            print(json.dumps(seen))
        """,
            ),
        )

    def test_interrupted_callers_leak_no_descriptor(self) -> None:
        """GreenletExit before the call, Timeout in it; fds are reused only when both ended."""
        before, after, ran = run(
            PATCH,
            IMPORTS,
            """
            native.offload(int)
            ended, gate = queue.Queue(), threading.Event()
            before = len(os.listdir("/proc/self/fd"))
            def wait():
                gate.wait()
                ended.put(1)
            callers = [eventlet.spawn(native.offload, wait) for _ in range(80)]
            eventlet.sleep(0)
            try:
                with eventlet.Timeout(0.05):
                    native.offload(wait)
            except eventlet.Timeout:
                pass
            for caller in callers:
                caller.kill()
            gate.set()
            ran = 0
            for _ in range(64):  # the pool's size: what had begun ends, the rest is not begun
                ended.get(timeout=10)
                ran += 1
            native.offload(int)
            while len(os.listdir("/proc/self/fd")) > before + 2:
                eventlet.sleep(0.005)
            print(json.dumps([before, len(os.listdir("/proc/self/fd")), ran + ended.qsize()]))
        """,
        )
        self.assertLessEqual(after, before + 2)
        self.assertEqual(64, ran)


class FutureTest(TestCase):
    def test_result_from_another_thread(self) -> None:
        future: native.Future[int] = native.Future()
        native.threading.Thread(target=future.set_result, args=(3,)).start()
        self.assertEqual(3, future.result(10))
        self.assertEqual(3, future.result(0))
        self.assertFalse(future.set_result(4))
        self.assertEqual(3, future.result())

    def test_timeout_then_result(self) -> None:
        future: native.Future[int] = native.Future()
        self.assertRaises(TimeoutError, future.result, 0.001)
        future.set_exception(KeyError("k"))
        self.assertRaises(KeyError, future.result, 1)

    def test_callbacks(self) -> None:
        future: native.Future[int] = native.Future()
        seen: list[int] = []
        future.add_done_callback(lambda done: seen.append(done.result()))
        self.assertEqual([], seen)
        future.set_result(1)
        future.add_done_callback(lambda done: seen.append(done.result() + 1))
        self.assertEqual([1, 2], seen)

    def test_many_waiters(self) -> None:
        future: native.Future[int] = native.Future()
        results: native.queue.SimpleQueue[int] = native.queue.SimpleQueue()
        for _ in range(8):
            native.threading.Thread(target=lambda: results.put(future.result(10))).start()
        future.set_result(5)
        self.assertEqual([5] * 8, [results.get(timeout=10) for _ in range(8)])
