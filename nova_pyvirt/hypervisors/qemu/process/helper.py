# SPDX-License-Identifier: Apache-2.0
"""The spawn helper: a small process that forks for a big one.

Run as a file, standard library only: ``python -I -S -E helper.py FD``. FD is a stream socket.
Towards the helper go requests: a 4-byte big-endian length, then JSON, {"cgroup": str | null,
"cgroup_files": [str]}, with the gate as SCM_RIGHTS on the length. Back come exit reports in the same framing:
``{"pid": int, "status": int}`` (a wait status). The helper ends with its socket; children live on.

The gate is a SOCK_SEQPACKET socket to the requester:

* the helper sends ``{"pid": int}`` with a pidfd, or ``{"errno": int, "step": "fork"}``;
* the requester sends one byte with descriptors: a file of JSON (SpawnSpec's fields and `targets`:
  the child's numbers of the other descriptors), and those; end-of-file makes the child leave;
* the child prepares itself and sends ``{"ready": true}`` or an error, ``{"errno": int, "step":
  str, "path": str | null}``;
* one byte from the requester lets the child exec; end-of-file makes it leave without exec;
* a successful exec closes the gate; a failed one sends an error with step "exec".
"""

from __future__ import annotations

import array
import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
import struct
import sys

TYPE_CHECKING = False  # the typing module costs memory
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Spec = dict[str, Any]

MAX_FDS = 253  # the kernel's limit per message


def receive_fds(sock: socket.socket, size: int) -> tuple[bytes, list[int]]:
    """A message's first `size` bytes and its descriptors; b"" at end-of-file."""
    fds = array.array("i")
    data, ancillary, _flags, _address = sock.recvmsg(
        size, socket.CMSG_SPACE(MAX_FDS * fds.itemsize), socket.MSG_CMSG_CLOEXEC
    )
    for level, kind, data_of in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data_of[: len(data_of) - len(data_of) % fds.itemsize])
    return data, list(fds)


def receive(sock: socket.socket) -> tuple[Spec | None, list[int]]:
    """One request and its descriptors; None at end-of-file."""
    head, fds = receive_fds(sock, 4)
    head += read_exactly(sock, 4 - len(head)) if head else b""
    if len(head) < 4:
        return None, fds
    size = struct.unpack("!I", head)[0]
    body = read_exactly(sock, size)
    return (json.loads(body) if len(body) == size else None), fds


