# SPDX-License-Identifier: Apache-2.0
"""URIs and the drivers they lead to."""

import os
from unittest import mock

from nova_pyvirt.core import registry
from nova_pyvirt.core.uri import parse
from nova_pyvirt.errors import libvirtError
from tests.base import TestCase


class ParseTest(TestCase):
    def test_parts(self) -> None:
        uri = parse("qemu+ssh://root@example.org:22/system?keyfile=/x&name=a%20b#frag")
        self.assertEqual(("qemu+ssh", "example.org", "/system"), uri[:3])
        self.assertEqual({"keyfile": "/x", "name": "a b"}, uri.params)

    def test_ipv6(self) -> None:
        self.assertEqual("::1", parse("qemu+tcp://[::1]:16509/system").server)

    def test_refused(self) -> None:
        for text in ("not a uri", "://", "qemu:///%", "a:b\nc", "1:///x"):
            with self.subTest(text), self.assertRaises(libvirtError) as caught:
                parse(text)
            assert caught.exception.err is not None
            expected = (1, 45, f"internal error: Unable to parse URI {text}")
            self.assertEqual(expected, caught.exception.err[:3])


@mock.patch("os.geteuid", return_value=0)
class OpenTest(TestCase):
    def failing(self, text: str | None) -> tuple[int, int, str]:
        with self.assertRaises(libvirtError) as caught:
            registry.open_connection(text)
        err = caught.exception.err
        assert err is not None
        return err[:3]

    def test_refusals_of_libvirtd(self, euid: mock.Mock) -> None:
        for text, code, message in (
            ("foo:///system", 5, "no connection driver available for foo:///system"),
            ("QEMU:///system", 5, "no connection driver available for QEMU:///system"),
            (
                "qemu:///bogus",
                1,
                "internal error: unexpected qemu URI path '/bogus', try qemu:///system",
            ),
            ("qemu://", 1, "internal error: unexpected qemu URI path '', try qemu:///system"),
            (
                "qemu:////system",
                1,
                "internal error: unexpected qemu URI path '//system', try qemu:///system",
            ),
            (
                "qemu:system",
                1,
                "internal error: invalid URI qemu://system (maybe you want qemu:///system)",
            ),
            (
                "lxc:///session",
                1,
                "internal error: unexpected lxc URI path '/session', try lxc:///system",
            ),
        ):
            self.assertEqual((code, 0, message), self.failing(text))

    def test_embed(self, euid: mock.Mock) -> None:
        missing = (8, 45, "invalid argument: Missing URI parameter 'root'")
        self.assertEqual(missing, self.failing("qemu:///embed"))
        relative = (67, 0, "unsupported configuration: root path must be absolute")
        self.assertEqual(relative, self.failing("qemu:///embed?root=x"))

    def test_users_have_their_session(self, euid: mock.Mock) -> None:
        euid.return_value = 1000
        text = "internal error: unexpected qemu URI path '/system', try qemu:///session"
        self.assertEqual((1, 0, text), self.failing("qemu:///system"))

    def test_default(self, euid: mock.Mock) -> None:
        with mock.patch.dict(os.environ, {"LIBVIRT_DEFAULT_URI": "foo:///x"}):
            self.assertEqual("foo:///x", registry.default_uri())
            for name in (None, ""):
                self.assertIn("foo:///x", self.failing(name)[2])
        with mock.patch.dict(os.environ):
            os.environ.pop("LIBVIRT_DEFAULT_URI", None)
            self.assertEqual("qemu:///system", registry.default_uri())
            euid.return_value = 1000
            self.assertEqual("qemu:///session", registry.default_uri())

    def test_what_is_remote(self, euid: mock.Mock) -> None:
        for text, remote in (
            ("qemu+tcp://h/system", True),
            ("qemu+unix:///system", True),
            ("qemu://h/system", True),
            ("qemu:///system?socket=/x", True),
            ("qemu:///system", False),
            ("test:///default", False),
        ):
            self.assertEqual(remote, registry.is_remote(parse(text)), text)

    def test_a_driver_is_opened(self, euid: mock.Mock) -> None:
        table = registry.open_connection("test:///default", 1)
        self.addCleanup(table.close)
        self.assertEqual(("test:///default", True), (table.uri, table.readonly))
