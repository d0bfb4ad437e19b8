# SPDX-License-Identifier: Apache-2.0
"""What must stay flat, and what must not lock up: many starts, many calls, many threads.

    tools/soak cycles [N]       N starts and ends of a guest (200)
    tools/soak calls [N]        N calls of all cheap kinds, with opening and closing (100000)
    tools/soak threads [S]      32 threads of random operations on 8 guests for S seconds (60)

Prints what was held before and after: processes, descriptors, threads, control groups, files,
resident memory; 1 when something has grown, hangs, or is in no legal state.
"""

import argparse
import ctypes
import faulthandler
import gc
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import nova_pyvirt.libvirt as libvirt
from nova_pyvirt.core.cgroup import hierarchies, machine_name
from nova_pyvirt.core.introspect import REPORTS
from nova_pyvirt.hypervisors.qemu.host import processes
from tests.fixtures.guests import nano_image

_XML = """<domain type='qemu'><name>soak{n}</name>
  <uuid>6f0c3d1e-6f6e-4d2f-9c38-1a1f4a1f5{n:03x}</uuid>
  <memory unit='MiB'>16</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{disk}'/>
      <target dev='hda' bus='ide'/></disk>
    <graphics type='vnc' port='{port}' autoport='no'/><serial type='pty'/>
    <channel type='unix'><target type='virtio' name='org.example.0'/></channel>
    {tap}
  </devices></domain>"""
_TAP = "<interface type='ethernet'><model type='virtio'/></interface>"
#: KiB that the process may grow by while it does the same all the time
_GROWTH = 6 * 1024
#: seconds after which an operation counts as hanging: a job is waited for 30 s
_HANGS = 45.0
_NEWNET = 0x40000000  # CLONE_NEWNET
_LEGAL = {
    libvirt.VIR_DOMAIN_RUNNING,
    libvirt.VIR_DOMAIN_PAUSED,
    libvirt.VIR_DOMAIN_SHUTOFF,
    libvirt.VIR_DOMAIN_SHUTDOWN,
}


class Soak:
    """A state directory, an open connection, and what they hold."""

    def __init__(self) -> None:
        self.root = tempfile.mkdtemp(prefix="soak")
        os.chmod(self.root, 0o755)
        libvirt.registerErrorHandler(lambda _context, _error: None, None)
        self.conn = libvirt.open(self.uri)
        head = machine_name(0, "x", root=self.root).partition("-0-")[0]
        self.groups = f"{head}-*"

    @property
    def uri(self) -> str:
        return f"qemu:///embed?root={self.root}"

    def define(self, number: int = 0) -> Any:
        disk = f"{self.root}/{number}.img"
        nano_image(disk)
        tap = _TAP if os.geteuid() == 0 and os.path.exists("/dev/net/tun") else ""
        with socket.socket() as sock:  # other managers' guests take the usual ports
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        return self.conn.defineXML(_XML.format(n=number, disk=disk, tap=tap, port=port))

    def held(self) -> dict[str, int]:
        """What the process and the directories hold now."""
        gc.collect()
        fields = dict(
            line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
        )
        files = sum(1 for path in Path(self.root).rglob("*") if "/cache/" not in str(path))
        groups = sum(
            len(list(Path(base).glob(f"machine*/{self.groups}")))
            for base in set(hierarchies().values())
        )
        return {
            "processes": len(_children()),
            "descriptors": len(os.listdir("/proc/self/fd")),
            "threads": int(fields["Threads"]),
            "control groups": groups,
            "files": files,
            "taps": Path("/proc/self/net/dev").read_text().count("vnet"),
            "KiB resident": int(fields["VmRSS"].split()[0]),
        }

    def end(self) -> None:
        self.conn.close()
        for found in processes.scan(f"{self.root}/lib/qemu"):
            os.kill(found.pid, signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)


def _children() -> list[str]:
    found: list[str] = []
    for task in Path("/proc/self/task").iterdir():
        try:
            found += (task / "children").read_text().split()
        except OSError:
            continue  # a thread that has ended meanwhile
    return found


