# SPDX-License-Identifier: Apache-2.0
"""Starts that must fail: with the right error, soon, and with nothing left; with a real QEMU."""

import errno
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from nova_pyvirt.core import ports
from nova_pyvirt.core.hooks import Hooks
from nova_pyvirt.core.ports import PortAllocator
from nova_pyvirt.core.states import Running, Shutoff, State
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.host import needs
from tests.functional.lifecycle_case import CHILD, RESUMED, STARTED, STOPPED, XML, LifecycleCase

#: seconds for what is seen before there is a process
SOON = 0.5


class StartFaultCase(LifecycleCase):
    def fails(self, ref: Any, code: int, text: str, seconds: float = SOON) -> libvirtError:
        self.events.clear()
        begun = time.monotonic()
        with self.assertRaisesRegex(libvirtError, text) as caught:
            self.table.domain_create(ref)
        self.assertLess(time.monotonic() - begun, seconds)
        self.assertEqual(code, caught.exception.get_error_code())
        self.left_nothing(ref)
        self.assertEqual([], self.events)
        return caught.exception

    def left_nothing(self, ref: Any) -> None:
        self.assertEqual((State.SHUTOFF, Shutoff.FAILED), self.state(ref))
        self.assertEqual([], self.running())
        self.assertEqual([], self.leftovers())
        self.assertEqual([], self.table.state.vnc_ports.held())

    def works(self, ref: Any) -> None:
        """The same guest, once nothing is in the way."""
        self.table.domain_create(ref)
        self.assertEqual((State.RUNNING, Running.BOOTED), self.state(ref))
        self.table.domain_destroy(ref)

    def refused_before_a_process(self, ref: Any, code: int, text: str) -> None:
        """The error, and QEMU has never been tried."""
        log = Path(self.root, f"log/qemu/{ref.name}.log")
        self.fails(ref, code, text)
        self.assertFalse(log.exists() and "starting up" in log.read_text())


class TestFiles(StartFaultCase):
    def test_images(self) -> None:
        ref = self.define()
        os.rename(self.disk, f"{self.disk}.away")
        text = f"Cannot access storage file '{self.disk}': No such file"
        self.refused_before_a_process(ref, Code.SYSTEM_ERROR, text)
        os.mkdir(self.disk)
        self.refused_before_a_process(ref, Code.SYSTEM_ERROR, "Is a directory")
        os.rmdir(self.disk)
        os.rename(f"{self.disk}.away", self.disk)
        self.works(ref)

    def test_raw_data_as_qcow2(self) -> None:
        xml = XML.format(name="nano", disk=self.disk, extra="", devices="")
        ref = self.table.domain_define_xml(xml.replace("type='raw'", "type='qcow2'"))
        self.refused_before_a_process(ref, Code.INTERNAL_ERROR, "not in qcow2 format")

    @unittest.skipUnless(os.geteuid() == 0, "QEMU is another user only when we are root")
    def test_directory_that_qemu_may_not_enter(self) -> None:
        inside = Path(self.root, "private")
        inside.mkdir(mode=0o700)
        os.rename(self.disk, inside / "nano.img")
        xml = XML.format(name="nano", disk=inside / "nano.img", extra="", devices="")
        ref = self.table.domain_define_xml(xml)
        self.refused_before_a_process(ref, Code.SYSTEM_ERROR, "Permission denied")
        inside.chmod(0o711)
        self.works(ref)

    def test_kernel(self) -> None:
        xml = XML.format(name="nano", disk=self.disk, extra="", devices="")
        ref = self.table.domain_define_xml(
            xml.replace("hvm</type>", "hvm</type><kernel>/nonexistent/kernel</kernel>")
        )
        self.fails(ref, Code.SYSTEM_ERROR, "/nonexistent/kernel", 3.0)

    def test_character_devices(self) -> None:
        ref = self.define(devices="<serial type='file'><source path='/nonexistent/x'/></serial>")
        text = "Failed to create file '/nonexistent/x': No such file"
        self.refused_before_a_process(ref, Code.SYSTEM_ERROR, text)
        path = f"{self.root}/{'s' * 120}"
        ref = self.define(
            devices=f"<serial type='unix'><source mode='bind' path='{path}'/></serial>"
        )
        self.fails(ref, Code.INTERNAL_ERROR, "UNIX|unix|socket", 3.0)

    @unittest.skipUnless(os.geteuid() == 0, "mounts need root")
    def test_no_room_for_our_own_files(self) -> None:
        """A file system of one page for each of the directories that a start writes to."""
        for directory in ("run/qemu", "lib/qemu/status"):
            with self.subTest(directory):
                ref = self.define()
                self.table.close()
                full = Path(self.root, directory)
                subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "full", full], check=True)
                try:
                    self.table = self.open()
                    self.fill(full / "filler")
                    self.events.clear()
                    with self.assertRaisesRegex(libvirtError, "No space left on device"):
                        self.table.domain_create(ref)
                    (full / "filler").unlink()
                    self.left_nothing(ref)
                    self.works(ref)
                finally:
                    self.table.close()
                    subprocess.run(["umount", full], check=True)
                    self.table = self.open()

    @staticmethod
    def fill(path: Path) -> None:
        with path.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(512))
            except OSError as exc:
                assert exc.errno == errno.ENOSPC, exc

    def test_links_in_the_way(self) -> None:
        """Planted links are not followed: what they point at stays as it is."""
        ref = self.define()
        target = Path(self.root, "target")
        for name in ("run/qemu/nano.xml.new", "run/qemu/nano.pid.new", "log/qemu/nano.log"):
            with self.subTest(name):
                target.write_text("untouched")
                link = Path(self.root, name)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.unlink(missing_ok=True)
                link.symlink_to(target)
                try:
                    self.table.domain_create(ref)
                    self.table.domain_destroy(ref)
                except libvirtError as exc:
                    self.assertEqual(Code.SYSTEM_ERROR, exc.get_error_code())
                    self.assertEqual(errno.ELOOP, exc.get_int1())
                self.assertEqual("untouched", target.read_text())
                link.unlink(missing_ok=True)
        self.works(ref)


