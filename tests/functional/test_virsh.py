# SPDX-License-Identifier: Apache-2.0
"""The stock virsh on pyvirtd: console, event loop, exit codes, a client that breaks."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
import unittest

from tests.fixtures.guests import eject_image
from tests.functional.daemon_case import XML, DaemonProcessCase

ESCAPE = b"\x1d"


@unittest.skipUnless(shutil.which("virsh"), "needs virsh")
class VirshTest(DaemonProcessCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.xml = f"{self.root}/guest.xml"
        with open(self.xml, "w", encoding="utf-8") as file:
            file.write(XML.format(name="vg", disk=self.disk))

    def virsh(self, *words: str) -> str:
        argv = ["virsh", "-q", "-c", self.socket_uri, *words]
        env = dict(os.environ, LC_ALL="C")
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=env)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout.strip()

    def test_devices_come_and_go(self) -> None:
        eject_image(self.disk)
        self.virsh("define", self.xml)
        self.virsh("attach-disk", "vg", "", "hdc", "--type", "cdrom", "--config")
        self.virsh("start", "vg")
        path, medium = f"{self.root}/second.img", f"{self.root}/medium.iso"
        for name in (path, medium):
            with open(name, "wb") as file:
                file.truncate(1 << 20)
        self.virsh("attach-disk", "vg", path, "vdb", "--live", "--config")
        self.assertIn("vdb", self.virsh("domblklist", "vg"))
        self.virsh("change-media", "vg", "hdc", medium, "--insert", "--live")
        self.virsh("change-media", "vg", "hdc", "--eject", "--live", "--force")
        mac = "52:54:00:00:00:77"
        nic_xml = f"{self.root}/nic.xml"
        with open(nic_xml, "w", encoding="utf-8") as file:
            file.write(f"<interface type='user'><mac address='{mac}'/><model type='virtio'/>")
            file.write("</interface>")
        self.virsh("attach-device", "vg", nic_xml, "--live")
        nic = self.virsh("domiflist", "vg").split()
        self.assertIn(mac, nic)
        self.virsh("domif-setlink", "vg", mac, "down")
        self.assertIn("down", self.virsh("domif-getlink", "vg", mac))
        self.virsh("detach-interface", "vg", "user", "--mac", mac, "--live")
        self.virsh("detach-disk", "vg", "vdb", "--live", "--config")
        for flag in ((), ("--inactive",)):
            self.assertNotIn("vdb", self.virsh("domblklist", "vg", *flag))
        self.virsh("destroy", "vg")

    def on_terminal(self, *words: str) -> tuple[int, int]:
        """virsh on a terminal of its own: (pid, descriptor)."""
        pid, fd = pty.fork()
        if pid == 0:
            os.environ["LC_ALL"] = "C"
            os.execvp("virsh", ["virsh", "-c", self.socket_uri, *words])
        self.addCleanup(os.close, fd)
        return pid, fd

    def read_until(self, fd: int, wanted: bytes) -> bytes:
        seen, end = b"", time.monotonic() + 20
        while wanted not in seen:
            left = end - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                self.fail(f"{wanted!r} did not come: {seen!r}")
            seen += os.read(fd, 4096)
        return seen

    def ended(self, pid: int) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def test_life_of_a_guest(self) -> None:
        self.virsh("define", self.xml)
        self.virsh("start", "vg")
        self.assertEqual("running", self.virsh("domstate", "vg"))
        self.assertRegex(self.virsh("list"), r"^1 +vg +running$")
        self.assertIn("<name>vg</name>", self.virsh("dumpxml", "vg"))
        self.virsh("suspend", "vg")
        self.assertEqual("paused (user)", self.virsh("domstate", "vg", "--reason"))
        self.virsh("destroy", "vg")
        self.virsh("undefine", "vg")
        self.assertEqual("", self.virsh("list", "--all"))

    def test_console(self) -> None:
        self.virsh("create", self.xml, "--paused")
        pid, fd = self.on_terminal("console", "vg")
        self.read_until(fd, b"Escape character is")
        self.virsh("resume", "vg")
        self.read_until(fd, b"NANO-UP")
        other, other_fd = self.on_terminal("console", "vg")
        self.read_until(other_fd, b"Active console session exists for this domain")
        self.assertEqual(1, self.ended(other))
        os.write(fd, ESCAPE)
        self.assertEqual(0, self.ended(pid))
        pid, fd = self.on_terminal("console", "vg", "--force")
        self.read_until(fd, b"Escape character is")
        self.virsh("destroy", "vg")
        self.assertEqual(0, self.ended(pid))

    def test_event_loop(self) -> None:
        argv = ["stdbuf", "-oL", "virsh", "-c", self.socket_uri, "event", "--all", "--loop"]
        env = dict(os.environ, LC_ALL="C")
        loop = subprocess.Popen(argv, stdout=subprocess.PIPE, env=env)
        assert loop.stdout is not None
        self.addCleanup(loop.stdout.close)
        fd = loop.stdout.fileno()
        self.registered(fd)
        self.virsh("define", self.xml)
        self.virsh("start", "vg")
        self.virsh("destroy", "vg")
        self.virsh("undefine", "vg")
        seen = self.read_until(fd, b"Undefined Removed\n").decode()
        loop.send_signal(signal.SIGINT)
        self.read_until(fd, b"events received: ")
        loop.wait(10)
        self.assertEqual(
            [
                "Defined Added",
                "Resumed Unpaused",
                "Started Booted",
                "Shutdown Finished after host request",
                "Stopped Destroyed",
                "Undefined Removed",
            ],
            re.findall("event 'lifecycle' for domain 'vg': (.*)", seen),
        )

    def registered(self, fd: int) -> None:
        """Causes events until the loop shows one, then reads them all."""
        while not select.select([fd], [], [], 0.2)[0]:
            self.virsh("define", self.xml)
        self.virsh("undefine", "vg")
        self.read_until(fd, b"Undefined Removed\n")
