# SPDX-License-Identifier: Apache-2.0
"""Configuration files, policy files, sockets, activation, notification."""

import json
import os
import socket
import stat
import tempfile

from nova_pyvirt.daemon import config, sockets
from nova_pyvirt.daemon.acl import Policy
from nova_pyvirt.daemon.session import Peer
from nova_pyvirt.errors import Code, libvirtError
from tests.base import TestCase

LIBVIRTD = """
# comment
max_workers = 7
unix_sock_rw_perms = "0770"
auth_unix_rw = "none"
listen_tcp = 1
tcp_port = "1234"
log_filters="3:remote 3:event"
tls_allowed_dn_list = ["DN1",
   "DN2"]
"""


class Files(TestCase):
    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def write(self, text: str) -> str:
        path = f"{self.directory}/file"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


class ConfigTest(Files):
    def test_libvirtd_conf(self) -> None:
        made = config.load(self.write(LIBVIRTD))
        self.assertEqual(7, made.settings.max_workers)
        self.assertEqual("none", made.settings.auth_unix_rw)
        self.assertEqual("peer", made.settings.auth_unix_ro)
        self.assertEqual(
            (0o770, True, 1234),
            (made.sockets.rw_perms, made.sockets.listen_tcp, made.sockets.tcp_port),
        )
        self.assertEqual({}, made.ignored)
        self.assertIn(":", made.log_filters)
        self.assertEqual(["DN1", "DN2"], made.settings.tls_allowed_names)

    def test_values_of_a_wrong_kind(self) -> None:
        for line in ('max_workers = "x"', "listen_addr = 1", 'sasl_allowed_username_list = "a"'):
            with self.assertRaises(libvirtError) as caught:
                config.load(self.write(line))
            self.assertEqual(Code.CONF_SYNTAX, caught.exception.get_error_code(), line)

    def test_no_file(self) -> None:
        made = config.load("/nonexistent")
        self.assertEqual(
            (20, 5, 0o700),
            (made.settings.max_workers, made.settings.prio_workers, made.sockets.rw_perms),
        )

    def test_our_own_options(self) -> None:
        self.assertEqual(20, config.own().settings.max_workers)

    def test_mistakes_are_named(self) -> None:
        for text in ("what?", 'auth_unix_rw = "magic"', "max_workers = [", "x = y"):
            with self.assertRaises(libvirtError, msg=text) as caught:
                config.load(self.write(text))
            self.assertEqual(Code.CONF_SYNTAX, caught.exception.get_error_code())


class PolicyFileTest(Files):
    def load(self, text: str) -> Policy:
        return Policy.load(self.write(text))

    def test_mistakes_deny(self) -> None:
        for text in ("", "[]", '{"rules": [{"effect": "perhaps"}]}', '{"default": "maybe"}'):
            with self.assertRaises(libvirtError, msg=text):
                self.load(text)
        with self.assertRaises(OSError):
            Policy.load("/nonexistent")

    def test_first_match_decides_and_nothing_is_denied(self) -> None:
        rules = [
            {"identity": ["uid:5"], "permission": ["read"], "effect": "deny"},
            {"identity": ["uid:*"], "object": ["domain"], "effect": "allow"},
        ]
        policy = self.load(json.dumps({"rules": rules}))
        five, six, far = Peer(5, 5, 1), Peer(6, 6, 1), Peer(None, None, None, "10.0.0.1")
        self.assertFalse(policy.allows(five, "domain", None, "read"))
        self.assertTrue(policy.allows(five, "domain", None, "write"))
        self.assertTrue(policy.allows(six, "domain", None, "read"))
        self.assertFalse(policy.allows(six, "network", None, "read"))
        self.assertFalse(policy.allows(far, "domain", None, "read"))

    def test_without_a_file_everything_is_allowed(self) -> None:
        self.assertTrue(Policy.load("").allows(Peer(5, 5, 1), "domain", None, "write"))


class SocketsTest(Files):
    def test_a_socket_has_its_mode_from_the_start(self) -> None:
        path = f"{self.directory}/sock"
        sock = sockets.unix(path, 0o700)
        self.addCleanup(sock.close)
        self.assertEqual(0o700, stat.S_IMODE(os.stat(path).st_mode))
        self.assertFalse(sock.get_inheritable())

    def test_a_stale_socket_is_replaced_a_live_one_is_not(self) -> None:
        path = f"{self.directory}/sock"
        sockets.unix(path, 0o700).close()
        alive = sockets.unix(path, 0o700)
        with self.assertRaises(libvirtError) as caught:
            sockets.unix(path, 0o700)
        self.assertIn("another daemon", str(caught.exception))
        alive.close()

    def test_no_directory(self) -> None:
        with self.assertRaises(libvirtError) as caught:
            sockets.unix(f"{self.directory}/none/sock", 0o700)
        self.assertEqual(Code.SYSTEM_ERROR, caught.exception.get_error_code())

    def test_activation_is_for_this_process_only(self) -> None:
        os.environ |= {"LISTEN_PID": "1", "LISTEN_FDS": "1"}
        self.assertEqual([], sockets.activated())
        self.assertNotIn("LISTEN_FDS", os.environ)

    def test_kinds_of_inherited_sockets(self) -> None:
        for name, kind in (
            ("libvirt-sock", "rw"),
            ("libvirt-sock-ro", "ro"),
            ("libvirt-admin-sock", "admin"),
        ):
            with sockets.unix(f"{self.directory}/{name}", 0o700) as sock:
                self.assertEqual(kind, sockets.Activated(sock, "").kind)
        with sockets.tcp("127.0.0.1", 0) as sock:
            self.assertEqual("tcp", sockets.Activated(sock, "").kind)
            self.assertEqual("tls", sockets.Activated(sock, "pyvirtd-tls.socket").kind)

    def test_notify(self) -> None:
        self.assertFalse(sockets.notify("READY=1"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(f"{self.directory}/notify")
            manager.settimeout(5)
            os.environ["NOTIFY_SOCKET"] = f"{self.directory}/notify"
            self.addCleanup(os.environ.pop, "NOTIFY_SOCKET", None)
            self.assertTrue(sockets.notify("READY=1"))
            self.assertEqual(b"READY=1", manager.recv(100))
