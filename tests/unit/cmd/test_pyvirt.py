# SPDX-License-Identifier: Apache-2.0
"""The operator's tool against the in-memory hypervisor."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout

from nova_pyvirt.cmd import pyvirt
from tests.base import TestCase


class PyvirtTest(TestCase):
    def run_tool(self, *argv: str) -> tuple[int, str]:
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(io.StringIO()):
            code = pyvirt.main(["-c", "test:///default", *argv])
        return code, out.getvalue()

    def test_list(self) -> None:
        code, out = self.run_tool("list", "-f", "json")
        self.assertEqual(0, code)
        (row,) = json.loads(out)
        self.assertEqual(("test", "running", 2048), (row["Name"], row["State"], row["MiB"]))

    def test_info_by_name_and_uuid(self) -> None:
        for name in ("test", "6695eb01-f6a4-8304-79aa-97f2502e193f"):
            code, out = self.run_tool("info", name, "-f", "json")
            self.assertEqual((0, "test"), (code, json.loads(out)["name"]))

    def test_unknown_domain(self) -> None:
        self.assertEqual(1, self.run_tool("info", "nope")[0])
