# SPDX-License-Identifier: Apache-2.0
"""The loop thread: calls, readers, release, fork."""

import asyncio
import os

from nova_pyvirt.util import loop
from nova_pyvirt.util.native import Future, threading
from tests.base import TestCase


class LoopTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.loop = loop.LoopThread()
        self.addCleanup(self.loop.stop)

    def test_call(self) -> None:
        async def work() -> int:
            await asyncio.sleep(0)
            return threading.get_ident()

        self.assertNotEqual(threading.get_ident(), self.loop.call(work(), 10))
        self.assertTrue(self.loop.idle())

    def test_an_error_reaches_the_caller(self) -> None:
        async def fail() -> None:
            raise KeyError("k")

        self.assertRaises(KeyError, self.loop.call, fail(), 10)

    def test_deadline_cancels(self) -> None:
        ended: Future[bool] = Future()

        async def hang() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set_result(True)

        self.assertRaises(TimeoutError, self.loop.call, hang(), 0.01)
        self.assertTrue(ended.result(10))

    def test_the_loop_must_not_wait_for_itself(self) -> None:
        async def work() -> None:
            self.loop.call(asyncio.sleep(0))

        self.assertRaises(RuntimeError, self.loop.call, work(), 10)

    def test_reader(self) -> None:
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        got: Future[bytes] = Future()
        self.loop.add_reader(read, lambda: got.set_result(os.read(read, 9)))
        self.assertFalse(self.loop.idle())
        os.write(write, b"x")
        self.assertEqual(b"x", got.result(10))
        self.loop.remove_reader(read)
        os.close(write)  # end-of-file would make it readable for ever
        self.assertTrue(self.loop.idle())

    def test_a_failing_callback_is_kept_and_harms_nobody(self) -> None:
        self.loop.call_soon(lambda: 1 // 0)
        self.assertEqual(7, self.loop.run(lambda: 7))
        self.assertIn("ZeroDivisionError", self.loop.errors[-1])


class SingletonTest(TestCase):
    def test_release_only_when_unused(self) -> None:
        first = loop.get()
        first.hold(self)
        loop.release()
        self.assertIs(first, loop.get())
        first.drop(self)
        loop.release()
        self.assertIsNot(first, loop.get())
        loop.release()

    def test_a_child_leaves_the_parents_loop_alone(self) -> None:
        """The child's copy is dead, its own new loop works, and the parent's goes on."""
        parents = loop.get()
        read, write = os.pipe()
        got: Future[bytes] = Future()
        parents.add_reader(read, lambda: got.set_result(os.read(read, 9)))
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                own = loop.get()
                fine = own is not parents and own.call(asyncio.sleep(0, 7), 10) == 7
                try:
                    parents.call_soon(print)
                except RuntimeError:
                    code = 0 if fine else 2
                own.stop()
            finally:
                os._exit(code)
        self.assertEqual(0, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        os.write(write, b"x")
        self.assertEqual(b"x", got.result(10))
        parents.remove_reader(read)
        os.close(read)
        os.close(write)
        loop.release()
