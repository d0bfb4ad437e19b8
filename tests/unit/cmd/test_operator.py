# SPDX-License-Identifier: Apache-2.0
"""The operator's tool against a state directory: one that a process holds, one that none does."""

import io
import json
import os
import shutil
import tempfile
import xml.etree.ElementTree
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

from nova_pyvirt import conf
from nova_pyvirt.cmd import pyvirt
from nova_pyvirt.cmd.operator import common, picture, source, timeline, top
from nova_pyvirt.core.introspect import REPORTS, Row, serve_unix
from tests.base import TestCase

UUID = "6f0c3d1e-6f6e-4d2f-9c38-1a1f4a1f0b10"
DOMAIN: Row = {
    "domain": "g1", "uuid": UUID, "id": 3, "state": "running", "reason": "booted", "vcpus": 2,
    "memory_kib": 2048, "max_memory_kib": 4096, "rss_kib": 1024, "cpu_ns": 1_500_000_000,
    "pid": 42, "since": 0.0, "persistent": True, "autostart": False, "managed_save": False,
}  # fmt: skip
OFF = DOMAIN | {"domain": "off", "uuid": "1" * 36, "id": -1, "state": "shutoff", "pid": 0}
JOB: Row = {
    "domain": "g1", "uuid": UUID, "lane": "monitor", "job": "modify", "holder": "virDomainSuspend",
    "age": 31.25, "waiting": 2, "command": "stop", "command_age": 31.0,
}  # fmt: skip
MONITOR: Row = {
    "domain": "g1", "uuid": UUID, "id": 3, "pid": 42, "state": "connected", "qemu": "7.2.0",
    "path": "/x", "pending": 1, "command": "stop", "command_age": 31.0,
}  # fmt: skip
SESSION: Row = {
    "server": "pyvirtd", "id": 7, "service": "ro", "user": "alice", "pid": 9, "address": "",
    "readonly": True, "authenticated": True, "open": True, "uri": "qemu:///system", "since": 1.0,
    "calls": 1, "waiting": 0, "queued": 12, "streams": 0,
}  # fmt: skip
START: Row = {
    "domain": "g1", "uuid": UUID, "id": 3, "begun": 1.0, "seconds": 0.2, "outcome": "failed",
    "error": "no <disk> & no hope", "stages": [
        {"name": "init", "depth": 0, "begin": 0.0, "seconds": 0.05, "failed": False},
        {"name": "launch", "depth": 0, "begin": 0.05, "seconds": 0.15, "failed": True},
        {"name": "fork", "depth": 1, "begin": 0.1, "seconds": None, "failed": False},
    ],
}  # fmt: skip
TABLES = {
    "domains": [DOMAIN, OFF],
    "jobs": [JOB],
    "monitors": [MONITOR],
    "sessions": [SESSION],
    "starts": [START],
}


class ToolCase(TestCase):
    def setUp(self) -> None:
        super().setUp()
        conf.load()
        self.root = tempfile.mkdtemp(prefix="ops")
        self.addCleanup(shutil.rmtree, self.root)
        os.makedirs(f"{self.root}/run/qemu")
        os.makedirs(f"{self.root}/lib/qemu")

    def serve(self) -> None:
        for name, rows in TABLES.items():
            self.addCleanup(REPORTS.add({name: lambda rows=rows: rows}))
        self.addCleanup(serve_unix(f"{self.root}/run/pyvirt-qemu-sock"))

    def run_tool(self, *argv: str) -> tuple[int, str]:
        out = io.StringIO()
        self.err = io.StringIO()
        with redirect_stdout(out), redirect_stderr(self.err):
            code = pyvirt.main(["-c", f"qemu:///embed?root={self.root}", *argv])
        return code, out.getvalue()

    def json(self, *argv: str) -> list[Row]:
        code, out = self.run_tool(*argv, "-f", "json")
        self.assertEqual(0, code, self.err.getvalue())
        rows: list[Row] = json.loads(out)
        return rows


