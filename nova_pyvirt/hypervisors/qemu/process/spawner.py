# SPDX-License-Identifier: Apache-2.0
"""Starts processes through the helper (helper.py), held before exec until they are released."""

import errno
import json
import struct
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any

from nova_pyvirt.errors import Code, From, error, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu.process.process import Process, start_time
from nova_pyvirt.util import loop
from nova_pyvirt.util.native import os, socket, subprocess, threading

_HELPER = Path(__file__).with_name("helper.py")
#: seconds for what the helper and the child do before exec; they never wait for anybody
PREPARE_DEADLINE = 30.0
#: seconds for the helper to notice that its socket has ended
CLOSE_DEADLINE = 5.0


@dataclass(frozen=True, kw_only=True)
class SpawnSpec:
    """What to run and how.

    :ivar argv: argv[0] is the path of the binary
    :ivar env: the whole environment
    :ivar stdin: our descriptor for the child's 0; None is /dev/null (so are stdout, stderr)
    :ivar pass_fds: the child's number: our descriptor
    :ivar groups: supplementary groups; None with a uid: the gid alone
    :ivar rlimits: name as in RLIMIT_*, lower case: (soft, hard); -1 is unlimited
    :ivar cgroup_procs: files into which the child writes its pid
    :ivar unshare_mount: run in a mount namespace of its own
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None
    pass_fds: Mapping[int, int] = field(default_factory=dict)
    uid: int | None = None
    gid: int | None = None
    groups: Sequence[int] | None = None
    umask: int | None = None
    rlimits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    cgroup_procs: Sequence[str] = ()
    oom_score_adj: int | None = None
    unshare_mount: bool = False
    nice: int = 0


class HeldProcess:
    """A child that is ready to exec and waits. When this process dies, the child leaves.

    :ivar pid: its pid, which exec keeps
    :ivar pidfd: owned by `process`
    """

    def __init__(self, process: Process, gate: socket.socket, binary: str) -> None:
        self.process = process
        self.pid = process.pid
        self.pidfd = process.pidfd
        self._gate = gate
        self._binary = binary

    def release(self) -> Process:
        """Lets the child exec; returns when it has.

        :raises libvirtError: SYSTEM_ERROR with exec's errno, INTERNAL_ERROR when the child was
            killed while held; nothing is left then
        """
        try:
            self._gate.send(b"x", socket.MSG_NOSIGNAL)
            answer, _fds = _receive(self._gate)
        except (BrokenPipeError, ConnectionResetError):
            self.abort()
            raise error(
                Code.INTERNAL_ERROR, f"the child for {self._binary} ended before exec"
            ) from None
        except TimeoutError:
            self.abort()
            raise error(Code.OPERATION_TIMEOUT, f"executing {self._binary} took too long") from None
        if answer is not None:
            self.abort()
            raise _failure(answer, self._binary)
        self._gate.close()
        return self.process

    def abort(self) -> None:
        """Ends the child without exec."""
        self._gate.close()
        self.process.signal(SIGKILL)
        self.process.wait()
        self.process.close()


class _Helper:
    """The running helper: one socket to it, read by the loop for exit reports."""

    def __init__(self) -> None:
        self.sock, theirs = socket.socketpair()
        with theirs:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-S", "-E", str(_HELPER), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={},
                cwd="/",
                start_new_session=True,
            )
        self.pid = self._popen.pid
        self._guard = threading.Lock()
        self._processes: dict[int, Process] = {}
        self._early: dict[int, int] = {}
        self._buffer = b""
        self._ended = False
        self._sending = threading.Lock()
        loop.get().add_reader(self.sock.fileno(), self._on_readable)

    def send(self, request: bytes, fds: list[int]) -> None:
        with self._sending:
            head = struct.pack("!I", len(request))
            socket.send_fds(self.sock, [head], fds, socket.MSG_NOSIGNAL)
            self.sock.sendall(request, socket.MSG_NOSIGNAL)

    def watch(self, process: Process) -> None:
        """Has the process told its exit status, which may have come already."""
        with self._guard:
            told = self._ended or process.pid in self._early
            status = self._early.pop(process.pid, None)
            if not told:
                self._processes[process.pid] = process
        if told:
            process.set_status(status)

    def _on_readable(self) -> None:
        try:
            data = self.sock.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            loop.get().remove_reader(self.sock.fileno())
            self._end()
            return
        self._buffer += data
        while len(self._buffer) >= 4:
            end = 4 + struct.unpack("!I", self._buffer[:4])[0]
            if len(self._buffer) < end:
                return
            self._report(json.loads(self._buffer[4:end]))
            self._buffer = self._buffer[end:]

    def _report(self, report: dict[str, int]) -> None:
        with self._guard:
            process = self._processes.pop(report["pid"], None)
            if process is None:
                self._early[report["pid"]] = report["status"]
        if process is not None:
            process.set_status(report["status"])

    def _end(self) -> None:
        """Nobody will tell the remaining children's status."""
        with self._guard:
            self._ended = True
            orphans, self._processes = self._processes, {}
        for process in orphans.values():
            process.set_status(None)

    def close(self) -> None:
        """Ends the helper; its children live on."""
        if not self._ended:
            loop.get().remove_reader(self.sock.fileno())
            self._end()
        self.sock.close()
        try:
            self._popen.wait(CLOSE_DEADLINE)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


