# SPDX-License-Identifier: Apache-2.0
"""What the settings of qemu.conf change: command lines, firmware, capabilities, directories."""

import os
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest import mock

from nova_pyvirt.core.host import HostFs
from nova_pyvirt.core.settings import Settings
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import command, state
from nova_pyvirt.hypervisors.qemu.caps import CapsCache
from nova_pyvirt.hypervisors.qemu.caps.cache import SPICE_TLS
from nova_pyvirt.hypervisors.qemu.definition import parse_definition
from nova_pyvirt.hypervisors.qemu.host import facts, hugepages
from nova_pyvirt.hypervisors.qemu.start.prepare_host import swtpm
from tests.base import TestCase
from tests.fixtures.qemu72 import caps, define, line, xml

VNC = "<graphics type='vnc' port='5901' listen='127.0.0.1'/>"
SPICE = "<graphics type='spice' port='5901' listen='127.0.0.1'/>"


class TestCommandLine(TestCase):
    def build(self, devices: str = "", **settings: Any) -> command.CommandLine:
        made = Settings(**settings)
        paths = SimpleNamespace(memory_dir="/ram")
        host: Any = SimpleNamespace(
            settings=made, paths=paths, view=SimpleNamespace(fs=HostFs("/nonexistent"))
        )
        domain: Any = SimpleNamespace(
            cpu=None, memory_backing=None, numatune=None, devices=SimpleNamespace(memories=[])
        )
        context = {"standalone": True, "lib_dir": "/lib", **facts.host_context(host, domain)}
        return line(devices, context=context)

    def after(self, option: str, devices: str = "", **settings: Any) -> str:
        argv = self.build(devices, **settings).argv
        return argv[argv.index(option) + 1] if option in argv else ""

    def test_vnc(self) -> None:
        self.assertNotIn("password", self.after("-vnc", VNC))
        self.assertIn(",password=on", self.after("-vnc", VNC, vnc_password=""))
        line = self.build(
            VNC,
            vnc_tls=True,
            vnc_tls_dir="/v",
            vnc_tls_verify=True,
            vnc_sasl=True,
            vnc_sasl_dir="/s",
        )
        self.assertIn(
            '{"qom-type":"tls-creds-x509","id":"vnc-tls-creds0","dir":"/v","endpoint":"server",'
            '"verify-peer":true}',
            line.argv,
        )
        shown = line.argv[line.argv.index("-vnc") + 1]
        self.assertIn(",tls-creds=vnc-tls-creds0,sasl=on", shown)
        self.assertEqual("/s", line.env["SASL_CONF_PATH"])
        self.assertNotIn("SASL_CONF_PATH", self.build("", vnc_sasl=True, vnc_sasl_dir="/s").env)
        self.assertTrue(any('"dir":"/pki"' in a for a in self.build(
            VNC, vnc_tls=True, tls_dir="/pki").argv))  # fmt: skip

    def test_spice(self) -> None:
        self.assertIn("disable-ticketing=on", self.after("-spice", SPICE))
        shown = self.after("-spice", SPICE, spice_password="x", spice_sasl=True)
        self.assertNotIn("disable-ticketing", shown)
        self.assertIn("sasl=on", shown)
        secure = "<graphics type='spice' autoport='yes' defaultMode='secure'/>"
        shown = self.after("-spice", secure, spice_tls=True, spice_tls_dir="/s,1")
        self.assertIn("x509-dir=/s,,1", shown)

    def test_of_the_process(self) -> None:
        self.assertEqual("timestamp=on", self.after("-msg"))
        self.assertEqual("", self.after("-msg", log_timestamp=False))
        self.assertIn("dump-guest-core=off", self.after("-machine"))
        self.assertIn("dump-guest-core=on", self.after("-machine", dump_guest_core=True))
        self.assertNotIn("process=", self.after("-name"))
        self.assertRegex(
            self.after("-name", set_process_name=True), r"guest=(\w+),process=qemu:\1,"
        )
        self.assertEqual("", self.after("-compat"))
        self.assertIn('"deprecated-input":"reject"', self.after("-compat", deprecation="reject"))


class TestHost(TestCase):
    def test_memory(self) -> None:
        paths = SimpleNamespace(memory_dir="/ram")
        host: Any = SimpleNamespace(settings=Settings(), paths=paths, view=SimpleNamespace(fs=None))
        self.assertEqual("/ram", facts.memory_dir(host))
        host.settings.memory_backing_dir = "/m"
        self.assertEqual("/m/libvirt/qemu", facts.memory_dir(host))
        with mock.patch.object(hugepages, "mounts", return_value={2048: "/a", 1 << 20: "/b"}):
            self.assertEqual(2, len(facts._mounts(host)))
            host.settings.hugetlbfs_mount = ("/b",)
            self.assertEqual({1 << 20: "/b"}, facts._mounts(host))
            host.settings.hugetlbfs_mount = ()
            self.assertEqual({}, facts._mounts(host))

    def test_firmware(self) -> None:
        self.assertEqual([("/c", "/v")], state._loaders(("/c:/v",)))
        self.assertIn("OVMF", str(state._loaders(None)))
        for bad in ("/c", "/c:", ":/v"):
            with self.assertRaisesRegex(libvirtError, "Invalid nvram format") as caught:
                state._loaders((bad,))
            self.assertEqual(Code.CONF_SYNTAX, caught.exception.get_error_code())

    def test_capabilities_that_are_not_to_be_used(self) -> None:
        whole = replace(caps(), binary="/bin/true")
        cache = CapsCache(None, prober=lambda _binary: whole, without=frozenset({"vnc"}))
        found = cache.get("/bin/true")
        self.assertTrue(found.has("iothread"))
        self.assertFalse(found.has("vnc"))

    def test_a_port_for_encrypted_spice(self) -> None:
        devices = "<graphics type='spice' port='5901' tlsPort='5902'/>"
        with self.assertRaisesRegex(libvirtError, "TLS is disabled in qemu.conf"):
            define(devices)
        cache = CapsCache(None, prober=lambda _binary: caps(), also=frozenset({SPICE_TLS}))
        able = cache.get("/bin/true")
        self.assertEqual(
            "5902", parse_definition(xml(devices), lambda _: able).devices.graphics[0].tls_port
        )

    def test_user_of_swtpm(self) -> None:
        settings = Settings(uid=5, gid=6, swtpm_user="+0", swtpm_group="+77")
        start: Any = SimpleNamespace(state=SimpleNamespace(settings=settings))
        with mock.patch.object(os, "geteuid", return_value=0):
            self.assertEqual((0, 77), swtpm._owner(start))
            settings.swtpm_group = None
            self.assertEqual((0, 0), swtpm._owner(start))
