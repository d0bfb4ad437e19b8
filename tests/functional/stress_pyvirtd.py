#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many clients with mixed calls against a daemon: latencies, errors, what the daemon holds after.

usage: stress_pyvirtd.py URI [CLIENTS [SECONDS [DAEMON_PID]]]
"""

import os
import random
import sys
import threading
import time

from nova_pyvirt.hypervisors.remote import RemoteTable

THREADS = 16
XML = "<domain type='test'><name>%s</name><memory>1024</memory><os><type>hvm</type></os></domain>"


def held(pid: int) -> tuple[int, int, int]:
    """Descriptors, threads, resident KiB of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    fds = len(os.listdir(f"/proc/{pid}/fd"))
    return fds, int(fields["Threads"]), int(fields["VmRSS"].split()[0])


class Worker(threading.Thread):
    """Drives a share of the clients, one call at a time, as fast as it can."""

    def __init__(self, tables: list[RemoteTable], end: float, number: int) -> None:
        super().__init__()
        self.tables = tables
        self.end = end
        self.random = random.Random(number)
        self.name_ = f"w{number}"
        self.times: dict[str, list[float]] = {}
        self.errors: list[str] = []

    def run(self) -> None:
        while time.monotonic() < self.end:
            table = self.random.choice(self.tables)
            kind = self.random.choice(("state", "state", "xml", "list", "stats", "define", "event"))
            begin = time.perf_counter()
            try:
                getattr(self, kind)(table)
            except Exception as exc:  # noqa: BLE001 - the load test reports whatever comes
                self.errors.append(f"{kind}: {exc}")
            self.times.setdefault(kind, []).append(time.perf_counter() - begin)

    def state(self, table: RemoteTable) -> None:
        table.domain_get_state(table.domain_lookup_by_name("test"), 0)

    def xml(self, table: RemoteTable) -> None:
        table.domain_get_xml_desc(table.domain_lookup_by_name("test"), 0)

    def list(self, table: RemoteTable) -> None:
        table.connect_list_all_domains(0)

    def stats(self, table: RemoteTable) -> None:
        table.connect_get_all_domain_stats([], 0, 0)

    def define(self, table: RemoteTable) -> None:
        dom = table.domain_define_xml(XML % f"{self.name_}-{self.random.randrange(10**9)}")
        table.domain_create(dom)
        table.domain_destroy(dom)
        table.domain_undefine(dom)

    def event(self, table: RemoteTable) -> None:
        number = table.connect_domain_event_register_any(None, 0, lambda *_: None)
        table.connect_domain_event_deregister_any(number)


def main() -> int:
    uri = sys.argv[1]
    clients = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 20
    pid = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    if pid:
        print("before: fds %d, threads %d, RSS %d KiB" % held(pid))
    tables = [RemoteTable(uri) for _ in range(clients)]
    end = time.monotonic() + seconds
    share = [tables[i::THREADS] for i in range(THREADS)]
    workers = [Worker(some, end, number) for number, some in enumerate(share) if some]
    for worker in workers:
        worker.start()
    middle = 0
    if pid:
        time.sleep(seconds / 2)
        middle = held(pid)[2]
        print("middle: fds %d, threads %d, RSS %d KiB" % held(pid))
    for worker in workers:
        worker.join(seconds + 60)
    errors = [e for w in workers for e in w.errors]
    for kind in sorted({k for w in workers for k in w.times}):
        times = sorted(t for w in workers for t in w.times.get(kind, ()))
        p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
        print(f"{kind:7} {len(times):6} calls  p50 {p50 * 1e3:7.2f} ms  p99 {p99 * 1e3:7.2f} ms")
    if pid:
        grown = held(pid)[2] - middle
        print(f"RSS grew {grown} KiB in the second half")
    for table in tables:
        table.close()
    time.sleep(1)
    if pid:
        print("after:  fds %d, threads %d, RSS %d KiB" % held(pid))
    print(f"{len(errors)} errors", errors[:3])
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
