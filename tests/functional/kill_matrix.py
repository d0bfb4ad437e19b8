# SPDX-License-Identifier: Apache-2.0
"""kill -9 of our process at every named place of every operation: what the next process finds.

    tools/killmatrix [OPERATION...]

Each line is a cell: operation, place, what became of the guest; "bad" tells what must not be: a
second QEMU, a healthy guest that was ended, a stray process, tap, control group, file, port or
owner. A first run of each operation, unharmed, tells which places it comes to.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nova_pyvirt.core import registry
from nova_pyvirt.core.cgroup import hierarchies, remove_tree
from nova_pyvirt.core.states import Shutoff, State
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.host import processes
from tests.fixtures.guests import nano_image

NAME: Final = "killed"
TAP: Final = f"km{os.getpid()}"  # others may run one at the same time
_CHILD: Final = str(Path(__file__).with_name("lifecycle_child.py"))
_OWNER: Final = (1234, 1235)
_XML: Final = """<domain type='qemu'>
  <name>{name}</name>
  <uuid>6f0c3d1e-6f6e-4d2f-9c38-1a1f4a1f0b77</uuid>
  <title>{title}</title>
  <memory unit='MiB'>32</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='{disk}'/><target dev='hda' bus='ide'/>
    </disk>
    <serial type='pty'/>
    <channel type='unix'><target type='virtio' name='org.example.0'/></channel>
    <graphics type='vnc' autoport='yes'/>
    {tap}
  </devices>
</domain>"""
#: operation -> what is done first, whether a healthy guest runs when it begins
OPERATIONS: Final = {
    "define": ("nothing", False),
    "redefine": ("defined", False),
    "undefine": ("defined", False),
    "start": ("defined", False),
    "autodestroy": ("defined", False),
    "stop": ("running", True),
    "restart": ("running", True),
    "restart-lost": ("running without a status file", True),
    "restart-ended": ("ended unseen", False),
    "restart-half": ("half started", False),
    "restart-orphan": ("running for a connection", False),
}
_CHILD_WORDS: Final = {"redefine": "define", "stop": "destroy"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One death. `place` is NAME or NAME:N, the Nth time; `bad` is empty when all is well."""

    operation: str
    place: str
    outcome: str
    bad: tuple[str, ...]


