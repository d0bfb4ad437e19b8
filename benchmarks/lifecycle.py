# SPDX-License-Identifier: Apache-2.0
"""start, destroy, define, state and list: ours, libvirtd's where it is installed, and raw QEMU's.

    tools/bench [--rounds N]

One round measures each contender in turn, so that all see the same machine. "raw" starts the very
command line that our guest had: exec to the monitor's answer to "cont".
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SYSTEM_PYTHON = "/usr/bin/python3"


class Worker:
    """A process that measures one module (worker.py)."""

    def __init__(self, python: str, module: str, uri: str, disk: str) -> None:
        self.process = subprocess.Popen(
            [python, "-W", "ignore", str(HERE / "worker.py"), module, uri, disk],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, word: str) -> Any:
        """The worker's answer to a word."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"worker ended: {self.process.args}")
        return json.loads(line)

    def end(self) -> None:
        """Closes its connection."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)


class Peer:
    """A libvirtd of our own; `uri` reaches it. None of the host's state is touched."""

    def __init__(self, base: str) -> None:
        self.uri = f"qemu+unix:///system?socket={base}/run/libvirt-sock"
        command = ["unshare", "-m", "--propagation", "private", str(HERE / "peer.sh"), base]
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "subreaper.py"), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit("libvirtd did not start")

    def end(self) -> None:
        """Stops it."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)

    @staticmethod
    def available() -> bool:
        """Whether libvirtd, virsh and libvirt-python for the system's Python are installed."""
        if not (shutil.which("libvirtd") and shutil.which("virsh")):
            return False
        probe = [SYSTEM_PYTHON, "-c", "import libvirt"]
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def raw_argv(argv: list[str], descriptor: int) -> list[str]:
    """Our guest's command line, on a listening monitor of the benchmark's."""
    words: list[str] = []
    rest = iter(argv)
    for word in rest:
        if word in ("-object", "-add-fd"):
            value = next(rest)
            if word == "-object" and "masterKey" not in value:
                words += [word, value]
            continue
        if "id=charmonitor" in word:
            word = re.sub(r"\b(fd=\d+|path=[^,]+)", f"fd={descriptor}", word)
        words.append(word)
    return words


def raw_round(argv: list[str], directory: str) -> dict[str, float]:
    """Starts QEMU as directly as can be and ends it."""
    path = f"{directory}/raw.sock"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(path)
        listener.listen()
        begin = time.perf_counter()
        process = subprocess.Popen(
            raw_argv(argv, listener.fileno()),
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        client.connect(path)
        stream = client.makefile("rb")
        stream.readline()
        for command in ("qmp_capabilities", "cont"):
            client.sendall(json.dumps({"execute": command}).encode())
            while not {"return", "error"} & json.loads(stream.readline()).keys():
                pass
        started = time.perf_counter()
        process.send_signal(signal.SIGKILL)
        process.wait()
        ended = time.perf_counter()
    os.unlink(path)
    return {"start": (started - begin) * 1000, "destroy": (ended - started) * 1000}


def report(rounds: dict[str, list[dict[str, float]]]) -> None:
    """Medians and the slowest, in ms, and each contender's ratio to ours."""
    names = list(rounds)
    print(f"{'ms':<14}" + "".join(f"{name + ' med':>16}{'max':>10}" for name in names))
    for row in rounds["ours"][0]:
        line = f"{row:<14}"
        for name in names:
            values = [one[row] for one in rounds[name] if row in one]
            if values:
                line += f"{statistics.median(values):>16.4g}{max(values):>10.4g}"
            else:
                line += f"{'-':>16}{'-':>10}"
        print(line)
    ours, raw = (
        statistics.median(one["start"] for one in rounds[name]) for name in ("ours", "raw")
    )
    print(f"start: ours / raw QEMU = {ours / raw:.2f}")


def run(count: int, directory: str) -> dict[str, list[dict[str, float]]]:
    """All contenders, in turn, `count` times after one round that warms caches."""
    disk = f"{directory}/disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1G"], check=True)
    os.chmod(directory, 0o755)
    with ExitStack() as stack:
        uri = f"qemu:///embed?root={directory}/root"
        workers = {"ours": Worker(sys.executable, "nova_pyvirt.libvirt", uri, disk)}
        stack.callback(workers["ours"].end)
        if Peer.available():
            peer = Peer(f"{directory}/libvirtd")
            stack.callback(peer.end)
            workers["libvirtd"] = Worker(SYSTEM_PYTHON, "libvirt", peer.uri, disk)
            stack.callback(workers["libvirtd"].end)
        return in_turn(workers, count, directory)


def in_turn(
    workers: dict[str, Worker], count: int, directory: str
) -> dict[str, list[dict[str, float]]]:
    """The rounds of each contender, the first one left out."""
    argv = workers["ours"].ask("argv")
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in [*workers, "raw"]}
    for number in range(count + 1):
        measured = {name: worker.ask("round") for name, worker in workers.items()}
        measured["raw"] = raw_round(argv, directory)
        if number:
            for name, result in measured.items():
                rounds[name].append(result)
    return rounds


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", help="write all values to this file")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nova-pyvirt-bench-", dir="/var/tmp") as directory:
        rounds = run(args.rounds, directory)
    report(rounds)
    if args.json:
        Path(args.json).write_text(json.dumps(rounds, indent=1))


if __name__ == "__main__":
    main()
