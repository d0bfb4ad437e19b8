# SPDX-License-Identifier: Apache-2.0
"""What must not work gets libvirt's error through the API, and leaves the directories as they were."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nova_pyvirt.libvirt as libvirt
from nova_pyvirt.hypervisors.qemu.host import processes
from tests.base import TestCase

ROOT = Path(__file__).parents[2]
QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"


def xml(
    vcpu: str = "1", devices: str = "", arguments: str = "", name: str = "wrong", memory: str = "32"
) -> str:
    return f"""<domain type='qemu' xmlns:qemu='{QEMU_NAMESPACE}'>
      <name>{name}</name><memory unit='MiB'>{memory}</memory><vcpu>{vcpu}</vcpu>
      <os><type machine='pc'>hvm</type></os><devices>{devices}</devices>
      <qemu:commandline>{arguments}</qemu:commandline></domain>"""


@unittest.skipUnless(shutil.which("qemu-system-x86_64"), "needs QEMU")
class BadInputTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        libvirt.registerErrorHandler(lambda _context, _err: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        self.root = tempfile.mkdtemp(prefix="bad")
        os.chmod(self.root, 0o755)  # QEMU is another user when we are root
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.uri = f"qemu:///embed?root={self.root}"
        self.connection = libvirt.open(self.uri)
        self.addCleanup(self.end)

    def end(self) -> None:
        self.connection.close()
        for found in processes.scan(f"{self.root}/lib/qemu"):
            os.kill(found.pid, signal.SIGKILL)

    def files(self) -> set[str]:
        """All but the logs, which stay by intent."""
        return {str(path) for path in Path(self.root).rglob("*") if path.suffix != ".log"}

    def refused(self, code: int, text: str, call: Callable[..., Any], *args: Any) -> None:
        """The call fails with this code and text, and changes nothing on disk or among domains."""
        before, domains = self.files(), self.connection.listAllDomains()
        with self.assertRaises(libvirt.libvirtError) as caught:
            call(*args)
        self.assertIn(text, str(caught.exception))
        self.assertEqual(code, caught.exception.get_error_code())
        self.assertEqual(before, self.files())
        self.assertEqual(len(domains), len(self.connection.listAllDomains()))
        self.assertEqual([], list(processes.scan(f"{self.root}/lib/qemu")))

    def refused_both_ways(self, code: int, text: str, document: str) -> None:
        """As a definition and as a transient guest."""
        self.refused(code, text, self.connection.defineXML, document)
        self.refused(code, text, self.connection.createXML, document, 0)

    def test_broken_documents(self) -> None:
        self.connection.defineXML(xml(name="other"))  # with the capabilities of QEMU now on disk
        detail, error = libvirt.VIR_ERR_XML_DETAIL, libvirt.VIR_ERR_XML_ERROR
        self.refused_both_ways(detail, "Premature end of data", "<domain><name>")
        self.refused_both_ways(detail, "Start tag expected", "not XML at all")
        self.refused_both_ways(error, "domain", "<network><name>wrong</name></network>")

    def test_names(self) -> None:
        """Names of files are made of them."""
        self.connection.defineXML(xml(name="other"))
        error, detail = libvirt.VIR_ERR_XML_ERROR, libvirt.VIR_ERR_XML_DETAIL
        long = libvirt.VIR_ERR_SYSTEM_ERROR
        for name, code in (
            ("..", error), (".", error), ("a/b", error), ("../../etc/x", error),
            ("a&#10;b", detail), ("a&#1;b", detail), ("", libvirt.VIR_ERR_NO_NAME),
            ("n" * 300, long), ("n" * 10000, long),
        ):  # fmt: skip
            with self.subTest(name[:20]):
                self.refused_both_ways(code, "", xml(name=name))
        for name in ("-S", "a,b", "a b", "$(id)", "ä", "..."):
            with self.subTest(name):
                domain = self.connection.defineXML(xml(name=name))
                self.assertEqual(name, domain.name())
                self.assertIn(f"{self.root}/etc/qemu/{name}.xml", self.files())
                domain.create()
                domain.destroy()
                domain.undefine()

    def test_names_and_uuids_of_others(self) -> None:
        first = self.connection.defineXML(xml(name="first"))
        second = self.connection.defineXML(xml(name="second"))
        failed, uuid = libvirt.VIR_ERR_OPERATION_FAILED, "<uuid>{}</uuid><memory"
        text = xml(name="third").replace("<memory", uuid.format(first.UUIDString()), 1)
        said = f"domain 'first' is already defined with uuid {first.UUIDString()}"
        self.refused_both_ways(failed, said, text)
        text = xml(name="second").replace("<memory", uuid.format(first.UUIDString()), 1)
        self.refused_both_ways(failed, said, text)
        said = f"domain 'second' already exists with uuid {second.UUIDString()}"
        self.refused_both_ways(failed, said, xml(name="second"))
        for wrong in ("x", first.UUIDString()[:-1], "g" * 32):
            text = xml(name="third").replace("<memory", uuid.format(wrong), 1)
            self.refused_both_ways(libvirt.VIR_ERR_INTERNAL_ERROR, "uuid", text)

    def test_values_stay_values(self) -> None:
        """Nothing in a definition becomes another option of QEMU's."""
        evil = "x,readonly=on,file=/etc/shadow\"'&#10;-S"
        disk = f"{self.root}/{evil.replace('/', '_')}"
        plain = disk.replace("&#10;", "\n")
        Path(plain).write_bytes(b"untouched" + bytes(1 << 20))
        quoted = disk.replace('"', "&quot;").replace("'", "&apos;")
        serial = evil.replace("&#10;", " ").replace('"', "").replace("'", "")
        devices = f"""<disk type='file'><driver name='qemu' type='raw'/><source file="{quoted}"/>
            <target dev='vda' bus='virtio'/></disk>
            <graphics type='vnc' port='-1' passwd='p,sasl=1'/>
            <serial type='file'><source path="{quoted}.log"/></serial>"""
        document = xml(devices=devices).replace("<memory", f"<title>{serial}</title><memory", 1)
        domain = self.connection.createXML(document, libvirt.VIR_DOMAIN_START_PAUSED)
        (found,) = processes.scan(f"{self.root}/lib/qemu")
        words = Path(f"/proc/{found.pid}/cmdline").read_bytes().split(b"\0")
        blocks = [json.loads(word) for word in words if word.startswith(b'{"driver":"file"')]
        self.assertEqual([plain], [block["filename"] for block in blocks])
        self.assertFalse(any(b"sasl" in word or word == b"-S\n" for word in words))
        self.assertNotIn("<readonly/>", domain.XMLDesc())
        domain.destroy()
        unsafe = devices.replace("</disk>", "<serial>s,readonly=on</serial></disk>")
        said = "driver serial 's,readonly=on' contains unsafe characters"
        self.refused_both_ways(libvirt.VIR_ERR_INTERNAL_ERROR, said, xml(devices=unsafe))
        self.assertTrue(Path(plain).read_bytes().startswith(b"untouched"))

    def test_emulators(self) -> None:
        """What is no QEMU is not taken for one."""
        self.connection.defineXML(xml(name="other"))
        (Path(self.root) / "loop").symlink_to("loop")
        script = Path(self.root) / "script"
        script.write_text("#!/bin/sh\necho ran >> $0.ran\nexit 1\n")
        system, internal = libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_INTERNAL_ERROR
        for path, code in (
            ("/no/such", system), (f"{self.root}/loop", system), (self.root, system),
            (str(script), system), ("bin/qemu", system), ("/bin/true", system), ("/bin/false", internal),
        ):  # fmt: skip
            with self.subTest(path):
                devices = f"<emulator>{path}</emulator>"
                self.refused_both_ways(code, "", xml(devices=devices))
        self.assertFalse(Path(f"{script}.ran").exists())

    def test_numbers(self) -> None:
        self.connection.defineXML(xml(name="other"))
        for vcpu in ("-5", "abc", "4294967291000"):
            self.refused_both_ways(libvirt.VIR_ERR_XML_ERROR, "vcpu", xml(vcpu=vcpu))
        self.refused_both_ways(libvirt.VIR_ERR_XML_ERROR, "memory", xml(memory="-1"))
        self.refused_both_ways(
            libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "Maximum CPUs greater", xml(vcpu="100000")
        )

    def test_unknown_flags(self) -> None:
        domain = self.connection.defineXML(xml(name="other"))
        text, code = "unsupported flags (0x10000000) in function", libvirt.VIR_ERR_INVALID_ARG
        for call in (
            lambda: self.connection.defineXMLFlags(xml(), 1 << 28),
            lambda: self.connection.createXML(xml(), 1 << 28),
            lambda: domain.createWithFlags(1 << 28),
            lambda: domain.XMLDesc(1 << 28),
            lambda: domain.undefineFlags(1 << 28),
        ):
            self.refused(code, text, call)

    def test_missing_disk(self) -> None:
        disk = f"""<disk type='file'><source file='{self.root}/none.img'/>
                   <target dev='vda' bus='virtio'/></disk>"""
        domain = self.connection.defineXML(xml(devices=disk))
        self.refused(libvirt.VIR_ERR_SYSTEM_ERROR, f"{self.root}/none.img", domain.create)
        self.assertEqual([libvirt.VIR_DOMAIN_SHUTOFF, 6], domain.state())

    def test_qemu_that_exits_at_once(self) -> None:
        domain = self.connection.defineXML(xml(arguments="<qemu:arg value='-no-such-option'/>"))
        self.refused(libvirt.VIR_ERR_INTERNAL_ERROR, "-no-such-option: invalid", domain.create)
        self.assertEqual([libvirt.VIR_DOMAIN_SHUTOFF, 6], domain.state())

    def test_second_process(self) -> None:
        """It is refused, told by whom, and the first goes on."""
        script = f"import nova_pyvirt.libvirt as libvirt; libvirt.open({self.uri!r})"
        before = self.files()
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
        )
        self.assertEqual(1, done.returncode)
        self.assertIn(f"is in use by process {os.getpid()}", done.stderr)
        self.assertEqual(before, self.files())
        self.assertTrue(self.connection.isAlive())
