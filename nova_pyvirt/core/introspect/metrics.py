# SPDX-License-Identifier: Apache-2.0
"""The Prometheus endpoint: the process's tables as metrics, computed when they are asked for.

One endpoint a process, from the first user to the last. prometheus_client makes the text; the socket
is served by our own native thread, so that a green process is not in its way.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any, Final

from nova_pyvirt import conf
from nova_pyvirt.core.introspect.listener import Listener, read_until
from nova_pyvirt.core.introspect.reports import REPORTS, Row
from nova_pyvirt.util.native import socket, threading, time

LOG = logging.getLogger(__name__)
_LIMIT: Final = 16384
_GONE: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_HEAD: Final = (
    "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n"
)
#: metric, help, table, labels, value of a row (scaled)
_GAUGES: Final[tuple[tuple[str, str, str, tuple[str, ...], str, float], ...]] = (
    ("domain_vcpus", "vCPUs of a running domain", "domains", ("domain", "uuid"), "vcpus", 1),
    (
        "domain_memory_bytes",
        "memory given to it",
        "domains",
        ("domain", "uuid"),
        "memory_kib",
        1024,
    ),
    ("domain_resident_bytes", "memory of its QEMU", "domains", ("domain", "uuid"), "rss_kib", 1024),
    ("job_age_seconds", "how long a job is held", "jobs", ("domain", "lane", "holder"), "age", 1),
    ("monitor_pending", "unanswered QEMU commands", "monitors", ("domain", "uuid"), "pending", 1),
    (
        "monitor_oldest_seconds",
        "age of the oldest unanswered command",
        "monitors",
        ("domain", "uuid"),
        "command_age",
        1,
    ),
    ("start_seconds", "the last start of a domain", "starts", ("domain", "outcome"), "seconds", 1),
    ("workers", "threads of the daemon", "workers", ("server",), "nWorkers", 1),
    ("workers_free", "idle threads of the daemon", "workers", ("server",), "freeWorkers", 1),
    ("calls_queued", "calls that wait for a thread", "workers", ("server",), "jobQueueDepth", 1),
    ("process_threads", "threads of the process", "process", ("program",), "threads", 1),
    ("process_descriptors", "open files of the process", "process", ("program",), "descriptors", 1),
)


class Collector:
    """prometheus_client's collector interface over the tables."""

    def collect(self) -> Iterator[Any]:
        """Metric families, all named pyvirt_*."""
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            InfoMetricFamily,
        )

        rows = {table: REPORTS.collect(table) for table in sorted({g[2] for g in _GAUGES})}
        sessions = REPORTS.collect("sessions")
        for row in rows["process"]:
            made = {"version": str(row["version"]), "program": str(row["program"])}
            yield InfoMetricFamily("pyvirt_process", "the process", value=made)
        yield _count(
            GaugeMetricFamily, "pyvirt_domains", "domains by state", rows["domains"], "state"
        )
        yield _count(GaugeMetricFamily, "pyvirt_sessions", "clients by socket", sessions, "service")
        cpu = CounterMetricFamily(
            "pyvirt_domain_cpu_seconds", "CPU time of its QEMU", labels=["domain", "uuid"]
        )
        for row in filter(_running, rows["domains"]):
            cpu.add_metric([row["domain"], row["uuid"]], row["cpu_ns"] / 1e9)
        yield cpu
        up = GaugeMetricFamily(
            "pyvirt_monitor_up", "1: QEMU talks to us", labels=["domain", "uuid"]
        )
        for row in rows["monitors"]:
            up.add_metric([row["domain"], row["uuid"]], row["state"] == "connected")
        yield up
        for name, text, table, labels, value, scale in _GAUGES:
            family = GaugeMetricFamily(f"pyvirt_{name}", text, labels=labels)
            for row in filter(_running, rows[table]) if table == "domains" else rows[table]:
                family.add_metric([str(row[label]) for label in labels], row[value] * scale)
            yield family


def _running(row: Row) -> bool:
    return bool(row["id"] != -1)


def _count(family: Any, name: str, text: str, rows: list[Row], key: str) -> Any:
    made = family(name, text, labels=[key])
    counts: dict[str, int] = {}
    for row in rows:
        counts[row[key]] = counts.get(row[key], 0) + 1
    for value, count in sorted(counts.items()):
        made.add_metric([value], count)
    return made


class _Endpoint:
    """The process's endpoint and how many use it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.listener: Listener | None = None


_endpoint = _Endpoint()


def serve() -> Callable[[], None]:
    """Opens the endpoint when the configuration asks for one; the result ends this use of it."""
    conf.load()
    address = conf.CONF.introspection.metrics_listen
    with _endpoint.lock:
        _endpoint.users += 1
        if address and _endpoint.listener is None:
            _endpoint.listener = _open(str(address))

    def close() -> None:
        with _endpoint.lock:
            _endpoint.users -= 1
            listener = _endpoint.listener
            if _endpoint.users or listener is None:
                return
            _endpoint.listener = None
        listener.close()

    return close


def address() -> str | None:
    """Where the endpoint listens, host:port; None without one."""
    with _endpoint.lock:
        return _endpoint.listener.address if _endpoint.listener is not None else None


def _open(address: str) -> Listener | None:
    """The endpoint; None, and a line in the log, when it cannot be had: guests matter more."""
    try:
        from prometheus_client import CollectorRegistry, exposition
    except ImportError:
        LOG.error("metrics_listen is set, but prometheus-client is not installed: no metrics")
        return None
    host, _, port = address.rpartition(":")
    registry = CollectorRegistry()
    registry.register(Collector())
    try:
        sock = socket.create_server(
            (host.strip("[]"), int(port)),
            family=socket.AF_INET6 if host.startswith("[") else socket.AF_INET,
        )
    except OSError as exc:
        LOG.error("no metrics on %s: %s", address, exc)
        return None

    def handle(client: "socket.socket") -> None:
        words = read_until(client, b"\r\n\r\n", _LIMIT).split(b" ", 2)
        if len(words) < 3 or words[0] != b"GET" or words[1].split(b"?")[0] != b"/metrics":
            client.sendall(_GONE)
            return
        begun = time.monotonic()
        body = exposition.generate_latest(registry)
        LOG.debug("metrics: %d bytes in %.3f s", len(body), time.monotonic() - begun)
        head = _HEAD.format(exposition.CONTENT_TYPE_LATEST, len(body))
        client.sendall(head.encode() + body)

    return Listener(sock, handle, "metrics")
