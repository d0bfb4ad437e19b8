# SPDX-License-Identifier: Apache-2.0
"""A daemon in this process over the in-memory hypervisor (or any table), and raw clients for
abuse.
"""

import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from typing import Any

from nova_pyvirt.daemon import Dispatcher, Policy, Server, Service, Settings
from nova_pyvirt.daemon.sockets import unix
from nova_pyvirt.hypervisors.remote import RemoteTable
from nova_pyvirt.hypervisors.test import open_table
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.packet import Kind, Packet, Splitter, pack
from tests.base import TestCase

URI = "test+unix:///default?socket="


class Raw:
    """A client that sends what it likes."""

    def __init__(self, path: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.sock.settimeout(10)
        self.splitter = Splitter()
        self.waiting: list[Packet] = []

    def send(self, proc: int, payload: bytes = b"", serial: int = 0, **fields: Any) -> None:
        program = fields.pop("program", protocol.REMOTE)
        kind = fields.pop("kind", Kind.CALL)
        self.sock.sendall(pack(program, proc, kind, serial, 0, payload))

    def recv(self) -> Packet | None:
        """The next packet; None when the server hung up."""
        while not self.waiting:
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.waiting += self.splitter.feed(data)
        return self.waiting.pop(0)

    def call(self, name: str, *args: Any) -> Packet | None:
        program = protocol.program(protocol.REMOTE)
        proc = program.by_name[name]
        self.send(proc.number, program.encode(proc.args, args))
        return self.recv()

    def open(self, flags: int = 0) -> "Raw":
        self.call("auth_list")
        self.call("connect_open", "test:///default", flags)
        return self

    def close(self) -> None:
        self.sock.close()


class DaemonCase(TestCase):
    """:ivar rw: path of the read-write socket; :ivar ro: of the read-only one."""

    settings_: dict[str, Any] = {}
    policy = Policy()
    #: how clients show who they are
    auth = "none"

    def opener(self, name: str | None, flags: int) -> Any:
        return open_table(name or "test:///default", flags)

    def setUp(self) -> None:
        super().setUp()
        self.directory = tempfile.mkdtemp(prefix="pyvirtd")
        self.addCleanup(shutil.rmtree, self.directory)
        self.rw, self.ro = f"{self.directory}/rw", f"{self.directory}/ro"
        self.server = Server(Settings(**self.settings_))
        self.dispatcher = Dispatcher(self.opener, self.policy)
        for path, readonly in ((self.rw, False), (self.ro, True)):
            sock = unix(path, 0o700)
            self.server.listen(
                Service(sock, readonly, self.auth, self.dispatcher, os.path.basename(path))
            )
        self.server.start()
        self.addCleanup(self.stop)

    def stop(self) -> None:
        self.assertTrue(self.server.stop(10))

    def table(self, flags: int = 0, path: str | None = None) -> RemoteTable:
        """Our client's table over the socket."""
        made = RemoteTable(URI + (path or self.rw), flags)
        self.addCleanup(made.close)
        return made

    def raw(self, path: str | None = None) -> Raw:
        made = Raw(path or self.rw)
        self.addCleanup(made.close)
        return made

    def eventually(self, test: Callable[[], Any], what: str) -> None:
        """Waits (10 s) until `test` holds."""
        import time

        end = time.monotonic() + 10
        while not test():
            if time.monotonic() > end:
                self.fail(what)
            time.sleep(0.01)
