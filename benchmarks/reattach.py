# SPDX-License-Identifier: Apache-2.0
"""How long the next process takes to have its guests again, after kill -9 of the one before.

    tools/reattach [GUESTS] [--limit SECONDS]

Starts the guests (paused: they need no CPU), kills the process that started them, and opens the
state directory: until every guest is attached, with its id, state and XML.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from nova_pyvirt.core import registry
from nova_pyvirt.hypervisors.qemu.host import processes

_XML = """<domain type='qemu'><name>r{n}</name>
  <uuid>6f0c3d1e-6f6e-4d2f-9c38-1a1f4a1f{n:04x}</uuid>
  <memory unit='MiB'>16</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices><graphics type='vnc' autoport='yes'/><serial type='pty'/></devices></domain>"""


def start(root: str, guests: int) -> None:
    """In a process of its own: starts the guests, says so, and waits for its end."""
    table = registry.open_connection(f"qemu:///embed?root={root}")
    for number in range(guests):
        ref = table.domain_define_xml(_XML.format(n=number))
        table.domain_create_with_flags(ref, 1)
    print("\n".join(str(seen(table, ref)) for ref in table.connect_list_all_domains(1)))
    print("started", flush=True)
    signal.pause()


def seen(table: Any, ref: Any) -> tuple[Any, ...]:
    """What must be the same afterwards."""
    state = tuple(int(value) for value in table.domain_get_state(ref, 0))
    return ref.name, ref.id, state, hash_of(table.domain_get_xml_desc(ref, 0))


def hash_of(text: str) -> int:
    """The same in every process."""
    return sum(ord(letter) * (place + 1) for place, letter in enumerate(text))


def measure(guests: int) -> float:
    """Seconds from the opening to its return, all guests attached."""
    root = tempfile.mkdtemp(prefix="ra")
    os.chmod(root, 0o755)
    try:
        command = [sys.executable, __file__, "--start", root, str(guests)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
            assert owner.stdout is not None
            before = [line.strip() for line in iter(owner.stdout.readline, "started\n")]
            owner.kill()
        begun = time.monotonic()
        table = registry.open_connection(f"qemu:///embed?root={root}")
        seconds = time.monotonic() - begun
        refs = table.connect_list_all_domains(1)
        after = [str(seen(table, ref)) for ref in refs]
        if sorted(before) != sorted(after):
            raise SystemExit(f"{len(before)} guests before, {len(after)} after, or not the same")
        domains = [table.state.domains.find(ref) for ref in refs]
        if not all(vm.private.monitor is not None for vm in domains):
            raise SystemExit("some guests have no monitor")
        for ref in refs:
            table.domain_destroy(ref)
        table.close()
        return seconds
    finally:
        for found in processes.scan(f"{root}/lib/qemu"):
            os.kill(found.pid, signal.SIGKILL)
        shutil.rmtree(root, ignore_errors=True)


def main() -> int:
    """The command; 1 when it takes longer than the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("guests", nargs="?", type=int, default=50)
    parser.add_argument("--limit", type=float, default=2.0, help="seconds (default: 2)")
    parser.add_argument("--start", metavar="ROOT", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.start:
        start(args.start, args.guests)
    seconds = measure(args.guests)
    load = Path("/proc/loadavg").read_text().split()[0]
    print(f"{args.guests} guests attached in {seconds:.2f} s (limit {args.limit:g} s, load {load})")
    return int(seconds > args.limit)


if __name__ == "__main__":
    sys.exit(main())