class HolderTest(ToolCase):
    def setUp(self) -> None:
        super().setUp()
        self.serve()

    def test_list(self) -> None:
        rows = self.json("list")
        self.assertEqual([(3, "g1", "running"), ("-", "off", "shutoff")],
                         [(r["Id"], r["Name"], r["State"]) for r in rows])  # fmt: skip

    def test_columns(self) -> None:
        code, out = self.run_tool("list", "-f", "value", "-c", "Name", "-c", "Id")
        self.assertEqual((0, "3 g1\n- off\n"), (code, out))

    def test_info_by_name_uuid_and_id(self) -> None:
        for word in ("g1", UUID, "3"):
            code, out = self.run_tool("info", word, "-f", "json")
            self.assertEqual(0, code)
            facts = json.loads(out)
            self.assertEqual((UUID, 42, 2), (facts["uuid"], facts["pid"], facts["memory MiB"]))
            self.assertEqual("modify by virDomainSuspend since 31.2 s, 2 waiting", facts["jobs"])
            self.assertIn("waits for stop since 31.0 s", facts["monitor"])

    def test_unknown_domain(self) -> None:
        for command in ("info", "jobs", "timeline"):
            self.assertEqual(1, self.run_tool(command, "nope")[0])

    def test_jobs(self) -> None:
        (row,) = self.json("jobs")
        self.assertEqual(("g1", "virDomainSuspend", 31.25, 2, "stop"),
                         (row["Domain"], row["Holder"], row["Age"], row["Waiting"], row["Command"]))  # fmt: skip
        self.assertEqual([row], self.json("jobs", "g1"))
        self.assertEqual([], self.json("jobs", "off"))
        self.assertIn("31.2 s", self.run_tool("jobs")[1])

    def test_monitors(self) -> None:
        (row,) = self.json("monitors")
        self.assertEqual(("connected", 1, "stop"), (row["State"], row["Pending"], row["Oldest"]))

    def test_sessions(self) -> None:
        (row,) = self.json("sessions")
        self.assertEqual(("alice", "read-only", 12),
                         (row["User"], row["Access"], row["Unread bytes"]))  # fmt: skip

    def test_process(self) -> None:
        self.assertIn(os.getpid(), [row["PID"] for row in self.json("process")])

    def test_timeline(self) -> None:
        rows = self.json("timeline", "g1")
        self.assertEqual(
            [("init", 50.0, "ok"), ("launch", 150.0, "failed"), ("  fork", 100.0, "under way")],
            [(row["Stage"], row["Took ms"], row["Result"]) for row in rows],
        )
        self.assertIn("█", self.run_tool("timeline", "g1")[1])
        self.assertIn("no <disk> & no hope", self.err.getvalue())
        (row,) = self.json("timeline")
        self.assertEqual(("g1", "failed", "launch"),
                         (row["Domain"], row["Result"], row["Longest stage"]))  # fmt: skip

    def test_pictures(self) -> None:
        svg, html = f"{self.root}/a.svg", f"{self.root}/a.html"
        self.run_tool("timeline", "g1", "--svg", svg, "--html", html)
        root = xml.etree.ElementTree.parse(svg).getroot()
        space = "{http://www.w3.org/2000/svg}"
        bars = [one for one in root.iter(f"{space}rect") if one.get("class") != "paper"]
        self.assertEqual(["bar", "failed", "inner"], [bar.get("class") for bar in bars])
        widths = [float(bar.get("width", 0)) for bar in bars]
        self.assertAlmostEqual(widths[0] * 3, widths[1], delta=0.2)
        self.assertAlmostEqual(widths[0] * 2, widths[2], delta=0.2)
        with open(html, encoding="utf-8") as file:
            page = file.read()
        self.assertIn("no &lt;disk&gt; &amp; no hope", page)
        self.assertIn("<table>", page)

    def test_a_picture_that_cannot_be_written(self) -> None:
        code, _ = self.run_tool("timeline", "g1", "--svg", f"{self.root}/no/a.svg")
        self.assertEqual(1, code)

    def test_top(self) -> None:
        code, out = self.run_tool("top", "-n", "2", "-d", "0.01")
        self.assertEqual(0, code)
        self.assertEqual(2, out.count("1 of 2 guests run"))
        self.assertIn("modify virDomainSuspend 31.2 s, stop 31.0 s, 2 waiting", out)
        self.assertNotIn(" off ", out)

    def test_top_json(self) -> None:
        _, out = self.run_tool("top", "-n", "2", "-d", "0.01", "--json", "--all")
        for line in out.splitlines():
            self.assertEqual(["g1", "off"], [r["domain"] for r in json.loads(line)["domains"]])

    def test_another_users_process(self) -> None:
        with mock.patch("nova_pyvirt.cmd.operator.source.os.access", return_value=False):
            self.assertEqual(1, self.run_tool("list")[0])