def read_exactly(sock: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = sock.recv(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def tell(gate: socket.socket, message: Spec, fds: list[int] | None = None) -> None:
    """Sends one message through the gate; a requester that has gone is not an error."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    try:
        gate.sendmsg([json.dumps(message).encode()], rights, socket.MSG_NOSIGNAL)
    except (BrokenPipeError, ConnectionResetError):
        pass


# ---- in the child ----


def set_limits(limits: dict[str, list[int]]) -> None:
    """{"nofile": [soft, hard]}; -1 is unlimited."""
    for name, (soft, hard) in limits.items():
        resource.setrlimit(getattr(resource, "RLIMIT_" + name.upper()), (soft, hard))


def write_file(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def join_cgroups(paths: list[str]) -> None:
    """0 is the writer itself, for whom the kernel has no other thread to hold back: written to a
    ``tasks`` file it costs nothing, where a pid waits for a grace period (5-15 ms).
    """
    for path in paths:
        write_file(path, "0")


def unshare_mounts() -> None:
    """A mount namespace of its own, which still sees the host's later mounts."""
    import ctypes  # only here: it costs memory

    libc = ctypes.CDLL(None, use_errno=True)
    ms_rec, ms_slave, clone_newns = 0x4000, 0x80000, 0x20000
    if libc.unshare(clone_newns):
        raise OSError(ctypes.get_errno(), "unshare")
    if libc.mount(b"none", b"/", None, ms_rec | ms_slave, None):
        raise OSError(ctypes.get_errno(), "mount")


def become(spec: Spec) -> None:
    """Groups, gid and uid, in the order that keeps the right to change the next."""
    if spec["groups"] is not None:
        os.setgroups(spec["groups"])
    elif spec["uid"] is not None and os.geteuid() == 0:
        os.setgroups([] if spec["gid"] is None else [spec["gid"]])
    if spec["gid"] is not None:
        os.setresgid(spec["gid"], spec["gid"], spec["gid"])
    if spec["uid"] is not None:
        os.setresuid(spec["uid"], spec["uid"], spec["uid"])


def above(wanted: dict[int, int]) -> int:
    """The first number that no wanted descriptor has."""
    return max([2, *wanted]) + 1


def arrange_descriptors(gate: int, wanted: dict[int, int]) -> None:
    """Puts each descriptor at its number and closes all others but the gate.

    Everything is moved above the highest wanted number first, so that no move overwrites a
    descriptor that another one still needs.
    """
    free = above(wanted)
    moved = {number: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, free) for number, fd in wanted.items()}
    for number, fd in moved.items():
        os.dup2(fd, number)
    start = 0
    for kept in sorted([*wanted, gate]):
        if kept > start:
            os.closerange(start, kept)
        start = kept + 1
    os.closerange(start, 1 << 30)


#: what our parent (a shell, nohup) or Python ignores, and exec would hand on
IGNORED = {n for n in signal.valid_signals() if signal.getsignal(n) == signal.SIG_IGN}
#: what serve() changes
HANDLED = {signal.SIGCHLD, signal.SIGHUP, signal.SIGINT}


def reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in IGNORED | HANDLED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def set_priorities(spec: Spec) -> None:
    if spec["oom_score_adj"] is not None:
        write_file("/proc/self/oom_score_adj", str(spec["oom_score_adj"]))
    if spec["nice"]:
        os.setpriority(os.PRIO_PROCESS, 0, spec["nice"])


def set_surroundings(spec: Spec) -> None:
    if spec["unshare_mount"]:
        unshare_mounts()
    if spec["umask"] is not None:
        os.umask(spec["umask"])
    os.chdir(spec["cwd"])


def steps(spec: Spec, gate: int, wanted: dict[int, int]) -> list[tuple[str, Callable[[], object]]]:
    """What the child does to itself, in order: name for the error report, action."""
    return [
        ("limits", lambda: set_limits(spec["rlimits"])),
        ("priorities", lambda: set_priorities(spec)),
        ("directory", lambda: set_surroundings(spec)),
        ("descriptors", lambda: arrange_descriptors(gate, wanted)),
        ("credentials", lambda: become(spec)),
    ]


def equipment(gate: socket.socket) -> tuple[Spec | None, dict[int, int]]:
    """What to become, and our descriptors by the number they are to have; None at end-of-file."""
    word, fds = receive_fds(gate, 1)
    if not word:
        return None, {}
    with open(fds[0], "rb") as file:
        spec = json.load(file)
    return spec, dict(zip(spec["targets"], fds[1:]))


def child(gate_fd: int, cgroup_files: list[str]) -> None:
    """From fork to exec. Returns only when there was no exec.

    :param cgroup_files: through which it joins its groups
    """
    reset_signals()
    gate = socket.socket(fileno=gate_fd)
    step, early = "session", None
    try:
        os.setsid()
        step = "cgroup"
        join_cgroups(cgroup_files)
        step = "descriptors"
    except OSError as err:
        early = err  # told when somebody listens
    try:
        spec, wanted = equipment(gate)
        if spec is None:
            return
        if early is not None:
            raise early
        gate_fd = fcntl.fcntl(gate_fd, fcntl.F_DUPFD_CLOEXEC, above(wanted))
        gate = socket.socket(fileno=gate_fd)
        for step, action in steps(spec, gate_fd, wanted):  # noqa: B007 - named in the error
            action()
        tell(gate, {"ready": True})
        if gate.recv(1) != b"x":
            return
        step = "exec"
        os.execve(spec["argv"][0], spec["argv"], spec["env"])
    except (OSError, ValueError, AttributeError) as err:
        number = getattr(err, "errno", None) or errno.EINVAL
        tell(gate, {"errno": number, "step": step, "path": getattr(err, "filename", None)})


# ---- in the helper ----

CLONE_INTO_CGROUP = 0x200000000
SYS_CLONE3 = 435  # on every architecture


def fork(cgroup: str | None) -> tuple[int, list[str]]:
    """A child, in its version 2 control group if it has one: its pid, 0 in the child, and the files
    through which it is yet to join that.

    To be born there costs nothing, to move there a grace period of the kernel (5-15 ms). Where
    that can't be (Linux before 5.7, a seccomp filter) the child moves.
    """
    if cgroup is None:
        return os.fork(), []
    try:
        return fork_into(cgroup), []
    except OSError:
        return os.fork(), [cgroup + "/cgroup.procs"]


def fork_into(directory: str) -> int:
    """clone3() as a plain fork. What os.fork() does besides is for processes with threads."""
    import ctypes  # only here: it costs memory

    libc = ctypes.PyDLL(None, use_errno=True)
    cgroup = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # flags, pidfd, child_tid, parent_tid, exit_signal, stack, its size, tls, set_tid, its size
        wanted = [CLONE_INTO_CGROUP, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, cgroup]
        args = (ctypes.c_uint64 * len(wanted))(*wanted)
        pid = libc.syscall(SYS_CLONE3, ctypes.byref(args), ctypes.c_size_t(ctypes.sizeof(args)))
    finally:
        os.close(cgroup)
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone3")
    return int(pid)


def spawn(request: Spec, fds: list[int]) -> None:
    """Forks one child, which waits at its gate."""
    gate = socket.socket(fileno=fds[0])
    try:
        pid, joined = fork(request["cgroup"])
    except OSError as err:
        tell(gate, {"errno": err.errno, "step": "fork"})
    else:
        if pid == 0:
            try:
                child(fds[0], joined + request["cgroup_files"])
            finally:
                os._exit(127)
        introduce(gate, pid)
    gate.close()
    for fd in fds[1:]:
        os.close(fd)


def introduce(gate: socket.socket, pid: int) -> None:
    """Sends the pidfd. It is the child's for sure: only this process reaps it, and later."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError as err:
        os.kill(pid, signal.SIGKILL)
        tell(gate, {"errno": err.errno, "step": "pidfd"})
        return
    tell(gate, {"pid": pid}, [pidfd])
    os.close(pidfd)


def reap(sock: socket.socket) -> None:
    """Reports the children that have ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        body = json.dumps({"pid": pid, "status": status}).encode()
        sock.sendall(struct.pack("!I", len(body)) + body)


def serve(sock: socket.socket) -> None:
    wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_args: None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    poll = select.poll()
    poll.register(wake_read, select.POLLIN)
    poll.register(sock, select.POLLIN)
    while True:
        ready = [fd for fd, _event in poll.poll()]
        if wake_read in ready:
            os.read(wake_read, 4096)
            reap(sock)
        if sock.fileno() in ready:
            request, fds = receive(sock)
            if request is None:
                return
            spawn(request, fds)


def main() -> None:
    sock = socket.socket(fileno=int(sys.argv[1]))
    sock.set_inheritable(False)
    try:
        serve(sock)
    except (BrokenPipeError, ConnectionResetError):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
