# SPDX-License-Identifier: Apache-2.0
"""What is refused before anything has been made, and how fast."""

import socket
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from nova_pyvirt.core.schemas import Schemas
from nova_pyvirt.core.secrets import SecretStore
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.start import preflight
from nova_pyvirt.hypervisors.qemu.start.context import Start
from tests.base import TestCase
from tests.fixtures.qemu72 import define

DISK = """<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/x'>
  {inside}</source><target dev='vda' bus='virtio'/></disk>"""
UUID = "c2177883-f1bb-47f0-914d-32a22e3a8804"


class TestPreflight(TestCase):
    def setUp(self) -> None:
        super().setUp()
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)

    def check(self, xml: str) -> None:
        run = SimpleNamespace(lib_dir="/lib/domain-1-guest")
        secrets = SecretStore(f"{self.root}/secrets", Schemas("/nonexistent"))
        state = SimpleNamespace(paths=SimpleNamespace(channel_dir="/channels"), secrets=secrets)
        start = SimpleNamespace(definition=define(xml), private=run, state=state)
        preflight.check(cast(Start, start))

    def test_what_the_start_makes_is_not_missed(self) -> None:
        channel = (
            "<channel type='unix'><source mode='bind' path='{}'/><target type='virtio'/></channel>"
        )
        self.check(channel.format("/channels/domain-1-guest/agent"))
        self.refused(channel.format("/nowhere/agent"), Code.SYSTEM_ERROR, "Unable to bind")

    def refused(self, xml: str, code: int, text: str) -> None:
        begun = time.monotonic()
        with self.assertRaisesRegex(libvirtError, text) as caught:
            self.check(xml)
        self.assertEqual(code, caught.exception.get_error_code())
        self.assertLess(time.monotonic() - begun, 0.05)

    def busy_port(self, family: int = socket.AF_INET, host: str = "127.0.0.1") -> int:
        sock = socket.socket(family)
        self.addCleanup(sock.close)
        sock.bind((host, 0))
        sock.listen()
        return int(sock.getsockname()[1])

    def test_ports_that_are_in_use(self) -> None:
        port = self.busy_port()
        vnc = "<graphics type='vnc' port='{}' autoport='no' listen='127.0.0.1'/>"
        text = f"VNC port {port} on 127.0.0.1 is in use"
        self.refused(vnc.format(port), Code.INTERNAL_ERROR, text)
        spice = f"<graphics type='spice' port='{port}' autoport='no' listen='127.0.0.1'/>"
        self.refused(spice, Code.INTERNAL_ERROR, f"SPICE port {port}")
        six = self.busy_port(socket.AF_INET6, "::1")
        xml = f"<graphics type='vnc' port='{six}' autoport='no' listen='::1'/>"
        self.refused(xml, Code.INTERNAL_ERROR, f"port {six} on ::1 is in use")
        serial = (
            f"<serial type='tcp'><source mode='bind' host='127.0.0.1' service='{port}'/></serial>"
        )
        self.refused(serial, Code.INTERNAL_ERROR, f"port {port} on 127.0.0.1 is in use")

    def test_ports_that_are_free(self) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        self.check(f"<graphics type='vnc' port='{port}' autoport='no' listen='127.0.0.1'/>")
        self.check("<graphics type='vnc' autoport='yes'/>")
        self.check("<graphics type='vnc' port='5999' autoport='no' listen='no.such.host.invalid'/>")

    def test_character_devices(self) -> None:
        path = self.root / "no" / "socket"
        bind = f"<serial type='unix'><source mode='bind' path='{path}'/></serial>"
        self.refused(bind, Code.SYSTEM_ERROR, f"Unable to bind to UNIX socket path '{path}'")
        connect = f"<serial type='unix'><source mode='connect' path='{path}'/></serial>"
        self.refused(connect, Code.INTERNAL_ERROR, f"Failed to connect to '{path}'")
        dev = "<serial type='dev'><source path='/dev/no-such-tty'/></serial>"
        self.refused(dev, Code.SYSTEM_ERROR, "unable to stat: /dev/no-such-tty")
        pipe = f"<serial type='pipe'><source path='{path}'/></serial>"
        self.refused(pipe, Code.SYSTEM_ERROR, "unable to stat")
        self.check("<serial type='dev'><source path='/dev/null'/></serial>")

    def test_other_files(self) -> None:
        rng = "<rng model='virtio'><backend model='random'>/dev/no-rng</backend></rng>"
        self.refused(rng, Code.SYSTEM_ERROR, "unable to stat: /dev/no-rng")
        shared = "<filesystem type='mount'><source dir='/no/dir'/><target dir='t'/></filesystem>"
        self.refused(shared, Code.INTERNAL_ERROR, "'/no/dir' does not exist")

    def test_networks(self) -> None:
        name = "i" * 16
        xml = f"<interface type='ethernet'><target dev='{name}'/></interface>"
        self.refused(xml, Code.SYSTEM_ERROR, f"Network interface name '{name}' is too long: Num")
        xml = "<interface type='network'><source network='none'/></interface>"
        self.refused(xml, Code.NO_NETWORK, "no network with matching name 'none'")

    def test_secrets(self) -> None:
        inside = f"<encryption format='luks'><secret type='passphrase' uuid='{UUID}'/></encryption>"
        text = f"no secret with matching uuid '{UUID}'"
        self.refused(DISK.format(inside=inside), Code.NO_SECRET, text)
        beside = DISK.format(inside="").replace("</disk>", f"{inside}</disk>")
        self.refused(beside, Code.NO_SECRET, text)
        self.check(DISK.format(inside=""))