class Matrix:
    """A state directory and a guest with something of everything."""

    def __init__(self) -> None:
        self.root = tempfile.mkdtemp(prefix="km")
        os.chmod(self.root, 0o755)  # QEMU is another user when we are root
        self.disk = f"{self.root}/nano.img"
        self.table: Any = None
        self._adopt_orphans()
        self.open()
        self.mark = self.table.state.machine_name(0, "x").split("-")[2]
        self.close()

    def end(self) -> None:
        """Nothing of it is left."""
        self.close()
        self.kill_all()
        shutil.rmtree(self.root, ignore_errors=True)

    @staticmethod
    def _adopt_orphans() -> None:
        """Whatever a killed child leaves running becomes a child of ours (PR_SET_CHILD_SUBREAPER)."""
        ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)

    # --- what the matrix is made of

    def places(self, operation: str) -> list[str]:
        """Where an operation passes by, in order."""
        self.prepare(OPERATIONS[operation][0])
        listing = f"{self.root}/places"
        Path(listing).unlink(missing_ok=True)
        self.child(operation, {"NOVA_PYVIRT_BREAK_LIST": listing})
        self.clean()
        seen: Counter[str] = Counter()
        places = []
        for name in Path(listing).read_text().split():
            seen[name] += 1
            places.append(name if seen[name] == 1 else f"{name}:{seen[name]}")
        return places

    def cell(self, operation: str, place: str) -> Cell:
        """One death and what the next process finds."""
        before, healthy = OPERATIONS[operation]
        pid = self.prepare(before)
        status = self.child(operation, {"NOVA_PYVIRT_BREAK": place})
        bad: list[str] = []
        if status != -signal.SIGKILL:
            self.clean()
            return Cell(operation, place, "not reached", ())
        try:
            outcome = self.look(operation, pid if healthy else None, bad)
        except libvirtError as exc:
            outcome = "error"
            bad.append(str(exc))
        self.clean()
        return Cell(operation, place, outcome, tuple(bad))

    # --- before

    def prepare(self, what: str) -> int | None:
        """The state an operation begins from, with no process of ours left; the guest's pid."""
        nano_image(self.disk)
        if os.geteuid() == 0:
            os.chown(self.disk, *_OWNER)
        self.open()
        pid: int | None = None
        if what != "nothing":
            ref = self.table.domain_define_xml(self.xml("old"))
            if what.startswith(("running without", "ended")) or what == "running":
                self.table.domain_create(ref)
                pid = self.table.state.domains.find(ref).private.pid
        self.close()
        if what == "running without a status file":
            os.unlink(f"{self.root}/run/qemu/{NAME}.xml")
        elif what == "ended unseen" and pid is not None:
            os.kill(pid, signal.SIGKILL)
        elif what == "half started":
            self.child("start", {"NOVA_PYVIRT_BREAK": "start-monitor"})
        elif what == "running for a connection":
            self.child("autodestroy", {"NOVA_PYVIRT_BREAK": "start-end"})
        return pid

    def xml(self, title: str) -> str:
        """The guest's definition; root can give it a tap device too."""
        tap = f"<interface type='ethernet'><target dev='{TAP}'/></interface>"
        with_tap = os.geteuid() == 0 and os.path.exists("/dev/net/tun")
        return _XML.format(name=NAME, title=title, disk=self.disk, tap=tap if with_tap else "")

    # --- the death

    def child(self, operation: str, env: dict[str, str]) -> int:
        """Has another process do it; its exit status."""
        word = _CHILD_WORDS.get(operation, operation)
        word = "open" if word.startswith("restart") else word
        return subprocess.run(
            [sys.executable, _CHILD, self.root, word, NAME],
            env={**os.environ, **env},
            input=self.xml("new").encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode

    # --- after

    def look(self, operation: str, healthy: int | None, bad: list[str]) -> str:
        """What a new process makes of it; complaints go to `bad`."""
        self.open()
        running = self.running()
        if len(running) > 1:
            bad.append(f"{len(running)} QEMUs")
        self.strays({found.pid for found in running}, bad)
        try:
            ref = self.table.domain_lookup_by_name(NAME)
        except libvirtError:
            outcome = "not defined"
            if operation not in ("define", "undefine"):
                bad.append("the definition is lost")
            if running:
                bad.append("a QEMU nobody knows of")
            self.leftovers(bad)
            return outcome
        state, reason = self.table.domain_get_state(ref, 0)
        outcome = f"{State(state).name.lower()}"
        if state == State.SHUTOFF:
            outcome += f" {Shutoff(reason).name.lower()}"
        if operation in ("define", "redefine"):
            new = "<title>new</title>" in self.table.domain_get_xml_desc(ref, 0)
            outcome = "new definition" if new else "old definition"
        if healthy is not None and operation != "stop" and [healthy] != [f.pid for f in running]:
            bad.append("a healthy guest was ended")
        self.usable(ref, running, bad)
        return outcome

    def usable(self, ref: Any, running: list[processes.Found], bad: list[str]) -> None:
        """A guest that runs is ours to end; one that is off starts, once."""
        active = bool(self.table.domain_is_active(ref))
        if active != bool(running):
            bad.append("shown as running" if active else "shown as off, but runs")
        if active:
            with self.refused(bad, "a second start"):
                self.table.domain_create(ref)
        else:
            self.leftovers(bad)
            self.table.domain_create(ref)
        if len(self.running()) != 1:
            bad.append(f"{len(self.running())} QEMUs after the start")
        self.table.domain_destroy(ref)
        self.leftovers(bad)

    def refused(self, bad: list[str], what: str) -> Any:
        return _Refused(bad, what)

    def leftovers(self, bad: list[str]) -> None:
        """Nothing of a guest that is off."""
        bad.extend(f"left: {path.removeprefix(self.root)}" for path in self.left_files())
        bad.extend(f"left: {path}" for path in self.left_groups())
        if os.path.exists(f"/sys/class/net/{TAP}"):
            bad.append(f"left: {TAP}")
        info = os.stat(self.disk)
        if os.geteuid() == 0 and (info.st_uid, info.st_gid) != _OWNER:
            bad.append(f"the disk belongs to {info.st_uid}:{info.st_gid}")
        ports = self.table.state.vnc_ports
        if ports.held():
            bad.append(f"ports held: {ports.held()}")

    def left_files(self) -> Iterator[str]:
        for pattern in ("run/qemu/*", "lib/qemu/domain-*", "lib/qemu/channel/target/*",
                        "lib/qemu/status/*", "etc/qemu/*.new", "lib/qemu/nvram/*"):  # fmt: skip
            for path in Path(self.root).glob(pattern):
                if path.name not in ("driver.pid", "autostarted"):
                    yield str(path)

    def left_groups(self) -> list[str]:
        mark = self.mark
        return [
            str(path)
            for base in set(hierarchies().values())
            for path in Path(base).glob(f"machine*/qemu-embed-{mark}-*")
        ]

    def strays(self, guests: set[int], bad: list[str]) -> None:
        """Children of ours that are neither a guest nor the helper of the open state: reaped,
        and complained of when they still run.
        """
        helper = self.table.state.spawner.helper_pid
        for pid in _children():
            if pid in guests or pid == helper:
                continue
            if not _ends(pid):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
                bad.append(f"stray process: {command.decode(errors='replace')[:100]}")
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    # --- between

    def open(self) -> None:
        self.table = registry.open_connection(f"qemu:///embed?root={self.root}")

    def close(self) -> None:
        if self.table is not None:
            self.table.close()
            self.table = None

    def running(self) -> list[processes.Found]:
        return list(processes.scan(f"{self.root}/lib/qemu"))

    def kill_all(self) -> None:
        for found in self.running():
            os.kill(found.pid, signal.SIGKILL)
        for pid in _children():
            _ends(pid)

    def clean(self) -> None:
        """Back to nothing, by force."""
        self.close()
        self.kill_all()
        for group in self.left_groups():
            remove_tree(group)
        for pattern in ("run/qemu/*", "lib/qemu/domain-*", "lib/qemu/channel/target/*",
                        "lib/qemu/status/*", "etc/qemu/*.xml*"):  # fmt: skip
            for path in Path(self.root).glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        Path(self.disk).unlink(missing_ok=True)


class _Refused:
    """What is inside must be refused."""

    def __init__(self, bad: list[str], what: str) -> None:
        self.bad, self.what = bad, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, value: Any, trace: Any) -> bool:
        if kind is None:
            self.bad.append(f"{self.what} was not refused")
        return isinstance(value, libvirtError)


