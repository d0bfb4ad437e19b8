#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Latency of two daemons beside each other, through libvirt's own client (python3-libvirt).

usage: daemon.py [--domains N] URI URI, e.g. in a container with both:
       daemon.py qemu:///system 'qemu+unix:///system?socket=/run/nova-pyvirt/libvirt-sock'

Both get N domains that are off and one that is paused; calls go to them in turn. Printed are the best of
four medians of each in microseconds, and the second's over the first's. Exits with 1 when a small call
takes more than 1.2 times as long, or a large one longer.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import libvirt

#: the second may take so many times as long
SMALL, LARGE = 1.2, 1.0
ROUNDS = 4
XML = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features><devices>
<interface type='user'><mac address='52:54:00:00:00:09'/><model type='virtio'/></interface>
<serial type='pty'/><graphics type='vnc' autoport='yes'/><video><model type='vga'/></video>
<memballoon model='virtio'/></devices></domain>"""

Call = Callable[[], Any]


def calls(conn: Any, runs: Any, off: Any) -> dict[str, tuple[float, int, Call]]:
    """By name: the ratio allowed, how often, the call."""
    return {
        "state": (SMALL, 300, lambda: runs.state()),
        "info": (SMALL, 300, lambda: runs.info()),
        "isActive": (SMALL, 300, lambda: runs.isActive()),
        "lookupByName": (SMALL, 300, lambda: conn.lookupByName(off.name())),
        "getLibVersion": (SMALL, 300, conn.getLibVersion),
        "getHostname": (SMALL, 300, conn.getHostname),
        "getInfo": (SMALL, 100, conn.getInfo),
        "getCPUStats": (SMALL, 100, lambda: conn.getCPUStats(-1)),
        "getMemoryStats": (SMALL, 100, lambda: conn.getMemoryStats(-1)),
        "XMLDesc of a live domain": (LARGE, 200, lambda: runs.XMLDesc(0)),
        "XMLDesc of one that is off": (LARGE, 200, lambda: off.XMLDesc(0)),
        "getCapabilities": (LARGE, 50, conn.getCapabilities),
        "getDomainCapabilities": (SMALL, 50, conn.getDomainCapabilities),
        "listAllDomains": (LARGE, 30, conn.listAllDomains),
        "getAllDomainStats, state": (SMALL, 10, lambda: conn.getAllDomainStats(1)),
        "getAllDomainStats, all": (LARGE, 10, conn.getAllDomainStats),
    }


def median(call: Call, times: int) -> float:
    """Microseconds."""
    call()
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        found.append(time.perf_counter() - begin)
    return statistics.median(found) * 1e6


class Side:
    """One daemon with its domains."""

    def __init__(self, uri: str, number: int, count: int) -> None:
        self.conn = libvirt.open(uri)
        names = [f"bench{number}-{i}" for i in range(count + 1)]
        self.domains = [self.conn.defineXML(XML.format(name=name)) for name in names]
        self.domains[0].create()
        self.domains[0].suspend()  # what a guest does with the host is not measured
        self.calls = calls(self.conn, self.domains[0], self.domains[-1])

    def close(self) -> None:
        self.domains[0].destroy()
        for domain in self.domains:
            domain.undefine()
        self.conn.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("uris", nargs=2)
    parser.add_argument("--domains", type=int, default=500)
    args = parser.parse_args()
    sides = [Side(uri, number, args.domains) for number, uri in enumerate(args.uris)]
    slow = 0
    try:
        for name, (allowed, times, _call) in sides[0].calls.items():
            found: list[list[float]] = [[], []]
            for _ in range(ROUNDS):
                for side, times_found in zip(sides, found, strict=True):
                    times_found.append(median(side.calls[name][2], times))
            first, second = min(found[0]), min(found[1])
            slow += second > first * allowed
            print(f"{name:28} {first:9.0f} {second:9.0f} {second / first:6.2f}", flush=True)
    finally:
        for side in sides:
            side.close()
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
