# SPDX-License-Identifier: Apache-2.0
"""Authentication: SASL with our client and with wrong ones, polkit on a bus of our own."""

import os
import socket
import tempfile
import threading
from shutil import rmtree
from typing import Any
from unittest import mock
from uuid import UUID

from jeepney import HeaderFields, MessageType, Parser, new_error, new_method_return

from nova_pyvirt.cmd import passwd
from nova_pyvirt.core.registry import AuthSpec
from nova_pyvirt.daemon import polkit, sasl, server
from nova_pyvirt.daemon.polkitacl import PolkitPolicy
from nova_pyvirt.daemon.session import Peer
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.remote import RemoteTable
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.packet import Packet, Status, load_error
from tests.unit.daemon.base import URI, DaemonCase, Raw

SASL = protocol.program(protocol.REMOTE)


def code_of(packet: Packet | None) -> int | None:
    assert packet is not None
    return load_error(packet.payload).get_error_code() if packet.status == Status.ERROR else None


class SASLTest(DaemonCase):
    auth = "sasl"

    def setUp(self) -> None:
        directory = tempfile.mkdtemp(prefix="sasl")
        self.addCleanup(rmtree, directory)
        self.file = f"{directory}/passwd"
        passwd.change(self.file, "alice", f"alice:{sasl.make('pencil')}")
        self.auth_conf = f"{directory}/auth.conf"
        super().setUp()
        self.server.settings.sasl_passwords = self.file
        os.environ["LIBVIRT_AUTH_FILE"] = self.auth_conf
        self.addCleanup(os.environ.pop, "LIBVIRT_AUTH_FILE")
        self.asked: list[list[Any]] = []

    def login(self, name: str, password: str, more: str = "") -> RemoteTable:
        def callback(items: list[list[Any]], data: object) -> int:
            self.assertEqual("data", data)
            self.asked.append([item[0] for item in items])
            for item in items:
                item[4] = {2: name, 5: password}[item[0]]
            return 0

        table = RemoteTable(URI + self.rw + more, 0, AuthSpec((2, 5), callback, "data"))
        self.addCleanup(table.close)
        return table

    def refused(self, *args: str) -> libvirtError:
        with self.assertRaises(libvirtError) as caught:
            self.login(*args)
        return caught.exception

    def test_right_password(self) -> None:
        self.assertEqual("vm", self.login("alice", "pencil").connect_get_hostname())
        self.assertEqual([[2, 5]], self.asked)

    def test_wrong_password_and_unknown_user_look_the_same(self) -> None:
        wrong, unknown = self.refused("alice", "pen"), self.refused("bob", "pencil")
        self.assertEqual(Code.AUTH_FAILED, wrong.get_error_code())
        self.assertEqual(str(wrong), str(unknown))

    def test_only_those_allowed(self) -> None:
        self.server.settings.sasl_allowed_users = ["b*"]
        self.assertEqual(Code.AUTH_FAILED, self.refused("alice", "pencil").get_error_code())
        self.server.settings.sasl_allowed_users = ["a*"]
        self.login("alice", "pencil")

    def test_credentials_from_a_file(self) -> None:
        with open(self.auth_conf, "w", encoding="utf-8") as file:
            file.write("[credentials-x]\nauthname=alice\npassword=pencil\n")
            file.write("[auth-libvirt-localhost]\ncredentials=x\n")
        table = RemoteTable(URI + self.rw)
        self.addCleanup(table.close)
        self.assertEqual("vm", table.connect_get_hostname())

    def test_nobody_to_ask(self) -> None:
        with self.assertRaises(libvirtError) as caught:
            RemoteTable(URI + self.rw)
        self.assertIn("No authentication callback available", str(caught.exception))

    def test_methods_by_uri(self) -> None:
        self.login("alice", "pencil", "&auth=sasl.scram-sha-256")
        for auth, text in (
            ("sasl.gssapi", "SASL mechanism GSSAPI not supported by server"),
            ("polkit", "requested authentication type polkit rejected"),
            ("none", "requested authentication type none rejected"),
            ("x", "unknown authentication type x"),
        ):
            self.assertIn(text, str(self.refused("alice", "pencil", f"&auth={auth}")))

    def test_nothing_before_the_login(self) -> None:
        raw = Raw(self.rw)
        self.addCleanup(raw.sock.close)
        raw.call("auth_list")
        self.assertEqual(Code.RPC, code_of(raw.call("connect_open", "test:///default", 0)))
        self.assertEqual(Code.AUTH_FAILED, code_of(raw.call("auth_polkit")))
        self.assertEqual(Code.AUTH_FAILED, code_of(raw.call("auth_sasl_step", 0, b"x")))

    def test_guessing_ends_the_connection(self) -> None:
        raw = Raw(self.rw)
        self.addCleanup(raw.sock.close)
        raw.call("auth_sasl_init")
        for _ in range(3):
            self.assertIsNone(
                code_of(raw.call("auth_sasl_start", "SCRAM-SHA-256", 0, b"n,,n=a,r=b"))
            )
            wrong = b"c=biws,r=b,p=AAAA"
            self.assertEqual(Code.AUTH_FAILED, code_of(raw.call("auth_sasl_step", 0, wrong)))
        self.assertIsNone(raw.recv())

    def test_garbage(self) -> None:
        for data in (
            b"",
            b"\xff\xfe",
            b"n,,",
            b"y,a=b,n=a,r=b",
            b"p=tls-unique,,n=a,r=b",
            b"," * 999,
        ):
            raw = Raw(self.rw)
            reply = raw.call("auth_sasl_start", "SCRAM-SHA-256", 0, data)
            self.assertEqual(Code.AUTH_FAILED, code_of(reply), data)
            raw.sock.close()
        raw = Raw(self.rw)
        self.assertEqual(
            Code.AUTH_FAILED, code_of(raw.call("auth_sasl_start", "PLAIN", 0, b"\0a\0b"))
        )
        raw.sock.close()

    def test_a_file_that_others_may_read_is_not_used(self) -> None:
        os.chmod(self.file, 0o644)
        self.assertEqual(Code.AUTH_FAILED, self.refused("alice", "pencil").get_error_code())

    def test_no_file(self) -> None:
        os.unlink(self.file)
        self.assertEqual(Code.AUTH_UNAVAILABLE, self.refused("alice", "x").get_error_code())

    def test_change_and_remove(self) -> None:
        passwd.change(self.file, "bob", f"bob:{sasl.make('b')}")
        passwd.change(self.file, "alice", f"alice:{sasl.make('new')}")
        self.login("alice", "new")
        self.login("bob", "b")
        self.refused("alice", "pencil")
        self.assertTrue(passwd.change(self.file, "bob", ""))
        self.assertFalse(passwd.change(self.file, "bob", ""))
        self.refused("bob", "b")
        self.assertEqual(0o600, os.stat(self.file).st_mode & 0o777)


