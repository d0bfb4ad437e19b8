#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many threads do random things to few guests; or one thread does very many calls.

    stress.py [--seconds 60] [--threads 32] [--guests 8] [--seed N]
    stress.py --calls 100000

The first checks that nothing deadlocks (a call that lasts longer than --stuck seconds ends the run
with every thread's stack), that only legal states are seen, and only errors that such a race may
give; the second that descriptors, threads and memory stay as they are. Exit status 0 = all is well.
"""

import argparse
import faulthandler
import gc
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP))

from nova_pyvirt.core import registry  # noqa: E402
from nova_pyvirt.core.states import REASONS, State  # noqa: E402
from nova_pyvirt.errors import Code, libvirtError  # noqa: E402
from nova_pyvirt.hypervisors.qemu.host import processes  # noqa: E402
from tests.fixtures.guests import nano_image  # noqa: E402

XML = """<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>16</memory>
<vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
<on_crash>restart</on_crash>
<devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{disk}'/>
<target dev='hda' bus='ide'/></disk><serial type='null'/></devices></domain>"""
#: a device that a guest lets go of at once
TABLET = "<input type='tablet' bus='usb'/>"
#: errors that a race between operations may give, as libvirt's would
RACES = {
    Code.OPERATION_INVALID,  # it runs already, or not any more
    Code.OPERATION_FAILED,  # it went while something was under way
    Code.OPERATION_ABORTED,  # destroyed or aborted
    Code.OPERATION_TIMEOUT,  # a job was not to be had
    Code.NO_DOMAIN,
    Code.DEVICE_MISSING,  # somebody else has detached it
    Code.INTERNAL_ERROR,  # QEMU ended in the middle of a command
    Code.SYSTEM_ERROR,  # no managed save image to remove
    Code.AGENT_UNRESPONSIVE,
    Code.ARGUMENT_UNSUPPORTED,
}
Operation = Callable[[Any, Any], object]
OPERATIONS: tuple[tuple[int, str, Operation], ...] = (
    (6, "create", lambda t, r: t.domain_create(r)),
    (2, "create paused", lambda t, r: t.domain_create_with_flags(r, 1)),
    (2, "create cold", lambda t, r: t.domain_create_with_flags(r, 8)),
    (3, "destroy", lambda t, r: t.domain_destroy(r)),
    (3, "suspend", lambda t, r: t.domain_suspend(r)),
    (3, "resume", lambda t, r: t.domain_resume(r)),
    (2, "reset", lambda t, r: t.domain_reset(r, 0)),
    (2, "shutdown", lambda t, r: t.domain_shutdown_flags(r, 0)),
    (2, "reboot", lambda t, r: t.domain_reboot(r, 0)),
    (2, "managed save", lambda t, r: t.domain_managed_save(r, 0)),
    (1, "managed save remove", lambda t, r: t.domain_managed_save_remove(r, 0)),
    (1, "core dump", lambda t, r: t.domain_core_dump_with_format(r, "/dev/null", 0, 16)),
    (1, "abort", lambda t, r: t.domain_abort_job(r)),
    (1, "lifecycle action", lambda t, r: t.domain_set_lifecycle_action(r, 1, 1, 1)),
    (1, "key", lambda t, r: t.domain_send_key(r, 0, 1, [28], 0)),
    (3, "attach", lambda t, r: t.domain_attach_device(r, TABLET)),
    (3, "detach", lambda t, r: t.domain_detach_device(r, TABLET)),
    (6, "state", lambda t, r: t.domain_get_state(r, 0)),
    (3, "info", lambda t, r: t.domain_get_info(r)),
    (3, "xml", lambda t, r: t.domain_get_xml_desc(r, 1)),
    (2, "job info", lambda t, r: t.domain_get_job_info(r)),
    (2, "control info", lambda t, r: t.domain_get_control_info(r, 0)),
    (2, "list", lambda t, _r: t.connect_list_all_domains(0)),
)


class Complaints(logging.Handler):
    """Steps between states that the table does not know."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if "is no known way" in text:
            self.said.append(text)


class Stress:
    """One run."""

    def __init__(self, guests: int, seed: int) -> None:
        self.root = tempfile.mkdtemp(prefix="stress")
        os.chmod(self.root, 0o755)
        self.seed = seed
        self.table = registry.open_connection(f"qemu:///embed?root={self.root}")
        self.refs = []
        for number in range(guests):
            disk = f"{self.root}/nano{number}.img"
            nano_image(disk)
            uuid = f"6f0c3d1e-6f6e-4d2f-9c38-{number:012d}"
            xml = XML.format(name=f"stress{number}", uuid=uuid, disk=disk)
            self.refs.append(self.table.domain_define_xml(xml))
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.begun: dict[int, tuple[float, str]] = {}
        self.stop = threading.Event()
        self.complaints = Complaints()
        logging.getLogger("nova_pyvirt.core.domain").addHandler(self.complaints)
        self.table.connect_domain_event_register_any(None, 0, self.note)

    def note(self, _ref: Any, event: int, _detail: int) -> None:
        self.counts["events"] += 1

    def worker(self, number: int) -> None:
        rng = random.Random(self.seed * 1000 + number)
        weights = [weight for weight, _name, _call in OPERATIONS]
        while not self.stop.is_set():
            _weight, name, call = rng.choices(OPERATIONS, weights)[0]
            ref = rng.choice(self.refs)
            self.begun[number] = (time.monotonic(), name)
            try:
                call(self.table, ref)
                self.counts[name] += 1
            except libvirtError as exc:
                self.counts[f"{name}: refused"] += 1
                if exc.get_error_code() not in RACES:
                    self.wrong.append(f"{name}: {exc}")
            except Exception as exc:  # noqa: BLE001 - whatever it is, it is what we look for
                self.wrong.append(f"{name}: {exc!r}")
            self.look(ref)
        self.begun.pop(number, None)

    def look(self, ref: Any) -> None:
        state, reason = self.table.domain_get_state(ref, 0)
        kind = REASONS.get(State(state))
        if kind is None or reason not in kind._value2member_map_:
            self.wrong.append(f"state {state}, reason {reason}")

    def run(self, seconds: float, threads: int, stuck: float) -> bool:
        """Whether all went well."""
        workers = [threading.Thread(target=self.worker, args=(n,)) for n in range(threads)]
        for worker in workers:
            worker.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.moving(stuck):
            self.stop.wait(0.2)
        self.stop.set()
        end = time.monotonic() + stuck
        for worker in workers:
            worker.join(max(end - time.monotonic(), 0))
        if any(worker.is_alive() for worker in workers):
            self.wrong.append("a thread did not end")
            faulthandler.dump_traceback(all_threads=True)
        return not self.wrong and not self.complaints.said

    def moving(self, stuck: float) -> bool:
        for begun, name in list(self.begun.values()):
            if time.monotonic() - begun > stuck:
                self.wrong.append(f"{name} has lasted longer than {stuck:g} s")
                return False
        return True

    def settle(self) -> bool:
        """After the storm every guest can be started and ended once more."""
        for ref in self.refs:
            vm = self.table.state.domains.find(ref)
            if vm.active:
                self.table.domain_destroy(ref)
            self.table.domain_create_with_flags(ref, 8)
            self.table.domain_destroy(ref)
            if vm.active or vm.jobs.active or vm.jobs.async_job or vm.jobs.queued:
                self.wrong.append(f"{vm.name} is not as it was")
        left = list(processes.scan(f"{self.root}/lib/qemu"))
        if left:
            self.wrong.append(f"QEMU still runs: {left}")
        return not self.wrong

    def close(self) -> None:
        """No QEMU outlives the run."""
        logging.getLogger("nova_pyvirt.core.domain").removeHandler(self.complaints)
        self.table.close()
        for found in processes.scan(f"{self.root}/lib/qemu"):
            os.kill(found.pid, signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)

    def report(self) -> None:
        for name, count in sorted(self.counts.items()):
            print(f"{count:7d}  {name}")
        for text in [*self.wrong[:20], *self.complaints.said[:20]]:
            print("WRONG", text)


def figures() -> dict[str, int]:
    """Descriptors, threads and resident KiB of this process."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    rss = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "RSS KiB": int(rss.split()[1]),
    }


def many_calls(stress: Stress, count: int) -> bool:
    """Whether very many calls leave nothing behind."""
    for ref in stress.refs:
        stress.table.domain_create(ref)
    calls = [call for _w, name, call in OPERATIONS
             if name in ("state", "info", "xml", "job info", "control info", "list", "suspend",
                         "resume", "key")]  # fmt: skip

    def some(number: int) -> None:
        for n in range(number):
            ref = stress.refs[n % len(stress.refs)]
            try:
                calls[n % len(calls)](stress.table, ref)
            except libvirtError as exc:
                if exc.get_error_code() not in RACES:
                    stress.wrong.append(str(exc))

    some(max(count // 10, 1000))  # caches fill
    before = figures()
    some(count)
    after = figures()
    for name, value in after.items():
        print(f"{name}: {before[name]} -> {value}")
    flat = all(after[name] == before[name] for name in ("descriptors", "threads"))
    return flat and after["RSS KiB"] - before["RSS KiB"] < 5120 and not stress.wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=32)
    parser.add_argument("--guests", type=int, default=8)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--stuck", type=float, default=60)
    parser.add_argument("--calls", type=int, default=0)
    args = parser.parse_args()
    stress = Stress(args.guests, args.seed)
    print(f"seed {args.seed}")
    try:
        if args.calls:
            well = many_calls(stress, args.calls)
        else:
            well = stress.run(args.seconds, args.threads, args.stuck) and stress.settle()
        stress.report()
    finally:
        stress.close()
    print("well" if well else "NOT WELL")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
