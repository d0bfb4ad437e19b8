# SPDX-License-Identifier: Apache-2.0
"""How late a heartbeat of the calling process gets while guests start, fail to start and hang.

    PYTHONPATH=. python benchmarks/heartbeat.py MODE [STARTS]

MODE is how the process came to be: ``native`` (never patched), ``eventlet``, ``asynciohub``
(eventlet on its asyncio hub), ``nova-eventlet`` or ``nova-threading`` (nova's own monkey_patch).
One JSON object per line; times in milliseconds.
"""

import json
import os
import pathlib
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

GREEN = ("eventlet", "asynciohub", "nova-eventlet")
PERIOD = 0.005


def patch(mode: str) -> None:
    """Prepares the process as `mode` says."""
    warnings.simplefilter("ignore")
    if mode == "asynciohub":
        os.environ["EVENTLET_HUB"] = "asyncio"
    if mode in ("eventlet", "asynciohub"):
        import eventlet

        eventlet.monkey_patch()
    elif mode.startswith("nova"):
        import nova.monkey_patch

        nova.monkey_patch.patch(backend=mode.removeprefix("nova-"))
        import nova.compute.manager  # a process of nova's size


class Heartbeat:
    """A thread, green or native, that wants to run every PERIOD."""

    def __init__(self, green: bool) -> None:
        self.late: list[float] = []
        self._stop = False
        self.sleep, self._spawn = self._means(green)
        self._spawn(self._beat)

    @staticmethod
    def _means(green: bool) -> tuple[Callable[[float], None], Callable[..., Callable[[], Any]]]:
        if green:
            import eventlet

            return eventlet.sleep, lambda fn, *args: eventlet.spawn(fn, *args).wait
        from nova_pyvirt.util.native import threading, time

        def spawn(fn: Callable[..., Any], *args: Any) -> Callable[[], Any]:
            thread = threading.Thread(target=fn, args=args, daemon=True)
            thread.start()
            return thread.join

        return time.sleep, spawn

    def _beat(self) -> None:
        from nova_pyvirt.util.native import time

        last = time.monotonic()
        while not self._stop:
            self.sleep(PERIOD)
            now = time.monotonic()
            self.late.append((now - last - PERIOD) * 1000)
            last = now

    def measure(self, what: str, calls: list[Callable[[], Any]]) -> dict[str, Any]:
        """Runs the calls at once, each on a thread; how late the beats were meanwhile."""
        from nova_pyvirt.util.native import time

        self.sleep(PERIOD * 4)
        self.late.clear()
        done: list[int] = []
        started = time.monotonic()
        for wait in [self._spawn(lambda call=call: done.append(call())) for call in calls]:
            wait()
        if len(done) != len(calls):
            raise SystemExit(f"{what}: {len(calls) - len(done)} of {len(calls)} failed")
        self.sleep(PERIOD * 2)
        late = sorted(self.late)
        return {
            "what": what,
            "took": round((time.monotonic() - started) * 1000, 1),
            "beats": len(late),
            "p50": round(late[len(late) // 2], 2),
            "p99": round(late[len(late) * 99 // 100], 2),
            "max": round(late[-1], 2),
        }

    def stop(self) -> None:
        self._stop = True


class Guests:
    """Guests of an embedded hypervisor below a directory, driven as nova drives libvirt."""

    def __init__(self, directory: str) -> None:
        import nova_pyvirt.libvirt as libvirt

        self.libvirt = libvirt
        self.directory = directory
        self.connection = libvirt.open(f"qemu:///embed?root={directory}")

    def define(self, name: str, arguments: str = "") -> Any:
        """A guest without disks; `arguments` is the content of <qemu:commandline>."""
        return self.connection.defineXML(
            f"""<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
              <name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
              <os><type machine='q35'>hvm</type></os><devices><serial type='pty'/></devices>
              <qemu:commandline>{arguments}</qemu:commandline></domain>"""
        )

    def must_fail(self, domain: Any) -> None:
        """A start whose QEMU exits at once."""
        try:
            domain.create()
        except self.libvirt.libvirtError:
            return
        raise SystemExit(f"{domain.name()} should not have started")

    def hung(self, domain: Any, sleep: Callable[[float], None]) -> list[Callable[[], Any]]:
        """A suspend whose QEMU is stopped for a second, and the end of that second."""
        pid = int(self.pid_file(domain).read_text())
        os.kill(pid, signal.SIGSTOP)

        def go_on() -> None:
            sleep(1)
            os.kill(pid, signal.SIGCONT)

        return [domain.suspend, go_on]

    def pid_file(self, domain: Any) -> pathlib.Path:
        return pathlib.Path(self.directory, "run", "qemu", f"{domain.name()}.pid")


def measure(mode: str, starts: int, directory: str, say: Callable[[dict[str, Any]], None]) -> None:
    """All rows of one mode; every guest is ended again."""
    heart = Heartbeat(mode in GREEN)
    guests = Guests(directory)
    domains = [guests.define(f"beat{number}") for number in range(starts)]
    bad = guests.define("bad", "<qemu:arg value='-no-such-option'/>")
    say(heart.measure("idle", [lambda: heart.sleep(1)]))
    say(heart.measure(f"{starts} starts at once", [domain.create for domain in domains]))
    say(heart.measure("failing start", [lambda: guests.must_fail(bad)]))
    say(heart.measure("suspend of a hung QEMU", guests.hung(domains[0], heart.sleep)))
    say(heart.measure(f"{starts} destroyed at once", [domain.destroy for domain in domains]))
    heart.stop()
    guests.connection.close()


def main(mode: str, starts: int) -> None:
    patch(mode)

    def say(result: dict[str, Any]) -> None:
        print(json.dumps({"mode": mode} | result), flush=True)

    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)  # QEMU may run as another user
        measure(mode, starts, directory, say)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 4)