class TestHostLimits(StartFaultCase):
    def test_ports(self) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            sock.listen()
            port = sock.getsockname()[1]
            ref = self.define(devices=f"<graphics type='vnc' port='{port}' autoport='no'/>")
            self.refused_before_a_process(ref, Code.INTERNAL_ERROR, f"VNC port {port} on 127.0.0.1")
        self.works(ref)

    def busy(self) -> int:
        """A stranger's port, the first of our displays' range."""
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.bind(("0.0.0.0", 0))
        sock.listen()
        port = int(sock.getsockname()[1])
        self.table.state.vnc_ports.first = port
        self.table.state.vnc_ports.last = port + 50
        return port

    def port(self, ref: Any) -> int:
        return int(self.table.state.domains.find(ref).definition.devices.graphics[0].port)

    def test_chosen_port_is_a_free_one(self) -> None:
        port = self.busy()
        ref = self.define(devices="<graphics type='vnc' autoport='yes'/>")
        self.table.domain_create(ref)
        self.assertGreater(self.port(ref), port)

    def test_chosen_port_is_lost_to_a_stranger(self) -> None:
        """Between our look and QEMU's bind: the start goes on with another one."""
        port = self.busy()
        looks: list[int] = []

        def free(wanted: int) -> bool:
            looks.append(wanted)
            return really_free(wanted) or looks == [port]

        really_free, really_bindable = ports.is_free, needs.bindable
        self.define(devices="<graphics type='vnc' autoport='yes'/>")
        for transient, late in ((False, False), (False, True), (True, True)):
            with (
                self.subTest(transient=transient, late=late),
                mock.patch.object(ports, "is_free", free),
                mock.patch.object(
                    needs,
                    "bindable",
                    lambda host, wanted, late=late: late or really_bindable(host, wanted),
                ),
            ):
                looks.clear()
                (ref,) = self.table.connect_list_all_domains(2)
                if transient:
                    xml = self.table.domain_get_xml_desc(ref, 0)
                    self.table.domain_undefine(ref)
                    ref = self.table.domain_create_xml(xml, 0)
                else:
                    ref = self.table.domain_create(ref)
                self.assertGreater(self.port(ref), port)
                self.assertEqual((State.RUNNING, Running.BOOTED), self.state(ref))
                self.assertEqual([(RESUMED, 0), (STARTED, 0)], self.events[-2:])
                self.assertEqual(1, len(self.running()))
                self.table.domain_destroy(ref)
                self.assertEqual([], self.leftovers())
        self.assertEqual([], self.table.state.vnc_ports.held())

    def test_every_chosen_port_is_lost(self) -> None:
        port = self.busy()
        ref = self.define(devices="<graphics type='vnc' autoport='yes'/>")
        with (
            mock.patch.object(PortAllocator, "acquire", lambda _self: port),
            mock.patch.object(needs, "bindable", lambda _host, _port: True),
        ):
            self.fails(ref, Code.INTERNAL_ERROR, "Address already in use", 10.0)
        self.left_nothing(ref)
        self.works(ref)

    def test_networks(self) -> None:
        ref = self.define(devices="<interface type='bridge'><source bridge='no-such'/></interface>")
        self.fails(ref, Code.SYSTEM_ERROR, "no-such")
        name = "i" * 40
        ref = self.define(devices=f"<interface type='ethernet'><target dev='{name}'/></interface>")
        self.refused_before_a_process(ref, Code.SYSTEM_ERROR, f"'{name}' is too long")

    def test_more_memory_than_there_is(self) -> None:
        xml = XML.format(name="nano", disk=self.disk, extra="", devices="")
        xml = xml.replace("<memory unit='MiB'>32", "<memory unit='TiB'>1024")
        self.fails(self.table.domain_define_xml(xml), Code.INTERNAL_ERROR, "qemu", 5.0)

    def test_no_descriptors_left(self) -> None:
        ref = self.define()
        self.works(ref)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = len(os.listdir("/proc/self/fd"))
        for more in range(0, 12, 2):
            with self.subTest(more):
                resource.setrlimit(resource.RLIMIT_NOFILE, (used + more, hard))
                try:
                    self.table.domain_create(ref)
                except libvirtError as exc:
                    self.assertIn("Too many open files", str(exc))
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                if self.table.domain_is_active(ref):
                    self.table.domain_destroy(ref)
                self.assertEqual([], self.running())
                self.assertEqual([], self.leftovers())
        self.works(ref)

    def test_ended_by_a_signal_in_the_middle(self) -> None:
        """SIGTERM while a child of ours starts a guest: QEMU is ours to find, or is not there."""
        ref = self.define()
        self.works(ref)
        for place in ("start-init", "start-held", "start-spawned", "start-monitor", "start-cont"):
            with self.subTest(place):
                self.table.close()
                path = self.noted()
                child = subprocess.Popen(
                    [sys.executable, CHILD, self.root, "start", "nano"], stdout=subprocess.DEVNULL
                )
                self.await_place(path, place)
                child.send_signal(signal.SIGTERM)
                child.wait(30)
                self.table = self.open()
                self.assertEqual(len(self.running()), int(bool(self.table.domain_is_active(ref))))
                if self.table.domain_is_active(ref):
                    self.table.domain_destroy(ref)
                self.assertEqual([], self.leftovers())


