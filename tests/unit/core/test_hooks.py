# SPDX-License-Identifier: Apache-2.0
"""Hook scripts: order, arguments, refusals, the time limit."""

import os
import select
import tempfile
import time
from pathlib import Path

from nova_pyvirt.core.hooks import Hooks
from nova_pyvirt.errors import Code, From, libvirtError
from tests.base import TestCase


class TestHooks(TestCase):
    def setUp(self) -> None:
        super().setUp()
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)

    def script(self, name: str, body: str) -> None:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def hooks(self, timeout: float = 10.0) -> Hooks:
        return Hooks(str(self.root), "qemu", timeout=timeout)

    def rewritten(self, xml: str = "") -> str:
        return self.hooks().call("vm", "restore", "begin", None, xml, rewrites=True)

    def test_nothing_there(self) -> None:
        self.assertFalse(self.hooks())
        self.assertEqual("", self.hooks().call("vm", "start", "begin", None, "<domain/>"))

    def test_order_arguments_and_output(self) -> None:
        self.script("qemu", f'echo "main $*" >> {self.root}/log; cat; echo 1')
        self.script("qemu.d/20", f'echo "20 $*" >> {self.root}/log; cat; echo 3')
        self.script("qemu.d/10", f'echo "10 $*" >> {self.root}/log; cat; echo 2')
        output = self.rewritten("xml\n")
        self.assertEqual("xml\n1\n2\n3\n", output)
        lines = (self.root / "log").read_text().splitlines()
        self.assertEqual([f"{n} vm restore begin -" for n in ("main", "10", "20")], lines)

    def test_output_means_nothing_where_nothing_is_rewritten(self) -> None:
        self.script("qemu", "echo said")
        self.script("qemu.d/1", f"cat > {self.root}/seen")
        self.assertEqual("", self.hooks().call("vm", "start", "begin", None, "<domain/>"))
        self.assertEqual("<domain/>", (self.root / "seen").read_text())

    def test_after_a_failure_the_others_run_too(self) -> None:
        self.script("qemu", "echo lost; echo first >&2; exit 1")
        self.script("qemu.d/1", f"cat > {self.root}/seen")
        with self.assertRaisesRegex(libvirtError, "status 1: first"):
            self.rewritten("<domain/>")
        self.assertEqual("<domain/>", (self.root / "seen").read_text())
        self.script("qemu.d/2", "echo second >&2; exit 2")
        with self.assertRaisesRegex(libvirtError, "status 2: second"):
            self.rewritten()

    def test_presence_is_decided_at_the_look(self) -> None:
        hooks = self.hooks()
        self.script("qemu.d/1", f"touch {self.root}/ran")
        self.assertFalse(hooks)
        hooks.call("vm", "start", "begin", None, "")
        self.assertFalse((self.root / "ran").exists())
        hooks.refresh()
        self.assertTrue(hooks)
        hooks.call("vm", "start", "begin", None, "")
        self.assertTrue((self.root / "ran").exists())

    def test_switched_off(self) -> None:
        self.script("qemu", "true")
        self.assertFalse(Hooks(None, "qemu", timeout=1.0))

    def test_not_executable_is_no_hook(self) -> None:
        (self.root / "qemu").write_text("#!/bin/sh\n")
        self.assertFalse(self.hooks())

    def test_refusal_carries_what_the_script_said(self) -> None:
        self.script("qemu", "echo because >&2; exit 7")
        with self.assertRaises(libvirtError) as caught:
            self.hooks().call("vm", "start", "begin", None, "")
        error = caught.exception
        self.assertEqual((Code.HOOK_SCRIPT_FAILED, From.HOOK), error.err[:2])
        self.assertIn("unexpected exit status 7: because\n", str(error))

    def test_time_limit(self) -> None:
        self.script("qemu", "exec sleep 60")
        with self.assertRaisesRegex(libvirtError, "did not end within 0.2 s"):
            self.hooks(0.2).call("vm", "start", "begin", None, "")

    def test_time_limit_ends_what_the_script_started(self) -> None:
        self.script("qemu", f"sleep 60 & echo $! > {self.root}/pid; wait")
        begun = time.monotonic()
        with self.assertRaisesRegex(libvirtError, "did not end within 0.3 s"):
            self.hooks(0.3).call("vm", "start", "begin", None, "")
        self.assertLess(time.monotonic() - begun, 5)
        pid = int((self.root / "pid").read_text())
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        self.addCleanup(os.close, pidfd)
        self.assertTrue(select.select([pidfd], [], [], 5)[0])

    def test_a_child_left_behind_is_not_waited_for(self) -> None:
        self.script("qemu", "sleep 5 & echo done")
        begun = time.monotonic()
        self.assertEqual("done\n", self.rewritten())
        self.assertLess(time.monotonic() - begun, 4)

    def test_output_has_a_limit(self) -> None:
        self.script("qemu", "head -c 100000000 /dev/zero")
        with self.assertRaisesRegex(libvirtError, "wrote more than 4194304 bytes"):
            self.rewritten()

    def test_a_long_definition_that_nobody_reads(self) -> None:
        self.script("qemu", "echo ok")
        self.assertEqual("ok\n", self.rewritten("x" * 3000000))

    def test_gone_or_not_a_program(self) -> None:
        self.script("qemu", "true")
        hooks = self.hooks()
        (self.root / "qemu").unlink()
        self.assertEqual("", hooks.call("vm", "start", "begin", None, ""))
        (self.root / "qemu").write_text("#!/no/such/shell\n")
        (self.root / "qemu").chmod(0o755)
        with self.assertRaisesRegex(libvirtError, "cannot execute"):
            hooks.call("vm", "start", "begin", None, "")

    def test_environment_is_clean(self) -> None:
        self.script("qemu", "env")
        names = {line.partition("=")[0] for line in self.rewritten().splitlines()}
        shell = {"PWD", "OLDPWD", "SHLVL", "_"}
        known = {"LC_ALL", "PATH", "HOME", "USER", "LOGNAME", "TMPDIR"}
        self.assertLessEqual(names - shell, known)
        self.assertIn("LC_ALL", names)
