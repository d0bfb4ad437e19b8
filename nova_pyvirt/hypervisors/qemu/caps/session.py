# SPDX-License-Identifier: Apache-2.0
"""A QEMU without a machine, run for as long as the questions last.

Not the guests' monitor: the session belongs to one thread, sends a batch of commands at once and
ends the process. The monitor is a socket pair made before exec, so nothing is waited for and no
file is left behind.
"""

import errno
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from nova_pyvirt.errors import Code, From, error, system_error
from nova_pyvirt.util.native import os, socket, subprocess, time

Command = tuple[str, dict[str, Any] | None]

#: seconds a whole probing session may take
DEADLINE = 30.0
#: bytes of QEMU's complaint that go into an error message
_STDERR_LIMIT = 4096


class CommandFailed(Exception):
    """QEMU's refusal of one command. :ivar klass: QMP error class; :ivar desc: its words"""

    def __init__(self, klass: str, desc: str) -> None:
        super().__init__(desc)
        self.klass = klass
        self.desc = desc


class ProbeSession(AbstractContextManager["ProbeSession"]):
    """Starts `binary` with ``-machine none,accel=ACCEL`` and talks QMP to it.

    :param accel: ``kvm:tcg`` or ``tcg``
    :param deadline: seconds for everything
    :raises libvirtError: the program can't be run, ends, or does not answer in time
    """

    def __init__(self, binary: str, accel: str, *, deadline: float = DEADLINE) -> None:
        self._binary = binary
        self._until = time.monotonic() + deadline
        self._buffer = b""
        self._stderr = os.memfd_create("qemu-probe", os.MFD_CLOEXEC)
        ours, theirs = socket.socketpair()
        self._sock = ours
        try:
            self._process = self._spawn(accel, theirs.fileno())
        except OSError as exc:
            ours.close()
            os.close(self._stderr)
            raise system_error(
                exc.errno or 0, f"QEMU binary {binary} is not executable", domain=From.QEMU
            ) from exc
        finally:
            theirs.close()

    def _spawn(self, accel: str, fd: int) -> "subprocess.Popen[bytes]":
        argv = [
            self._binary, "-S", "-no-user-config", "-nodefaults", "-nographic",
            "-machine", f"none,accel={accel}",
            "-chardev", f"socket,id=monitor,fd={fd}", "-mon", "chardev=monitor,mode=control",
        ]  # fmt: skip
        keep = ("PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "HOME", "TMPDIR")
        env = {name: os.environ[name] for name in keep if name in os.environ}
        return subprocess.Popen(
            argv,
            pass_fds=(fd,),
            env={"LC_ALL": "C", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            start_new_session=True,
        )

    def open(self) -> dict[str, Any]:
        """The greeting's ``QMP.version``: ``{'qemu': {'major', 'minor', 'micro'}, 'package'}``."""
        greeting = self._receive()
        self._one("qmp_capabilities")
        version: dict[str, Any] = greeting["QMP"]["version"]
        return version

    def batch(self, commands: Sequence[Command]) -> list[Any]:
        """Sends all, then collects the answers in order; a refused one is a CommandFailed."""
        lines = []
        for name, arguments in commands:
            line: dict[str, Any] = {"execute": name}
            if arguments:
                line["arguments"] = arguments
            lines.append(json.dumps(line, separators=(",", ":")).encode())
        self._send(b"\n".join(lines) + b"\n")
        return [self._answer() for _ in commands]

    def _one(self, name: str) -> Any:
        (answer,) = self.batch([(name, None)])
        if isinstance(answer, CommandFailed):
            raise error(
                Code.INTERNAL_ERROR, f"unable to execute QEMU command '{name}': {answer.desc}"
            )
        return answer

    def _answer(self) -> Any:
        while True:
            message = self._receive()
            if "return" in message:
                return message["return"]
            if "error" in message:
                return CommandFailed(message["error"]["class"], message["error"]["desc"])

    def _send(self, data: bytes) -> None:
        self._arm()
        try:
            self._sock.sendall(data)
        except TimeoutError as exc:
            raise self._late() from exc
        except OSError as exc:
            raise self._ended() from exc

    def _receive(self) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            self._arm()
            try:
                data = self._sock.recv(1 << 18)
            except TimeoutError as exc:
                raise self._late() from exc
            except OSError as exc:
                raise self._ended() from exc
            if not data:
                raise self._ended()
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            message = json.loads(line)
        except ValueError as exc:
            raise error(
                Code.INTERNAL_ERROR, f"QEMU binary {self._binary} answers no JSON when probed"
            ) from exc
        return dict(message)

    def _arm(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise self._late()
        self._sock.settimeout(left)

    def _late(self) -> Exception:
        return error(
            Code.OPERATION_TIMEOUT, f"QEMU binary {self._binary} does not answer when probed"
        )

    def _ended(self) -> Exception:
        """The program is gone, or will be: one that ended well was no QEMU."""
        try:
            status = self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        if status == 0:
            detail = f"QEMU binary {self._binary} opens no monitor"
            return system_error(errno.ENOENT, detail, domain=From.QEMU)
        size = os.fstat(self._stderr).st_size
        text = os.pread(self._stderr, _STDERR_LIMIT, max(0, size - _STDERR_LIMIT))
        words = text.decode(errors="replace").strip() or "unknown error"
        return error(
            Code.INTERNAL_ERROR,
            f"Failed to start QEMU binary {self._binary} for probing: {words}",
        )

    def __exit__(self, *_exc: object) -> None:
        self._process.kill()
        self._process.wait()
        self._sock.close()
        os.close(self._stderr)
