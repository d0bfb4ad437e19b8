# SPDX-License-Identifier: Apache-2.0
"""Starts processes through the helper (helper.py), held before exec until they are released."""

import errno
import json
import struct
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
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
    :ivar cgroup: directory of the version 2 control group in which it is born
    :ivar cgroup_files: files (tasks, cgroup.threads, cgroup.procs) through which it joins others
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
    cgroup: str | None = None
    cgroup_files: Sequence[str] = ()
    oom_score_adj: int | None = None
    unshare_mount: bool = False
    nice: int = 0


class HeldProcess:
    """A child that prepares itself and then waits. When this process dies, the child leaves.

    :ivar pid: its pid, which exec keeps
    :ivar pidfd: owned by `process`
    """

    def __init__(
        self, process: Process, gate: socket.socket, binary: str, early: dict[str, Any] | None
    ) -> None:
        self.process = process
        self.pid = process.pid
        self.pidfd = process.pidfd
        self._gate = gate
        self._binary = binary
        self._early = early
        self._prepared = False
        self._going = False

    def prepare(self) -> None:
        """Waits until the child has nothing to do any more but exec.

        :raises libvirtError: SYSTEM_ERROR with the errno and the step that failed, INTERNAL_ERROR
            when the child was killed; nothing is left then
        """
        if self._prepared:
            return
        answer = self._early or self._next("was not ready in time")
        if answer is None:
            self.abort()
            raise self._gone()
        if "ready" not in answer:
            self.abort()
            raise _failure(answer, self._binary)
        self._prepared = True

    def go(self) -> None:
        """Lets the child exec when it has prepared itself; release() says whether it did.

        :raises libvirtError: as prepare()
        """
        if self._going:
            return
        self.prepare()
        self._going = True
        try:
            self._gate.send(b"x", socket.MSG_NOSIGNAL)
        except (BrokenPipeError, ConnectionResetError):
            self.abort()
            raise self._gone() from None

    def release(self) -> Process:
        """go(), and returns when the child is what it was to become.

        :raises libvirtError: as prepare(), SYSTEM_ERROR with exec's errno; nothing is left then
        """
        self.go()
        answer = self._next("did not run in time")
        if answer is not None:
            self.abort()
            raise _failure(answer, self._binary)
        self._gate.close()
        return self.process

    def _next(self, late: str) -> dict[str, Any] | None:
        """The child's next message, None at end-of-file; nothing is left after an error."""
        try:
            return _receive(self._gate)[0]
        except (BrokenPipeError, ConnectionResetError):
            self.abort()
            raise self._gone() from None
        except TimeoutError:
            self.abort()
            detail = f"the child for {self._binary} {late}"
            raise error(Code.OPERATION_TIMEOUT, detail) from None

    def _gone(self) -> libvirtError:
        return error(Code.INTERNAL_ERROR, f"the child for {self._binary} ended before exec")

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

    def send(self, request: dict[str, Any], gate: int) -> None:
        """Asks for a child behind the gate."""
        text = json.dumps(request).encode()
        with self._sending:
            head = struct.pack("!I", len(text))
            socket.send_fds(self.sock, [head], [gate], socket.MSG_NOSIGNAL)
            self.sock.sendall(text, socket.MSG_NOSIGNAL)

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

    def reserve(self, cgroup: str | None = None, cgroup_files: Sequence[str] = ()) -> "Reserved":
        """Has a child forked, for spawn(), while the caller does something else. It joins its groups
        then; when it can't, spawn() or what comes after it says so.

        :param cgroup: as SpawnSpec's, and
        :param cgroup_files: likewise
        :raises libvirtError: SYSTEM_ERROR, INTERNAL_ERROR; nothing is left then
        """
        for _attempt in range(2):
            helper = self._running()
            gate, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                with theirs:
                    request = {"cgroup": cgroup, "cgroup_files": list(cgroup_files)}
                    helper.send(request, theirs.fileno())
            except (BrokenPipeError, ConnectionResetError):
                gate.close()
                self._replace(helper)
            else:
                gate.settimeout(PREPARE_DEADLINE)
                return Reserved(helper, gate)
        raise _died_twice()

    def spawn(self, spec: SpawnSpec, reserved: "Reserved | None" = None) -> HeldProcess:
        """Forks a child, which prepares itself up to exec.

        :param reserved: one that is there already, of the same groups; the call's to dispose of
        :raises libvirtError: SYSTEM_ERROR with the errno; nothing is left then
        """
        first = reserved or self.reserve(spec.cgroup, spec.cgroup_files)
        try:
            return _equip(first, spec)
        except (BrokenPipeError, ConnectionResetError, EOFError):
            self._replace(first.helper)  # it died: a child it may have made ends with its gate
        try:
            return _equip(self.reserve(spec.cgroup, spec.cgroup_files), spec)
        except (BrokenPipeError, ConnectionResetError, EOFError) as err:
            raise _died_twice() from err

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


