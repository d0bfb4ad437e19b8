# SPDX-License-Identifier: Apache-2.0
"""How late a heartbeat of the calling process gets while QEMUs start and answer commands.

    PYTHONPATH=. python benchmarks/heartbeat.py MODE [STARTS]

MODE is how the process came to be: ``native`` (never patched), ``eventlet``, ``asynciohub``
(eventlet on its asyncio hub), ``nova-eventlet`` or ``nova-threading`` (nova's own monkey_patch).
One JSON object per line; times in milliseconds.
"""

import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

MODES = ("native", "eventlet", "asynciohub", "nova-eventlet", "nova-threading")
QEMU = "qemu-system-x86_64"
PERIOD = 0.005


def patch(mode: str) -> bool:
    """Prepares the process as `mode` says; whether it runs on greenthreads."""
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
    return mode in ("eventlet", "asynciohub", "nova-eventlet")


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
            "median": round(late[len(late) // 2], 2),
            "worst": round(late[-1], 2),
        }

    def stop(self) -> None:
        self._stop = True


def start_and_stop(spawner: Any, directory: str, number: int) -> None:
    """One QEMU: spawned, asked, ended."""
    from nova_pyvirt.hypervisors.qemu.monitor import Monitor
    from nova_pyvirt.hypervisors.qemu.process import SpawnSpec
    from nova_pyvirt.util.native import socket, subprocess

    path = f"{directory}/{number}"
    binary = subprocess.run(["which", QEMU], capture_output=True, text=True, check=True).stdout
    argv = [binary.strip(), "-S", "-nodefaults", "-display", "none", "-machine", "q35", "-m", "64"]
    argv += ["-chardev", "socket,id=m,fd=10,server=on,wait=off", "-mon", "chardev=m,mode=control"]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        held = spawner.spawn(SpawnSpec(argv=argv, pass_fds={10: listener.fileno()}))
    process = held.release()
    monitor = Monitor.connect(
        path,
        name=str(number),
        on_event=lambda *_event: None,
        on_eof=lambda _reason: None,
        deadline=30,
        process=process,
    )
    for _ in range(50):
        monitor.command("query-status", kind="query")
    monitor.command("quit")
    if not process.wait(30) or process.wait_status(30) != 0:
        raise RuntimeError(f"QEMU {process.pid} did not end well")
    monitor.close()
    process.close()


def main(mode: str, starts: int) -> None:
    green = patch(mode)
    from nova_pyvirt.hypervisors.qemu.process import Spawner
    from nova_pyvirt.util.native import offload

    heart = Heartbeat(green)
    spawner = Spawner()
    with tempfile.TemporaryDirectory() as directory:

        def start(number: int) -> Callable[[], None]:
            return lambda: offload(start_and_stop, spawner, directory, number)

        def say(result: dict[str, Any]) -> None:
            print(json.dumps({"mode": mode} | result), flush=True)

        say(heart.measure("idle", [lambda: heart.sleep(0.5)]))
        say(heart.measure("first start", [start(0)]))
        say(heart.measure(f"{starts} starts at once", [start(n) for n in range(1, starts + 1)]))
    offload(spawner.close)
    heart.stop()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 4)