def _children() -> list[int]:
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        try:
            found += [int(word) for word in (task / "children").read_text().split()]
        except FileNotFoundError:
            continue  # a thread that has ended meanwhile
    return found


def _ends(pid: int, seconds: float = 3.0) -> bool:
    """Whether a child has ended, or does soon; it is reaped then."""
    import select

    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        if not select.select([pidfd], [], [], seconds)[0]:
            return False
    finally:
        os.close(pidfd)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass  # subprocess has reaped it
    return True


def run(operations: list[str], show: Callable[[Cell], None]) -> list[Cell]:
    """All cells of some operations, shown as they are done."""
    matrix = Matrix()
    cells: list[Cell] = []
    try:
        for operation in operations:
            for place in matrix.places(operation):
                cells.append(matrix.cell(operation, place))
                show(cells[-1])
    finally:
        matrix.end()
    return cells


def main(operations: list[str]) -> int:
    """The command; 1 when a cell is bad."""

    def show(cell: Cell) -> None:
        verdict = "bad: " + "; ".join(cell.bad) if cell.bad else "ok"
        print(f"{cell.operation:15} {cell.place:24} {cell.outcome:18} {verdict}", flush=True)

    cells = run(operations or list(OPERATIONS), show)
    bad = [cell for cell in cells if cell.bad]
    missed = [cell for cell in cells if cell.outcome == "not reached"]
    print(f"{len(cells)} cells, {len(bad)} bad, {len(missed)} not reached")
    return 1 if bad or not cells else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
