# SPDX-License-Identifier: Apache-2.0
"""The process's tables: sockets, metrics, the Guru Meditation Report."""

import json
import os
import re
import socket
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from unittest import mock

from nova_pyvirt import conf
from nova_pyvirt.core.introspect import (
    REPORTS,
    Row,
    Unreachable,
    ask,
    meditation,
    metrics,
    serve_unix,
)
from nova_pyvirt.core.introspect.reports import Reports
from tests.base import TestCase

UUID = "6f0c3d1e-6f6e-4d2f-9c38-1a1f4a1f0b10"
DOMAIN: Row = {
    "domain": 'g"1', "uuid": UUID, "id": 3, "state": "running", "reason": "booted", "vcpus": 2,
    "memory_kib": 2048, "rss_kib": 1024, "cpu_ns": 1_500_000_000, "pid": 42, "since": 0.0,
}  # fmt: skip
OFF = DOMAIN | {"domain": "off", "uuid": "0" * 36, "id": -1, "state": "shutoff"}
JOB: Row = {
    "domain": 'g"1', "uuid": UUID, "lane": "monitor", "job": "modify", "holder": "virDomainSuspend",
    "age": 31.25, "waiting": 2, "command": "stop", "command_age": 31.0,
}  # fmt: skip


class ReportsTest(TestCase):
    def test_rows_of_all_sources_until_removed(self) -> None:
        reports = Reports()
        first = reports.add({"jobs": lambda: [{"n": 1}]})
        reports.add({"jobs": lambda: [{"n": 2}], "domains": lambda: []})
        self.assertEqual([{"n": 1}, {"n": 2}], reports.collect("jobs"))
        first()
        self.assertEqual([{"n": 2}], reports.collect("jobs"))
        self.assertEqual([], reports.collect("nothing"))

    def test_the_process(self) -> None:
        (row,) = REPORTS.collect("process")
        self.assertEqual(os.getpid(), row["pid"])
        self.assertGreater(row["threads"], 0)


class _Filled(TestCase):
    """A process with a guest."""

    def setUp(self) -> None:
        super().setUp()
        conf.load()
        self.addCleanup(REPORTS.add({"domains": lambda: [DOMAIN, OFF], "jobs": lambda: [JOB]}))


class SocketTest(_Filled):
    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = f"{directory.name}/pyvirt-sock"

    def test_tables(self) -> None:
        close = serve_unix(self.path)
        self.addCleanup(close)
        self.assertEqual(0o600, os.stat(self.path).st_mode & 0o777)
        found = ask(self.path, ("jobs", "domains", "sessions"))
        self.assertEqual({"jobs": [JOB], "domains": [DOMAIN, OFF], "sessions": []}, found)

    def test_many_at_once(self) -> None:
        self.addCleanup(serve_unix(self.path))
        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda: answers.append(len(ask(self.path, ("jobs",))["jobs"])))
            for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        self.assertEqual([1] * 20, answers)

    def test_over(self) -> None:
        close = serve_unix(self.path)
        close()
        self.assertFalse(os.path.exists(self.path))
        with self.assertRaises(Unreachable):
            ask(self.path, ("jobs",))

    def test_a_dead_ones_socket_is_replaced(self) -> None:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(self.path)
        with self.assertRaises(Unreachable):
            ask(self.path, ())
        self.addCleanup(serve_unix(self.path))
        self.assertEqual({}, ask(self.path, ()))

    def test_no_such_place_harms_nobody(self) -> None:
        with self.assertLogs("nova_pyvirt.core.introspect", "WARNING"):
            close = serve_unix(f"{self.path}/not/there")
        close()

    def test_nonsense(self) -> None:
        self.addCleanup(serve_unix(self.path))
        for request in (b"x\n", b"[]\n", b"{}\n", b"\n"):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(self.path)
                client.sendall(request)
                self.assertIn("error", json.loads(client.makefile().read()))
        self.assertEqual({"jobs": [JOB]}, ask(self.path, ("jobs",)))

    def test_strangers_get_nothing(self) -> None:
        self.addCleanup(serve_unix(self.path))
        server = "nova_pyvirt.core.introspect.server"
        with mock.patch(f"{server}.peer_uid", return_value=54321), self.assertRaises(Unreachable):
            ask(self.path, ("jobs",))
        self.assertEqual({"jobs": [JOB]}, ask(self.path, ("jobs",)))


class MetricsTest(_Filled):
    def setUp(self) -> None:
        super().setUp()
        conf.CONF.set_override("metrics_listen", "127.0.0.1:0", "introspection")
        self.addCleanup(conf.CONF.clear_override, "metrics_listen", "introspection")

    def get(self, path: str = "/metrics") -> str:
        url = f"http://{metrics.address()}{path}"
        with urllib.request.urlopen(url, timeout=10) as reply:
            self.assertIn("text/plain", reply.headers["Content-Type"])
            text: str = reply.read().decode()
            return text

    def test_metrics(self) -> None:
        self.addCleanup(metrics.serve())
        text = self.get()
        labels = f'domain="g\\"1",uuid="{UUID}"'
        for line in (
            'pyvirt_domains{state="running"} 1.0',
            'pyvirt_domains{state="shutoff"} 1.0',
            f"pyvirt_domain_cpu_seconds_total{{{labels}}} 1.5",
            f"pyvirt_domain_memory_bytes{{{labels}}} 2.097152e+06",
            'pyvirt_job_age_seconds{domain="g\\"1",holder="virDomainSuspend",lane="monitor"} 31.25',
        ):
            self.assertIn(line, text)
        self.assertNotIn('domain="off"', text)

    def test_other_paths(self) -> None:
        self.addCleanup(metrics.serve())
        with self.assertRaises(urllib.error.HTTPError):
            self.get("/")

    def test_one_endpoint_until_the_last_user_goes(self) -> None:
        first, second = metrics.serve(), metrics.serve()
        address = metrics.address()
        first()
        self.assertEqual(address, metrics.address())
        self.get()
        second()
        self.assertIsNone(metrics.address())

    def test_off_by_default(self) -> None:
        conf.CONF.clear_override("metrics_listen", "introspection")
        self.addCleanup(metrics.serve())
        self.assertIsNone(metrics.address())

    def test_without_the_library(self) -> None:
        with (
            mock.patch.dict(sys.modules, prometheus_client=None),
            self.assertLogs("nova_pyvirt.core.introspect", "ERROR") as logs,
        ):
            metrics.serve()()
        self.assertIn("prometheus-client", logs.output[0])

    def test_an_address_in_use_harms_nobody(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            conf.CONF.set_override("metrics_listen", address, "introspection")
            with self.assertLogs("nova_pyvirt.core.introspect", "ERROR"):
                metrics.serve()()


class MeditationTest(_Filled):
    def test_tables_in_the_report(self) -> None:
        text = meditation.report()
        self.assertIn("nova-pyvirt: Jobs", text)
        (line,) = [line for line in text.splitlines() if "virDomainSuspend" in line]
        self.assertEqual(
            ['g"1', "monitor", "modify", "virDomainSuspend", "31.250", "2", "stop", "31.000"],
            line.split(),
        )
        self.assertIn("Threads", text)

    def test_registered_once(self) -> None:
        meditation.register()
        meditation.register()
        headings = re.findall(r"^=+ +nova-pyvirt: Domains", meditation.report(), re.MULTILINE)
        self.assertEqual(1, len(headings))
        self.assertIn("none", meditation.text_table(("a",), []))
