# SPDX-License-Identifier: Apache-2.0
"""Framing, descriptors' bytes, error structs, keepalive's clock."""

import random

from nova_pyvirt.errors import Code, From
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.keepalive import Action, Keepalive
from nova_pyvirt.wire.packet import (
    MAX_SIZE,
    FramingError,
    Kind,
    Packet,
    Splitter,
    dump_error,
    load_error,
    pack,
)
from nova_pyvirt.wire.xdr import XDRError
from tests.base import TestCase


def call(serial: int, payload: bytes) -> bytes:
    return pack(protocol.REMOTE, 16, Kind.CALL, serial, 0, payload)


class SplitterTest(TestCase):
    def test_any_cut_gives_the_same_packets(self) -> None:
        payloads = [random.Random(i).randbytes(i * 7) for i in range(50)]
        data = b"".join(call(i, p) for i, p in enumerate(payloads))
        for seed in range(20):
            rng = random.Random(seed)
            splitter, got, at = Splitter(), [], 0
            while at < len(data):
                step = rng.choice((1, 2, 3, 27, 28, 29, 100, 5000))
                got += splitter.feed(data[at : at + step])
                at += step
            self.assertEqual(payloads, [p.payload for p in got])
            self.assertEqual(list(range(50)), [p.serial for p in got])
            self.assertFalse(splitter.partial)

    def test_impossible_lengths(self) -> None:
        for size in (0, 3, 4, 27, MAX_SIZE + 1, 0xFFFFFFFF):
            with self.assertRaises(FramingError):
                Splitter().feed(size.to_bytes(4, "big"))

    def test_a_limit_for_strangers(self) -> None:
        with self.assertRaises(FramingError):
            Splitter(100).feed((101).to_bytes(4, "big"))

    def test_descriptors_come_with_a_byte_each_behind_the_packet(self) -> None:
        splitter = Splitter()
        data = pack(protocol.REMOTE, 443, Kind.CALL_WITH_FDS, 1, 0, b"args", 2)
        self.assertEqual([], splitter.feed(data))
        self.assertEqual([], splitter.feed(b"\0"))
        splitter.fds += [101, 102]
        (packet,) = splitter.feed(b"\0" + call(2, b"")[:10])
        self.assertEqual((101, 102), packet.fds)
        self.assertEqual(b"args", packet.payload)
        self.assertTrue(splitter.partial)

    def test_announced_descriptors_that_do_not_come(self) -> None:
        data = pack(protocol.REMOTE, 443, Kind.CALL_WITH_FDS, 1, 0, b"", 1)
        with self.assertRaises(FramingError):
            Splitter().feed(data + b"\0")

    def test_too_many_descriptors(self) -> None:
        with self.assertRaises(FramingError):
            Splitter().feed(pack(protocol.REMOTE, 443, Kind.CALL_WITH_FDS, 1, 0, b"", 33))


class PackTest(TestCase):
    def test_header(self) -> None:
        data = call(5, b"abcd")
        self.assertEqual(32, len(data))
        self.assertEqual([Packet(protocol.REMOTE, 1, 16, 0, 5, 0, b"abcd")], Splitter().feed(data))

    def test_too_large(self) -> None:
        with self.assertRaises(XDRError):
            call(0, bytes(MAX_SIZE))


class ErrorTest(TestCase):
    ERR = (55, 10, "Requested operation is not valid: x", 2, "Requested: %s", "x", None, -1, -1)

    def test_all_fields_arrive(self) -> None:
        self.assertEqual(self.ERR, load_error(dump_error(self.ERR)).err)

    def test_unknown_procedures_mean_no_support(self) -> None:
        for domain, code in ((7, Code.NO_SUPPORT), (13, Code.NO_SUPPORT), (10, Code.RPC)):
            err = (39, domain, "unknown procedure: 999", 2, "%s", "x", None, -1, -1)
            self.assertEqual(code, load_error(dump_error(err)).get_error_code())
        self.assertEqual(13, From.REMOTE)


class KeepaliveTest(TestCase):
    def test_pings_then_gives_up(self) -> None:
        clock = Keepalive(5, 2, 0.0)
        self.assertIs(Action.NOTHING, clock.tick(4.9))
        self.assertIs(Action.PING, clock.tick(5.0))
        self.assertIs(Action.NOTHING, clock.tick(9.0))
        self.assertIs(Action.PING, clock.tick(10.0))
        self.assertIs(Action.DEAD, clock.tick(15.0))

    def test_any_packet_is_a_sign_of_life(self) -> None:
        clock = Keepalive(5, 1, 0.0)
        self.assertIs(Action.PING, clock.tick(5.0))
        clock.alive(6.0)
        self.assertIs(Action.NOTHING, clock.tick(10.0))
        self.assertIs(Action.PING, clock.tick(11.0))
        self.assertIs(Action.DEAD, clock.tick(16.0))

    def test_off(self) -> None:
        self.assertIs(Action.NOTHING, Keepalive(0, 0, 0.0).tick(1e9))