def grown(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """What is more than it was; memory may grow a little."""
    return [
        name
        for name, value in after.items()
        if value > before[name] + (_GROWTH if name.startswith("KiB") else 0)
    ]


def report(before: dict[str, int], after: dict[str, int]) -> int:
    more = grown(before, after)
    for name, value in after.items():
        mark = "  GROWN" if name in more else ""
        print(f"  {name:15} {before[name]:8} {value:8}{mark}")
    return int(bool(more))


def cycles(soak: Soak, count: int) -> int:
    """Starts and ends."""
    dom = soak.define()
    times: dict[str, list[float]] = {"start": [], "destroy": []}
    tables = {"start": "starts", "destroy": "stops"}
    slowest: dict[str, tuple[float, str]] = {}

    def cycle() -> None:
        for name, act in (("start", dom.create), ("destroy", dom.destroy)):
            begun = time.monotonic()
            act()
            took = (time.monotonic() - begun) * 1000
            times[name].append(took)
            if took > slowest.get(name, (0.0, ""))[0]:
                slowest[name] = took, _stages(tables[name])

    for _number in range(10):
        cycle()
    before = soak.held()
    for values in times.values():
        values.clear()
    slowest.clear()
    for _number in range(count):
        cycle()
    for name, values in times.items():
        values.sort()
        print(
            f"{name}: median {statistics.median(values):.1f} ms,"
            f" 95 % {values[int(len(values) * 0.95)]:.1f}, most {values[-1]:.1f}:"
            f" {slowest[name][1]}"
        )
    print(f"{count} starts and ends, held before and after:")
    return report(before, soak.held())


def _stages(table: str) -> str:
    """Milliseconds of the stages of the last start or end."""
    (row,) = REPORTS.collect(table)[-1:]
    return ", ".join(f"{s['name']} {(s['seconds'] or 0) * 1000:.0f}" for s in row["stages"])


def calls(soak: Soak, count: int) -> int:
    """Calls that cost little, of all kinds; one in a hundred opens and closes a connection."""
    dom = soak.define()
    dom.create()
    idle = soak.define(1)
    kinds = [
        dom.info, dom.state, lambda: dom.XMLDesc(0), dom.isActive, dom.ID, idle.info, dom.maxMemory,
        lambda: soak.conn.listAllDomains(0), lambda: soak.conn.lookupByName("soak0"),
        lambda: soak.conn.lookupByID(dom.ID()), soak.conn.getInfo, soak.conn.numOfDomains,
        lambda: _refused(lambda: soak.conn.lookupByName("none")), lambda: _refused(idle.destroy),
        lambda: libvirt.open(soak.uri).close(), lambda: soak.conn.getVersion(),
    ]  # fmt: skip

    def some(number: int) -> None:
        for index in range(number):
            kinds[index % len(kinds)]()

    some(2000)
    before = soak.held()
    begun = time.monotonic()
    some(count)
    seconds = time.monotonic() - begun
    print(f"{count} calls in {seconds:.1f} s, held before and after:")
    return report(before, soak.held())


def _refused(call: Any) -> None:
    try:
        call()
    except libvirt.libvirtError:
        return
    raise SystemExit("a call that must fail did not")


def threads(soak: Soak, seconds: float) -> int:
    """Random operations on few guests by many threads; a first third warms up."""
    for number in range(8):
        soak.define(number)
    doms = [soak.conn.lookupByName(f"soak{number}") for number in range(8)]
    bad = _storm(soak, doms, seconds / 3)
    before = soak.held()
    return bad or _storm(soak, doms, seconds) or report(before, soak.held())


def _storm(soak: Soak, doms: list[Any], seconds: float) -> int:
    """1 when an operation hangs, a state is not legal, or a QEMU is left."""
    done: Counter[str] = Counter()
    illegal: list[str] = []
    busy: dict[int, tuple[str, float]] = {}
    end = time.monotonic() + seconds

    def work(number: int) -> None:
        choose = random.Random(number)
        while time.monotonic() < end:
            dom = choose.choice(doms)
            name, call = choose.choice(_operations(soak, dom))
            busy[number] = (name, time.monotonic())
            try:
                call()
                done[name] += 1
            except libvirt.libvirtError as exc:
                done[f"{name}: {exc.get_error_code()}"] += 1
            busy.pop(number, None)
            if soak.conn.lookupByName(dom.name()).state()[0] not in _LEGAL:
                illegal.append(f"{dom.name()}: {dom.state()}")

    workers = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(32)]
    for worker in workers:
        worker.start()
    hanging = _watch(workers, busy)
    print(", ".join(f"{name} {count}" for name, count in sorted(done.items())))
    if hanging or illegal:
        print(f"HANGING: {hanging}  ILLEGAL: {illegal[:5]}")
        return 1
    twice = [count for count in Counter(f.name for f in _guests(soak)).values() if count > 1]
    for dom in doms:
        if dom.isActive():
            dom.destroy()
        dom.setAutostart(0)
    left = len(_guests(soak))
    print(f"{sum(done.values())} operations; QEMUs left: {left}, of one guest: {len(twice)}")
    return int(bool(left or twice))


def _guests(soak: Soak) -> list[processes.Found]:
    return list(processes.scan(f"{soak.root}/lib/qemu"))


def _operations(soak: Soak, dom: Any) -> list[tuple[str, Any]]:
    def define() -> None:
        soak.conn.defineXML(dom.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))

    return [
        ("create", dom.create), ("createPaused", lambda: dom.createWithFlags(1)),
        ("destroy", dom.destroy), ("suspend", dom.suspend), ("resume", dom.resume),
        ("reset", lambda: dom.reset(0)), ("info", dom.info), ("xml", lambda: dom.XMLDesc(0)),
        ("define", define), ("list", lambda: soak.conn.listAllDomains(0)),
        ("autostart", lambda: dom.setAutostart(random.randint(0, 1))),
        ("reboot", lambda: dom.reboot(0)), ("shutdown", dom.shutdown),
    ]  # fmt: skip


def _watch(workers: list[threading.Thread], busy: dict[int, tuple[str, float]]) -> list[str]:
    """Waits for the workers; what hangs, with every thread's stack on standard error."""
    while any(worker.is_alive() for worker in workers):
        for worker in workers:
            worker.join(1.0)
        now = time.monotonic()
        stuck = [name for name, since in list(busy.values()) if now - since > _HANGS]
        if stuck:
            faulthandler.dump_traceback(all_threads=True)
            return stuck
    return []


def _own_network() -> None:
    """Where the taps of other managers' guests are not seen, nor their ports."""
    if os.geteuid() == 0 and not ctypes.CDLL(None, use_errno=True).unshare(_NEWNET):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("cycles", "calls", "threads"))
    parser.add_argument("amount", nargs="?", type=int)
    args = parser.parse_args()
    run, amount = {"cycles": (cycles, 200), "calls": (calls, 100_000), "threads": (threads, 60)}[
        args.what
    ]
    _own_network()
    soak = Soak()
    try:
        return run(soak, args.amount or amount)
    finally:
        soak.end()


if __name__ == "__main__":
    sys.exit(main())
