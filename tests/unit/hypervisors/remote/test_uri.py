# SPDX-License-Identifier: Apache-2.0
"""Remote URIs, socket choice, the ssh command line."""

import os
import shlex
import subprocess
import tempfile

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.remote.transport import ssh_command
from nova_pyvirt.hypervisors.remote.uri import parse
from tests.base import TestCase


class ParseTest(TestCase):
    def test_what_the_server_is_asked_for(self) -> None:
        for uri, transport, name in (
            ("qemu:///system", "unix", "qemu:///system"),
            ("qemu+unix:///system?socket=/x", "unix", "qemu:///system"),
            ("qemu+ssh://root@host/system?keyfile=/k&no_tty=1", "ssh", "qemu:///system"),
            ("qemu://host/system", "tls", "qemu:///system"),
            ("qemu+tcp://host:99/session", "tcp", "qemu:///session"),
            ("test+unix:///default?socket=/x", "unix", "test:///default"),
            ("qemu+unix:///embed?root=/tmp/x&socket=/s", "unix", "qemu:///embed?root=/tmp/x"),
            ("qemu+tls://h/system?name=qemu:///session", "tls", "qemu:///session"),
            ("remote://host/", "tls", ""),
        ):
            with self.subTest(uri):
                made = parse(uri)
                self.assertEqual((transport, name), (made.transport, made.name))

    def test_refused(self) -> None:
        for uri in ("qemu+foo:///system", "qemu+unix://host/system", "/system"):
            with self.assertRaises(libvirtError, msg=uri) as caught:
                parse(uri)
            self.assertEqual(Code.INVALID_ARG, caught.exception.get_error_code())
        with self.assertRaises(libvirtError):
            parse("qemu://host:99999999/system")

    def test_sockets(self) -> None:
        given = parse("qemu+unix:///system?socket=/x/y")
        self.assertEqual("/x/y", given.socket_path(True))
        legacy = parse("qemu+unix:///system?mode=legacy")
        self.assertEqual("/var/run/libvirt/libvirt-sock", legacy.socket_path(False))
        self.assertEqual("/var/run/libvirt/libvirt-sock-ro", legacy.socket_path(True))
        direct = parse("qemu+unix:///system?mode=direct")
        self.assertEqual("/var/run/libvirt/virtqemud-sock", direct.socket_path(False))
        with self.assertRaises(libvirtError):
            parse("qemu+unix:///system?mode=odd").socket_path(False)


class SSHTest(TestCase):
    def test_nothing_becomes_an_option(self) -> None:
        for uri in (
            "qemu+ssh://-oProxyCommand=x/system",
            "qemu+ssh://-oProxyCommand=x@host/system",
            "qemu+ssh://host/system?keyfile=-oProxyCommand=x",
        ):
            with self.assertRaises(libvirtError, msg=uri) as caught:
                ssh_command(parse(uri), False)
            self.assertEqual(Code.INVALID_ARG, caught.exception.get_error_code())

    def test_arguments(self) -> None:
        argv = ssh_command(parse("qemu+ssh://me@host:2222/system?no_tty=1&keyfile=/k"), True)
        self.assertEqual(
            ["ssh", "-p", "2222", "-l", "me", "-i", "/k", "-T", "-e", "none"], argv[:10]
        )
        self.assertEqual(["-o", "BatchMode=yes", "--", "host"], argv[10:14])
        self.assertIn("virt-ssh-helper -r", argv[14])

    def test_quotes_survive_both_shells(self) -> None:
        """What ssh hands to the far shell runs netcat with the very path, whatever is in it."""
        nasty = "/tmp/a'b c$(touch /tmp/pwned)\"d"
        with tempfile.TemporaryDirectory() as directory:
            netcat = os.path.join(directory, "n c'x")
            with open(netcat, "w", encoding="utf-8") as file:
                file.write('#!/bin/sh\n[ "$1" = -q ] && exit 0\nprintf "%s" "$2"\n')
            os.chmod(netcat, 0o755)
            uri = parse("qemu+ssh://host/system?proxy=netcat")
            uri.query |= {"netcat": netcat, "socket": nasty}
            far = ssh_command(uri, False)[-1]
            done = subprocess.run(["sh", "-c", far], capture_output=True, text=True, check=True)
        self.assertEqual(nasty, done.stdout)
        self.assertFalse(os.path.exists("/tmp/pwned"))
        self.assertEqual("sh", shlex.split(far)[0])