class FakeBus(threading.Thread):
    """A system bus with polkit behind it, for one call a connection."""

    def __init__(self, path: str) -> None:
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(path)
        self.sock.listen()
        self.asked: list[Any] = []
        self.answer: Any = (True, False, {})

    def run(self) -> None:
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            with client:
                self.serve(client)

    def serve(self, client: socket.socket) -> None:
        data = b""
        while b"BEGIN\r\n" not in data:
            piece = client.recv(4096)
            data += piece
            if b"AUTH" in piece:
                client.sendall(b"OK 1234\r\n")
        parser = Parser()
        data = data.partition(b"BEGIN\r\n")[2]
        while True:
            parser.add_data(data)
            while (message := parser.get_next_message()) is not None:
                self.reply(client, message)
            data = client.recv(65536)
            if not data:
                return

    def reply(self, client: socket.socket, message: Any) -> None:
        if message.header.fields[HeaderFields.member] == "Hello":
            reply = new_method_return(message, "s", (":1.1",))
        elif callable(self.answer):
            reply = new_method_return(message, "(bba{ss})", (self.answer(message.body),))
        elif isinstance(self.answer, str):
            reply = new_error(
                message, "org.freedesktop.PolicyKit1.Error.Failed", "s", (self.answer,)
            )
        else:
            self.asked.append(message.body)
            reply = new_method_return(message, "(bba{ss})", (self.answer,))
        assert message.header.message_type is MessageType.method_call
        client.sendall(reply.serialise(serial=len(self.asked) + 1))


