# SPDX-License-Identifier: Apache-2.0
"""What QEMUs have said of their CPU is asked again when it may be another."""

from typing import Any

from nova_pyvirt.hypervisors.qemu.livecpu import Seen
from nova_pyvirt.hypervisors.qemu.monitor import QMPCommandError
from tests.base import TestCase

ARGV = ["/usr/bin/qemu", "-name", "a", "-cpu", "Nehalem", "-accel", "tcg", "-smp", "1"]


class TestSeen(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.caps: Any = object()
        self.seen = Seen()
        self.seen.keep(self.caps, ARGV, [1, 2])

    def with_word(self, option: str, word: str) -> list[str]:
        argv = list(ARGV)
        argv[argv.index(option) + 1] = word
        return argv

    def test_another_guest_of_the_same_kind(self) -> None:
        self.assertEqual([1, 2], self.seen.get(self.caps, self.with_word("-name", "b")))

    def test_another_kind(self) -> None:
        for option, word in (("-cpu", "Haswell"), ("-accel", "kvm"), ("-smp", "2")):
            self.assertIsNone(self.seen.get(self.caps, self.with_word(option, word)))
        self.assertIsNone(self.seen.get(self.caps, ["/usr/local/bin/qemu", *ARGV[1:]]))

    def test_the_binary_or_the_host_has_changed(self) -> None:
        other: Any = object()
        self.assertIsNone(self.seen.get(other, ARGV))

    def test_a_refusal_is_not_kept(self) -> None:
        argv = self.with_word("-cpu", "Haswell")
        self.seen.keep(self.caps, argv, [QMPCommandError("qom-get", "GenericError", "no")])
        self.assertIsNone(self.seen.get(self.caps, argv))

    def test_bounded(self) -> None:
        for number in range(200):
            self.seen.keep(self.caps, self.with_word("-smp", str(number)), [number])
        kept = [self.seen.get(self.caps, self.with_word("-smp", str(n))) for n in range(200)]
        self.assertLessEqual(sum(answers is not None for answers in kept), 64)
        self.assertEqual([199], kept[-1])
