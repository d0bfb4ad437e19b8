# SPDX-License-Identifier: Apache-2.0
"""Calls in parallel: all are made, never more than the limit at once."""

from nova_pyvirt.util.native import threading
from nova_pyvirt.util.parallel import run_all
from tests.base import TestCase


class TestRunAll(TestCase):
    def test_all_of_them_and_not_too_many_at_once(self) -> None:
        lock, now, most, made = threading.Lock(), [0], [0], list[int]()
        barrier = threading.Barrier(3)

        def call(number: int) -> None:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
                made.append(number)
            barrier.wait(10)  # three are there at once
            with lock:
                now[0] -= 1

        run_all([lambda n=n: call(n) for n in range(12)], 3)  # type: ignore[misc]
        self.assertEqual(list(range(12)), sorted(made))
        self.assertEqual(3, most[0])

    def test_nothing(self) -> None:
        run_all([], 4)
