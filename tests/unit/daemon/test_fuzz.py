# SPDX-License-Identifier: Apache-2.0
"""Every procedure with arguments nobody would send: an answer each, no bug behind it, no harm."""

import os
import random
import time

from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.idl import Procedure
from nova_pyvirt.wire.packet import Kind, Packet, Status, load_error, pack
from tests.unit.daemon.base import DaemonCase, Raw
from tests.unit.wire.test_xdr import Values

PROGRAMS = (protocol.REMOTE, protocol.QEMU, protocol.LXC)
#: end the connection, change how it is used, or register what would then speak unasked
LEFT_OUT = ("connect_close", "connect_open", "auth_")


def procedures() -> list[Procedure]:
    return [
        proc
        for number in PROGRAMS
        for proc in protocol.program(number).procs.values()
        if not proc.event and not proc.name.startswith(LEFT_OUT)
    ]


class FuzzTest(DaemonCase):
    def setUp(self) -> None:
        super().setUp()
        self.random = random.Random(20240611)
        self.client: Raw | None = None

    def ask(self, proc: Procedure, payload: bytes, kind: int = Kind.CALL) -> Packet | None:
        """The reply, on a connection that is made anew when the server ended it."""
        if self.client is None:
            self.client = self.raw().open()
        self.client.sock.sendall(pack(proc.program, proc.number, kind, 7, 0, payload))
        while True:
            reply = self.client.recv()
            if reply is None:
                self.client = None
                return None
            if reply.kind in (Kind.REPLY, Kind.REPLY_WITH_FDS):
                return reply

    def check(self, proc: Procedure, payload: bytes) -> None:
        begin = time.monotonic()
        reply = self.ask(proc, payload)
        self.assertLess(time.monotonic() - begin, 2.0, proc.name)
        assert reply is not None, proc.name
        if reply.status == Status.ERROR:
            self.assertNotIn("inside the daemon", str(load_error(reply.payload)), proc.name)

    def test_well_formed_nonsense(self) -> None:
        for proc in procedures():
            program = protocol.program(proc.program)
            for size in (0, 1, 3):
                payload = b""
                if proc.args:
                    payload = program.encode(
                        proc.args, Values(program.codec, size).named(proc.args)
                    )
                self.check(proc, payload)

    def test_cut_and_changed(self) -> None:
        for proc in procedures():
            if not proc.args:
                continue
            program = protocol.program(proc.program)
            good = program.encode(proc.args, Values(program.codec, 2).named(proc.args))
            self.check(proc, good[: self.random.randrange(len(good) + 1)])
            self.check(proc, good + bytes(4))
            changed = bytearray(good)
            for _ in range(3):
                changed[self.random.randrange(len(good))] = self.random.randrange(256)
            self.check(proc, bytes(changed))
            self.check(proc, os.urandom(40))
        self.assertEqual("vm", self.table().connect_get_hostname())