class TestHookFaults(StartFaultCase):
    def hook(self, body: str) -> None:
        directory = Path(self.root, "etc/hooks")
        directory.mkdir(exist_ok=True)
        path = directory / "qemu"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        self.reopen()

    def test_hangs(self) -> None:
        self.hook('[ "$2" != prepare ] || sleep 60')
        self.table.state.hooks = Hooks(f"{self.root}/etc/hooks", "qemu", timeout=0.5)
        self.fails(self.define(), Code.HOOK_SCRIPT_FAILED, "did not end within 0.5 s", 5.0)

    def test_nobody_waits_for_a_hook(self) -> None:
        """The domain's lock is free, and so are the other domains, while a hook runs."""
        fifo = f"{self.root}/go"
        os.mkfifo(fifo)
        os.chmod(fifo, 0o666)
        self.hook(f'[ "$2" != start ] || cat {fifo} >/dev/null')
        ref = self.define()
        thread = threading.Thread(target=self.table.domain_create, args=(ref,))
        thread.start()
        self.until(lambda: self.table.domain_is_active(ref))
        begun = time.monotonic()
        self.assertEqual(State.PAUSED, self.state(ref)[0])
        self.table.domain_get_xml_desc(ref, 0)
        self.table.domain_define_xml(
            XML.format(name="other", disk=self.disk, extra="", devices="").replace("0b10", "0b99")
        )
        self.assertLess(time.monotonic() - begun, 1)
        Path(fifo).write_text("go")
        thread.join(30)
        self.assertEqual((State.RUNNING, Running.BOOTED), self.state(ref))

    def test_not_a_program(self) -> None:
        self.hook("true")
        Path(self.root, "etc/hooks/qemu").write_text("#!/no/such/shell\n")
        self.fails(self.define(), Code.HOOK_SCRIPT_FAILED, "cannot execute", 5.0)
        Path(self.root, "etc/hooks/qemu").unlink()
        self.works(self.define())

    def test_endless_output(self) -> None:
        self.hook("yes")
        self.table.state.hooks = Hooks(f"{self.root}/etc/hooks", "qemu", timeout=1.0)
        self.fails(self.define(), Code.HOOK_SCRIPT_FAILED, "did not end within 1 s", 8.0)

    def test_no_environment_of_ours(self) -> None:
        os.environ["LD_PRELOAD"], os.environ["PYTHONPATH"] = "", "/evil"
        self.addCleanup(os.environ.pop, "LD_PRELOAD")
        before = os.environ.get("PYTHONPATH", "")
        self.addCleanup(os.environ.__setitem__, "PYTHONPATH", before)
        self.hook(f"env > {self.root}/env")
        ref = self.define()
        self.table.domain_create(ref)
        seen = Path(self.root, "env").read_text()
        self.assertNotIn("LD_PRELOAD", seen)
        self.assertNotIn("/evil", seen)
        private = self.table.state.domains.find(ref).private
        environ = Path(f"/proc/{private.pid}/environ").read_bytes()
        self.assertNotIn(b"LD_PRELOAD", environ)

    def test_started_says_no(self) -> None:
        """Who was told that it runs is told that it ended (libvirt does not)."""
        self.hook('[ "$2" != started ] || exit 7')
        ref = self.define()
        with self.assertRaisesRegex(libvirtError, "unexpected exit status 7"):
            self.table.domain_create(ref)
        self.left_nothing(ref)
        self.assertEqual([(RESUMED, 0), (STOPPED, 5)], self.events)


if __name__ == "__main__":
    unittest.main()
