# SPDX-License-Identifier: Apache-2.0
"""The pid file, the way into the background, the log's outputs, what clients may open."""

import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import rmtree

from nova_pyvirt.daemon import logs
from nova_pyvirt.daemon.drivers import Drivers
from nova_pyvirt.daemon.process import PidFile
from nova_pyvirt.errors import Code, libvirtError
from tests.base import TestCase

CHILD = """
import sys
from nova_pyvirt.daemon.process import into_background
launch = into_background()
if sys.argv[1]:
    launch.failed(sys.argv[1])
else:
    launch.ready()
"""
HOLDER = """
import sys
from nova_pyvirt.daemon.process import PidFile
held = PidFile(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
held.close()
"""


class ProcessTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = tempfile.mkdtemp(prefix="process")
        self.addCleanup(rmtree, self.directory)

    def run_child(self, said: str) -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, "-c", CHILD, said]
        return subprocess.run(argv, capture_output=True, text=True, timeout=30)

    def test_the_parent_ends_when_the_child_is_ready(self) -> None:
        done = self.run_child("")
        self.assertEqual((0, ""), (done.returncode, done.stderr))

    def test_the_parent_says_why_the_child_failed(self) -> None:
        done = self.run_child("no such socket")
        self.assertEqual((1, "no such socket\n"), (done.returncode, done.stderr))

    def test_pid_file(self) -> None:
        path = f"{self.directory}/pid"
        held = PidFile(path)
        self.assertEqual(f"{os.getpid()}\n", Path(path).read_text(encoding="ascii"))
        held.close()
        self.assertFalse(os.path.exists(path))

    def test_pid_file_of_a_living_process(self) -> None:
        path = f"{self.directory}/pid"
        argv = [sys.executable, "-c", HOLDER, path]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            with self.assertRaises(libvirtError) as caught:
                PidFile(path)
            self.assertIn(str(holder.pid), str(caught.exception))
            holder.kill()
        PidFile(path).close()  # a dead owner's file is taken over


class LogsTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        root = logging.getLogger()
        self.addCleanup(root.setLevel, root.level)
        self.before = root.handlers[:]
        self.addCleanup(self.restore, root)

    def restore(self, root: logging.Logger) -> None:
        for handler in set(root.handlers) - set(self.before):
            handler.close()
        root.handlers[:] = self.before

    def test_outputs(self) -> None:
        path = tempfile.mkstemp(prefix="log")[1]
        self.addCleanup(os.unlink, path)
        self.assertEqual(["1:journald"], logs.configure(0, f"3:file:{path} 1:journald"))
        logging.getLogger("x").info("hidden")
        logging.getLogger("x").warning("shown")
        text = Path(path).read_text(encoding="utf-8")
        self.assertIn("WARNING : x : shown", text)
        self.assertNotIn("hidden", text)

    def test_filters(self) -> None:
        names = ("hypervisors.qemu", "wire", "daemon")
        loggers = [logging.getLogger(f"nova_pyvirt.{name}") for name in names]
        for logger in loggers:
            self.addCleanup(logger.setLevel, logger.level)
        self.assertEqual(["2:nothing", "x"], logs.narrow("1:qemu.qemu_monitor 4:rpc 2:nothing x"))
        self.assertEqual(
            [logging.DEBUG, logging.ERROR, logging.ERROR], [logger.level for logger in loggers]
        )

    def test_level(self) -> None:
        logs.configure(4, "")
        self.assertEqual(logging.ERROR, logging.getLogger().level)


class DriversTest(TestCase):
    def refused(self, uri: str) -> libvirtError:
        with self.assertRaises(libvirtError) as caught:
            Drivers("test:///default")(uri, 0)
        return caught.exception

    def test_default(self) -> None:
        drivers = Drivers("test:///default")
        drivers.start()
        table = drivers(None, 0)
        self.assertEqual("test:///default", table.uri)
        table.close()
        drivers.close()

    def test_nothing_beyond_this_host(self) -> None:
        for uri in (
            "qemu+ssh://elsewhere/system",
            "qemu://elsewhere/system",
            "qemu:///embed?root=/x",
        ):
            self.assertEqual(Code.NO_CONNECT, self.refused(uri).get_error_code(), uri)

    def test_a_place_taken_for_a_host(self) -> None:
        self.assertEqual(
            "internal error: invalid URI qemu://system (maybe you want qemu:///system)",
            str(self.refused("qemu://system")),
        )
