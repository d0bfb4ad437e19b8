# SPDX-License-Identifier: Apache-2.0
"""Every procedure on a real guest with arguments nobody would send: no bug behind any answer."""

import unittest
from typing import Any

from nova_pyvirt.core import registry
from nova_pyvirt.daemon import Dispatcher, Policy, Server, Service, Settings
from nova_pyvirt.daemon.sockets import unix
from nova_pyvirt.wire import idl, protocol
from nova_pyvirt.wire.packet import Kind, Status, load_error, pack
from nova_pyvirt.wire.xdr import Codec
from tests.functional.lifecycle_case import LifecycleCase
from tests.unit.daemon.base import Raw
from tests.unit.wire.test_xdr import Values

PROGRAMS = (protocol.REMOTE, protocol.QEMU, protocol.LXC)
#: what ends the connection, concerns the whole host, or leaves it
LEFT_OUT = (
    "connect_close",
    "connect_open",
    "auth_",
    "node_suspend",
    "node_alloc",
    "node_set",
    "domain_migrate",
)


class NearlyRight(Values):
    """Values with the guest wherever a domain is meant, and small numbers."""

    def __init__(self, codec: Codec, seed: int, domain: tuple[Any, ...]) -> None:
        super().__init__(codec, seed)
        self.domain = domain

    def of(self, type_: idl.Type) -> Any:
        plain = self.codec.resolve(type_)
        number = plain.name in ("int", "uint", "hyper", "uhyper") and plain.bound is None
        if number and not plain.optional and self.random.random() < 0.7:
            return self.random.choice((0, 0, 1, 2, 3, 4, 8))
        return super().of(type_)

    def named(self, name: str) -> Any:
        return self.domain if name == "remote_nonnull_domain" else super().named(name)


class DaemonFuzzTest(LifecycleCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = Server(Settings())
        uri = f"qemu:///embed?root={self.root}"
        opener = lambda _name, flags: registry.open_connection(uri, flags)  # noqa: E731
        sock = unix(f"{self.root}/s", 0o700)
        self.server.listen(Service(sock, False, "none", Dispatcher(opener, Policy()), "rw"))
        self.server.start()
        self.addCleanup(self.server.stop, 30)

    def ask(self, raw: Raw, proc: idl.Procedure, payload: bytes) -> str:
        """The error's text, "" for none."""
        raw.sock.sendall(pack(proc.program, proc.number, Kind.CALL, 7, 0, payload))
        while True:
            reply = raw.recv()
            if reply is None:
                return "the connection ended"
            if reply.kind in (Kind.REPLY, Kind.REPLY_WITH_FDS):
                bad = reply.status == Status.ERROR
                return str(load_error(reply.payload)) if bad else ""

    def test_calls_on_a_guest(self) -> None:
        ref = self.table.domain_create(self.define())
        raw = Raw(f"{self.root}/s")
        self.addCleanup(raw.sock.close)
        raw.sock.settimeout(60)
        raw.open()
        bugs = []
        for number in PROGRAMS:
            program = protocol.program(number)
            for proc in program.procs.values():
                if proc.event or proc.name.startswith(LEFT_OUT):
                    continue
                for seed in range(4):
                    values = NearlyRight(program.codec, seed, (ref.name, ref.uuid, ref.id))
                    payload = program.encode(proc.args, proc.args and values.named(proc.args))
                    text = self.ask(raw, proc, payload)
                    if "inside the daemon" in text or "connection ended" in text:
                        bugs.append(f"{proc.name}/{seed}: {text}")
        self.assertEqual([], bugs)


if __name__ == "__main__":
    unittest.main()