def _died_twice() -> libvirtError:
    return error(Code.INTERNAL_ERROR, "the spawn helper died twice", domain=From.NONE)


class Reserved:
    """A child that waits to be told what to become. When this process dies, it leaves.

    :ivar helper: whose child it is
    :ivar gate: towards it
    """

    def __init__(self, helper: _Helper, gate: socket.socket) -> None:
        self.helper = helper
        self.gate = gate

    def abandon(self) -> None:
        """It is not needed: it leaves. Nothing happens after a spawn() with it."""
        if self.gate.fileno() < 0:
            return
        try:
            process, _early = _await_child(self, "a start given up")
        except (libvirtError, OSError, EOFError):
            return  # there is none
        finally:
            self.gate.close()
        process.signal(SIGKILL)
        process.wait()
        process.close()


def _equip(reserved: Reserved, spec: SpawnSpec) -> HeldProcess:
    """Tells a child what to become, while its own birth may yet be under way.

    :raises EOFError, BrokenPipeError, ConnectionResetError: the helper is dead
    """
    binary = spec.argv[0]
    with ExitStack() as stack:
        stack.callback(reserved.gate.close)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        stack.callback(os.close, null)
        targets = _targets(spec, null)
        text = os.memfd_create("spawn", os.MFD_CLOEXEC)
        stack.callback(os.close, text)
        os.write(text, _text(spec, list(targets)))
        os.lseek(text, 0, os.SEEK_SET)
        try:
            socket.send_fds(reserved.gate, [b"s"], [text, *targets.values()], socket.MSG_NOSIGNAL)
            process, early = _await_child(reserved, binary)
        except TimeoutError:
            detail = f"the child for {binary} was not ready in time"
            raise error(Code.OPERATION_TIMEOUT, detail) from None
        except (BrokenPipeError, ConnectionResetError):
            raise
        except OSError as exc:
            raise system_error(exc.errno or 0, f"cannot set up the child for {binary}") from exc
        held = HeldProcess(process, reserved.gate.dup(), binary, early)
    return held


def _targets(spec: SpawnSpec, null: int) -> dict[int, int]:
    """The child's descriptor numbers: ours."""
    standard = enumerate((spec.stdin, spec.stdout, spec.stderr))
    return {n: null if fd is None else fd for n, fd in standard} | dict(spec.pass_fds)


def _text(spec: SpawnSpec, targets: list[int]) -> bytes:
    told_otherwise = ("stdin", "stdout", "stderr", "pass_fds", "cgroup", "cgroup_files")
    values = {one.name: getattr(spec, one.name) for one in fields(spec)}
    named = {name: value for name, value in values.items() if name not in told_otherwise}
    return json.dumps({**named, "targets": targets}).encode()


def _await_child(reserved: Reserved, binary: str) -> tuple[Process, dict[str, Any] | None]:
    """The child, from the helper's answer; and what it has said itself before that.

    :raises EOFError: the helper is dead
    :raises libvirtError: SYSTEM_ERROR: there is no child
    """
    early: dict[str, Any] | None = None
    while True:
        answer, fds = _receive(reserved.gate)
        if answer is None:
            raise EOFError
        if "pid" in answer:
            break
        if answer.get("step") in ("fork", "pidfd"):  # the helper's: there is no child
            raise _failure(answer, binary)
        early = answer
    if not fds:  # the kernel drops what we have no number for
        raise system_error(errno.EMFILE, f"cannot watch the child for {binary}")
    process = Process(answer["pid"], fds[0], 0)
    process.start_time = start_time(process.pid) or 0
    reserved.helper.watch(process)
    return process, early


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
