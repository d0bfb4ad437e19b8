# SPDX-License-Identifier: Apache-2.0
"""INTERFACE, IOTHREAD and PERF."""

from typing import Final

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.host import proc
from nova_pyvirt.hypervisors.qemu.statgroups.request import Request
from nova_pyvirt.util.typed import UInt, ULLong

_COUNTS: Final = ("bytes", "pkts", "errs", "drop")
#: types whose device is the guest's own on the host: what it receives the guest receives
SHARED: Final = ("direct", "hostdev")


def interfaces(request: Request) -> None:
    """net.N.*: as the guest sees it."""
    if request.private is None:
        return
    found, nets = request.found, request.definition.devices.interfaces
    found["net.count"] = UInt(len(nets))
    for number, net in enumerate(nets):
        if not net.target:
            continue
        found[f"net.{number}.name"] = str(net.target)
        try:
            received, sent = proc.link(net.target)
        except libvirtError:
            continue
        if net.type not in SHARED:
            received, sent = sent, received
        for side, values in (("rx", received), ("tx", sent)):
            for name, value in zip(_COUNTS, values, strict=True):
                found[f"net.{number}.{side}.{name}"] = ULLong(value)


def iothreads(request: Request) -> None:
    """iothread.N.*: polling in nanoseconds."""
    if request.monitor is None:
        return
    rows = request.monitor.command("query-iothreads", kind="query")
    mine = [row for row in rows if str(row["id"]).startswith("iothread")]
    if not mine:
        return
    request.found["iothread.count"] = UInt(len(mine))
    for row in mine:
        head = f"iothread.{str(row['id']).removeprefix('iothread')}"
        if "poll-max-ns" in row:
            request.found[f"{head}.poll-max-ns"] = ULLong(row["poll-max-ns"])
            request.found[f"{head}.poll-grow"] = UInt(row.get("poll-grow", 0))
            request.found[f"{head}.poll-shrink"] = UInt(row.get("poll-shrink", 0))


def perf(request: Request) -> None:
    """perf.*: the counters that are on."""
    if request.private is not None:
        for name, value in request.private.perf.read().items():
            request.found[f"perf.{name}"] = ULLong(value)