class FilesTest(ToolCase):
    """Nobody holds the directory."""

    def test_empty(self) -> None:
        self.assertEqual([], self.json("list"))
        self.assertEqual([], self.json("jobs"))
        self.assertEqual([], self.json("timeline"))

    def test_definitions(self) -> None:
        os.makedirs(f"{self.root}/etc/qemu")
        text = (
            f"<domain type='qemu'><name>a</name><uuid>{UUID}</uuid><memory>2048</memory>"
            "<vcpu>3</vcpu><os><type>hvm</type></os></domain>"
        )
        for name, content in (("a", text), ("b", "<domain>")):
            with open(f"{self.root}/etc/qemu/{name}.xml", "w", encoding="utf-8") as file:
                file.write(content)
        (row,) = self.json("list")
        self.assertEqual(("a", "shut off", 3, 2),
                         (row["Name"], row["State"], row["vCPUs"], row["MiB"]))  # fmt: skip

    def test_a_killed_holders_socket(self) -> None:
        serve_unix(f"{self.root}/run/pyvirt-qemu-sock")()
        with open(f"{self.root}/run/pyvirt-qemu-sock", "w", encoding="utf-8"):
            pass
        self.assertEqual([], self.json("list"))

    def test_nothing_is_created(self) -> None:
        before = sorted(os.walk(self.root))
        self.json("list")
        self.assertEqual(before, sorted(os.walk(self.root)))


class LoadTest(TestCase):
    """top's arithmetic."""

    def test_percent_of_a_cpu(self) -> None:
        later = DOMAIN | {"cpu_ns": DOMAIN["cpu_ns"] + 500_000_000}
        (row,) = top.load({"domains": [DOMAIN]}, {"domains": [later]}, 2.0)
        self.assertEqual(25.0, row["cpu_percent"])

    def test_a_new_process_starts_at_zero(self) -> None:
        later = DOMAIN | {"pid": 43, "cpu_ns": 5}
        (row,) = top.load({"domains": [DOMAIN]}, {"domains": [later]}, 2.0)
        self.assertEqual(0.0, row["cpu_percent"])

    def test_the_oldest_job_is_shown(self) -> None:
        young = JOB | {"age": 1.0, "holder": "young", "command": "", "waiting": 0}
        now = {"domains": [DOMAIN], "jobs": [young, JOB], "monitors": [MONITOR]}
        (row,) = top.load({"domains": []}, now, 1.0)
        self.assertIn("virDomainSuspend", row["job"])
        self.assertEqual(("1 open", 31.25), (row["monitor"], row["job_age"]))


class WordsTest(TestCase):
    def test_durations(self) -> None:
        for value, text in ((0.04, "0.0 s"), (59.9, "59.9 s"), (62, "1 min 2 s"),
                            (7260, "2 h 1 min"), (200000, "2 d 7 h")):  # fmt: skip
            self.assertEqual(text, common.seconds(value))

    def test_other_connections_know_domains_only(self) -> None:
        conf.load()
        found = source.find("test:///default", "jobs")
        self.assertEqual([], found.tables("jobs")["jobs"])
        with self.assertRaises(Exception) as caught:
            source.find("test:///default", "starts").tables("starts")
        self.assertIn("on its own host", str(caught.exception))

    def test_an_empty_start(self) -> None:
        row = START | {"stages": [], "seconds": 0.0, "error": ""}
        xml.etree.ElementTree.fromstring(picture.svg(row))
        self.assertEqual([], list(timeline.stages(row, bars=True)[1]))