class Spawner:
    """Spawns through one helper process, which is started at the first spawn and again if it died.

    May be used from several threads at once.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._helper: _Helper | None = None

    @property
    def helper_pid(self) -> int | None:
        return self._helper.pid if self._helper else None

    def spawn(self, spec: SpawnSpec) -> HeldProcess:
        """Forks a child and prepares it up to exec.

        :raises libvirtError: SYSTEM_ERROR with the errno and the step that failed; nothing is
            left then
        """
        helper = self._running()
        try:
            return self._spawn(helper, spec)
        except (BrokenPipeError, ConnectionResetError, EOFError):
            self._replace(helper)  # it died: a child it may have made ends with its gate
        try:
            return self._spawn(self._running(), spec)
        except (BrokenPipeError, ConnectionResetError, EOFError) as err:
            raise error(
                Code.INTERNAL_ERROR, "the spawn helper died twice", domain=From.NONE
            ) from err

    def close(self) -> None:
        """Ends the helper. What it spawned lives on."""
        with self._guard:
            helper, self._helper = self._helper, None
        if helper is not None:
            helper.close()

    def _running(self) -> _Helper:
        with self._guard:
            if self._helper is None:
                try:
                    self._helper = _Helper()
                except OSError as err:
                    raise system_error(err.errno or 0, "cannot start the spawn helper") from err
            return self._helper

    def _replace(self, dead: _Helper) -> None:
        with self._guard:
            if self._helper is not dead:
                return
            self._helper = None
        dead.close()

    def _spawn(self, helper: _Helper, spec: SpawnSpec) -> HeldProcess:
        with ExitStack() as stack:
            gate, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            keep = stack.enter_context(ExitStack())
            keep.callback(gate.close)
            with theirs:
                null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
                stack.callback(os.close, null)
                targets = _targets(spec, null)
                fds = [theirs.fileno(), *targets.values()]
                helper.send(_request(spec, list(targets)), fds)
            held = _await_child(helper, gate, spec.argv[0])
            keep.pop_all()  # the gate is his now
            return held


def _targets(spec: SpawnSpec, null: int) -> dict[int, int]:
    """The child's descriptor numbers: ours."""
    standard = enumerate((spec.stdin, spec.stdout, spec.stderr))
    return {n: null if fd is None else fd for n, fd in standard} | dict(spec.pass_fds)


def _request(spec: SpawnSpec, targets: list[int]) -> bytes:
    fields: dict[str, Any] = asdict(spec)
    fields["targets"] = targets
    for name in ("stdin", "stdout", "stderr", "pass_fds"):
        del fields[name]
    return json.dumps(fields).encode()


def _await_child(helper: _Helper, gate: socket.socket, binary: str) -> HeldProcess:
    """The helper's answer and the child's come in either order."""
    gate.settimeout(PREPARE_DEADLINE)
    process: Process | None = None
    ready = False
    try:
        while process is None or not ready:
            answer, fds = _receive(gate)
            if answer is None:
                raise EOFError
            if "pid" in answer:
                if not fds:  # the kernel drops what we have no number for
                    raise system_error(errno.EMFILE, f"cannot watch the child for {binary}")
                process = Process(answer["pid"], fds[0], 0)
                process.start_time = start_time(process.pid) or 0
                helper.watch(process)
            elif "ready" in answer:
                ready = True
            else:
                raise _failure(answer, binary)
    except TimeoutError:
        _discard(process)
        raise error(
            Code.OPERATION_TIMEOUT, f"the child for {binary} was not ready in time"
        ) from None
    except OSError as exc:
        _discard(process)
        if isinstance(exc, (BrokenPipeError, ConnectionResetError)):
            raise
        raise system_error(exc.errno or 0, f"cannot set up the child for {binary}") from exc
    except BaseException:
        _discard(process)
        raise
    return HeldProcess(process, gate, binary)


def _discard(process: Process | None) -> None:
    if process is not None:
        process.signal(SIGKILL)
        process.close()


def _receive(gate: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """One message of the gate; None at end-of-file."""
    data, fds, _flags, _address = socket.recv_fds(gate, 65536, 1)
    for fd in fds:
        os.set_inheritable(fd, False)
    return (json.loads(data) if data else None), fds


def _failure(answer: dict[str, Any], binary: str) -> libvirtError:
    """The error for {"errno": int, "step": str, "path": str | None}."""
    if answer["step"] == "exec":
        return system_error(answer["errno"], f"cannot execute binary {binary}")
    where = f" ({answer['path']})" if answer.get("path") else ""
    return system_error(answer["errno"], f"cannot set up {answer['step']}{where} for {binary}")
