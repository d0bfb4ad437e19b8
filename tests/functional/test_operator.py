# SPDX-License-Identifier: Apache-2.0
"""The operator's tool beside a process that runs real guests, and after that process."""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from nova_pyvirt import conf
from nova_pyvirt.cmd import pyvirt
from nova_pyvirt.core import registry
from nova_pyvirt.core.introspect import meditation, metrics
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.host import processes
from tests.base import TestCase
from tests.fixtures.guests import nano_image

XML = """<domain type='qemu'>
  <name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='{disk}'/><target dev='hda' bus='ide'/>
    </disk>
    <serial type='pty'/>
  </devices>
</domain>"""


@unittest.skipUnless(shutil.which("qemu-system-x86_64"), "needs QEMU")
class OperatorTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        conf.load()
        conf.CONF.set_override("metrics_listen", "127.0.0.1:0", "introspection")
        self.addCleanup(conf.CONF.clear_override, "metrics_listen", "introspection")
        self.root = tempfile.mkdtemp(prefix="ops")
        os.chmod(self.root, 0o755)  # QEMU is another user when we are root
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.disk = f"{self.root}/nano.img"
        nano_image(self.disk)
        self.addCleanup(self.end_all)
        self.uri = f"qemu:///embed?root={self.root}"
        self.table = registry.open_connection(self.uri)
        self.addCleanup(self.table.close)

    def end_all(self) -> None:
        for found in processes.scan(f"{self.root}/lib/qemu"):
            os.kill(found.pid, signal.SIGKILL)

    def tool(self, *argv: str) -> Any:
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(io.StringIO()):
            code = pyvirt.main(["-c", self.uri, *argv, "-f", "json"])
        self.assertEqual(0, code)
        return json.loads(out.getvalue())

    def start(self, name: str) -> Any:
        return self.table.domain_create_xml(XML.format(name=name, disk=self.disk), 0)

    def test_a_guest(self) -> None:
        self.start("one")
        (row,) = self.tool("list")
        self.assertEqual((1, "one", "running"), (row["Id"], row["Name"], row["State"]))
        info = self.tool("info", "one")
        self.assertGreater(info["resident MiB"], 5)
        self.assertTrue(info["monitor"].startswith("connected, QEMU "))
        stages = {row["Stage"].strip(): row for row in self.tool("timeline", "one")}
        for name in ("prepare-host", "spawn", "fork", "exec", "monitor", "cont", "status"):
            self.assertEqual("ok", stages[name]["Result"], name)
        self.assertGreater(stages["monitor"]["Took ms"], 1)

    def test_a_start_that_failed(self) -> None:
        with self.assertRaises(libvirtError) as caught:
            self.table.domain_create_xml(XML.format(name="two", disk=f"{self.root}/none"), 0)
        (row,) = self.tool("timeline")
        self.assertEqual(("two", "failed"), (row["Domain"], row["Result"]))
        self.assertEqual(str(caught.exception), row["Error"])

    def test_a_hung_qemu(self) -> None:
        """Who holds the guest since when, and which command QEMU owes."""
        dom = self.start("hung")
        pid = self.tool("info", "hung")["pid"]
        os.kill(pid, signal.SIGSTOP)
        caught: list[Exception] = []

        def suspend() -> None:
            try:
                self.table.domain_suspend(dom)
            except libvirtError as exc:
                caught.append(exc)

        thread = threading.Thread(target=suspend)
        thread.start()
        self.addCleanup(thread.join, 30)
        deadline = threading.Event()
        for _ in range(200):
            rows = self.tool("jobs", "hung")
            if rows and rows[0]["Command"] == "stop":
                break
            deadline.wait(0.02)
        (row,) = rows
        self.assertEqual(("monitor", "suspend"), (row["Lane"], row["Job"]))
        self.assertIn("DomainSuspend", row["Holder"])
        (monitor,) = self.tool("monitors")
        self.assertEqual((1, "stop"), (monitor["Pending"], monitor["Oldest"]))
        self.assertIn("DomainSuspend", meditation.report())
        text = self.metrics()
        self.assertIn('pyvirt_monitor_pending{domain="hung"', text)
        self.table.domain_destroy(dom)
        thread.join(30)
        self.assertEqual(1, len(caught))
        self.assertEqual([], self.tool("jobs"))

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://{metrics.address()}/metrics", timeout=10) as reply:
            text: str = reply.read().decode()
            return text

    def test_metrics(self) -> None:
        self.start("measured")
        text = self.metrics()
        self.assertIn('pyvirt_domains{state="running"} 1.0', text)
        self.assertIn('pyvirt_monitor_up{domain="measured"', text)
        self.assertRegex(text, r'pyvirt_start_seconds\{domain="measured",outcome="done"\} 0\.\d+')

    def test_after_the_process(self) -> None:
        """The files tell what runs; nothing is taken over, nothing is changed."""
        self.start("left")
        self.table.close()
        self.assertFalse(os.path.exists(f"{self.root}/run/pyvirt-qemu-sock"))
        (row,) = self.tool("list")
        self.assertEqual((1, "left", "running"), (row["Id"], row["Name"], row["State"]))
        stages = [row["Stage"].strip() for row in self.tool("timeline", "left")]
        self.assertIn("monitor", stages)
        again = registry.open_connection(self.uri)
        try:
            kept = [row["Stage"].strip() for row in self.tool("timeline", "left")]
        finally:
            again.close()
        self.assertEqual(stages, kept)

    def test_a_program_of_its_own(self) -> None:
        """The tool as a process, beside this one that holds the directory."""
        self.start("seen")
        done = subprocess.run(
            [sys.executable, "-m", "nova_pyvirt.cmd.pyvirt", "-c", self.uri, "process", "-f", "json"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        self.assertEqual([os.getpid()], [row["PID"] for row in json.loads(done.stdout)])


class DaemonTest(TestCase):
    """pyvirtd's clients and threads."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = tempfile.mkdtemp(prefix="ops")
        self.addCleanup(shutil.rmtree, self.directory)
        argv = [sys.executable, "-m", "nova_pyvirt.cmd.pyvirtd", "--directory", self.directory]
        argv += ["-f", f"{self.directory}/none.conf", "-u", "test:///default"]
        reader, writer = os.pipe()
        self.log = os.fdopen(reader, encoding="utf-8")
        self.addCleanup(self.log.close)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(f"{self.directory}/notify")
            manager.settimeout(30)
            env = dict(os.environ, NOTIFY_SOCKET=f"{self.directory}/notify")
            self.daemon = subprocess.Popen(argv, env=env, stderr=writer)
            self.addCleanup(self.end)
            os.close(writer)
            self.assertEqual(b"READY=1", manager.recv(100))
        self.uri = f"test+unix:///default?socket={self.directory}/libvirt-sock"
        table = registry.open_connection(self.uri)
        self.addCleanup(table.close)

    def end(self) -> None:
        self.daemon.terminate()
        self.daemon.wait(20)

    def test_sessions(self) -> None:
        out = io.StringIO()
        with redirect_stdout(out):
            self.assertEqual(0, pyvirt.main(["-c", self.uri, "sessions", "-f", "json"]))
        (row,) = json.loads(out.getvalue())
        self.assertEqual(("rw", os.getpid(), "full", "test:///default"),
                         (row["Socket"], row["PID"], row["Access"], row["URI"]))  # fmt: skip

    def test_report_on_a_signal(self) -> None:
        self.daemon.send_signal(signal.SIGUSR2)
        lines = []
        while not (lines and "nova-pyvirt: Workers" in lines[-1]):
            lines.append(self.log.readline())
            self.assertTrue(lines[-1], "the daemon ended")
        text = "".join(lines)
        self.assertRegex(text, rf"rw +root +{os.getpid()} ")
        table = registry.open_connection(self.uri)  # it goes on
        table.close()
