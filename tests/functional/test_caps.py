# SPDX-License-Identifier: Apache-2.0
"""Capabilities of the QEMU that is installed."""

import os
import shutil
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from lxml import etree

from nova_pyvirt import libvirt
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.caps import CapsCache, HostView, connect, session
from nova_pyvirt.hypervisors.qemu.caps.probe import probe
from nova_pyvirt.hypervisors.qemu.caps.session import CommandFailed, ProbeSession
from nova_pyvirt.model import cpuset
from tests.base import TestCase

QEMU = shutil.which("qemu-system-x86_64")


@unittest.skipUnless(QEMU, "no qemu-system-x86_64")
class QemuTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.binary = str(QEMU)

    def test_probe(self) -> None:
        caps = probe(self.binary)
        self.assertEqual("x86_64", caps.arch)
        self.assertGreater(caps.version, 4002000)
        for name in ("tcg", "device.json+hotplug", "object.qapified", "netdev.json", "iothread"):
            self.assertTrue(caps.has(name), name)
        self.assertIn("pc", caps.canonical_machine("q35"))
        self.assertIn("qemu64", {cpu.name for cpu in caps.cpu_models("qemu")})
        self.assertIsNotNone(caps.accel("qemu").host_cpu)

    def test_second_look_runs_nothing(self) -> None:
        first = CapsCache(self.root / "cache").get(self.binary)
        with mock.patch.object(session.subprocess, "Popen", side_effect=AssertionError):
            second = CapsCache(self.root / "cache").get(self.binary)
        self.assertEqual(first, second)

    def test_documents(self) -> None:
        view = HostView(CapsCache(None))
        root = etree.fromstring(connect.get_capabilities(view))
        self.assertEqual("x86_64", root.findtext("host/cpu/arch"))
        text = connect.get_domain_capabilities(view, self.binary, "x86_64", "q35", "qemu")
        modes = etree.fromstring(text).iterfind("cpu/mode")
        self.assertEqual(
            {"host-passthrough": "no", "maximum": "yes", "host-model": "yes", "custom": "yes"},
            {mode.get("name"): mode.get("supported") for mode in modes},
        )

    def test_host_cpu_is_what_the_host_has(self) -> None:
        view = HostView(CapsCache(None))
        cpu = etree.fromstring(connect.get_capabilities(view)).find("host/cpu")
        for pages in cpu.findall("pages"):
            cpu.remove(pages)
        self.assertEqual(1, connect.compare_cpu(view, etree.tostring(cpu).decode()))

    def test_a_refused_command_leaves_the_session_usable(self) -> None:
        with ProbeSession(self.binary, "tcg") as qemu:
            qemu.open()
            refused, answered = qemu.batch([("no-such", None), ("query-target", None)])
        self.assertIsInstance(refused, CommandFailed)
        self.assertEqual({"arch": "x86_64"}, answered)


class OtherProgramTest(TestCase):
    def script(self, text: str) -> str:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "qemu"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    def refused(self, text: str, code: Code, words: str) -> None:
        with self.assertRaises(libvirtError) as caught:
            probe(self.script(text))
        self.assertEqual(code, caught.exception.get_error_code())
        self.assertIn(words, caught.exception.get_error_message() or "")

    def test_ends_at_once(self) -> None:
        self.refused("exit 0", Code.SYSTEM_ERROR, "opens no monitor")

    def test_complains(self) -> None:
        self.refused("echo no such option >&2; exit 1", Code.INTERNAL_ERROR, "no such option")

    def test_says_nothing(self) -> None:
        def impatient(binary: str, accel: str) -> ProbeSession:
            return ProbeSession(binary, accel, deadline=0.2)

        with self.assertRaises(libvirtError) as caught:
            probe(self.script("exec sleep 60"), session=impatient)
        self.assertEqual(Code.OPERATION_TIMEOUT, caught.exception.get_error_code())


class HostTest(TestCase):
    """What a program is told of this host."""

    def test_processors_and_memory(self) -> None:
        root = self.enterContext(tempfile.TemporaryDirectory())
        conn = libvirt.open(f"qemu:///embed?root={root}")
        self.addCleanup(conn.close)
        numbers = cpuset.parse(Path("/sys/devices/system/cpu/online").read_text().strip())
        count, online, total = conn.getCPUMap()
        self.assertEqual(set(numbers), {number for number, there in enumerate(online) if there})
        self.assertEqual((len(online), len(numbers)), (count, total))
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
        self.assertEqual((whole, len(numbers)), tuple(conn.getInfo()[1:3]))