class PolkitTest(DaemonCase):
    auth = "polkit"

    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.mkdtemp(prefix="bus")
        self.addCleanup(rmtree, directory)
        self.bus = FakeBus(f"{directory}/bus")
        self.addCleanup(self.bus.sock.close)
        self.bus.start()
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={directory}/bus"
        self.addCleanup(os.environ.pop, "DBUS_SYSTEM_BUS_ADDRESS")
        # we are the daemon's own user, who would not be asked
        self.server._trusted = lambda *_: False  # type: ignore[method-assign]

    def test_allowed(self) -> None:
        self.assertTrue(polkit.available())
        self.assertEqual("vm", self.table().connect_get_hostname())
        ((subject, action, details, flags, _),) = self.bus.asked
        kind, about = subject
        self.assertEqual(("unix-process", polkit.MANAGE, {}, 1), (kind, action, details, flags))
        mine = {
            "pid": os.getpid(),
            "start-time": polkit.start_time(os.getpid()),
            "uid": os.getuid(),
        }
        self.assertEqual(mine, {k: v[1] for k, v in about.items()})

    def test_every_access(self) -> None:
        """access_drivers: the bus is asked for each object; what it denies is nowhere."""
        self.dispatcher.policy = PolkitPolicy("QEMU")
        asked: list[tuple[str, dict[str, str]]] = []

        def answer(body: Any) -> tuple[bool, bool, dict[str, str]]:
            _, action, details, _, _ = body
            asked.append((action, details))
            return action != "org.libvirt.api.domain.suspend", False, {}

        self.bus.answer = answer
        peer = Peer(12345, 12345, os.getpid())
        peer.started = 1
        with mock.patch.object(server, "_peer", lambda *_: peer):
            far = self.table()
        ref = far.domain_lookup_by_name("test")
        about = {"domain_name": "test", "domain_uuid": str(UUID(bytes=ref.uuid))}
        wanted = ("org.libvirt.api.domain.getattr", {"connect_driver": "QEMU", **about})
        self.assertIn(wanted, asked)
        self.assertEqual([ref], far.connect_list_all_domains(0))
        with self.assertRaises(libvirtError) as caught:
            far.domain_suspend(ref)
        self.assertEqual(Code.ACCESS_DENIED, caught.exception.get_error_code())
        self.bus.answer = lambda _body: (False, False, {})
        with self.assertRaises(libvirtError):
            far.connect_list_all_domains(0)

    def refused(self) -> int | None:
        with self.assertRaises(libvirtError) as caught:
            self.table()
        return caught.exception.get_error_code()

    def test_denied(self) -> None:
        self.bus.answer = (False, False, {})
        self.assertEqual(Code.AUTH_FAILED, self.refused())

    def test_dismissed(self) -> None:
        self.bus.answer = (False, True, {"polkit.dismissed": "true"})
        self.assertEqual(Code.AUTH_CANCELLED, self.refused())

    def test_no_polkit(self) -> None:
        self.bus.answer = "not there"
        self.assertEqual(Code.AUTH_UNAVAILABLE, self.refused())
        self.bus.sock.close()
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent"
        self.assertFalse(polkit.available())
        self.assertEqual(Code.AUTH_UNAVAILABLE, self.refused())
