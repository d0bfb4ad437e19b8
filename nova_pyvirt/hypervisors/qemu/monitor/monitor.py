# SPDX-License-Identifier: Apache-2.0
"""A domain's QEMU monitor as native threads see it: commands with deadlines, events in order."""

import asyncio
import errno
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

from nova_pyvirt.errors import Code, error
from nova_pyvirt.hypervisors.qemu.monitor import errors
from nova_pyvirt.hypervisors.qemu.monitor.session import OnEvent, Session, Waiter
from nova_pyvirt.hypervisors.qemu.process import Process
from nova_pyvirt.util import loop
from nova_pyvirt.util.native import os, socket, time

Kind = Literal["query", "change", "block"]
Arguments = Mapping[str, Any] | None

#: unanswered commands after which no more are sent
MAX_UNANSWERED = 1000
#: seconds after the deadline in which an attempt that was ended at it must have ended
_GRACE = 1.0
#: what sun_path holds, with its end
_MAX_PATH = 108


@dataclass(frozen=True)
class Deadlines:
    """Seconds a command of each kind may take.

    :ivar query: reads what QEMU has in memory
    :ivar change: changes something at once
    :ivar block: may wait for storage or for the guest's memory
    """

    query: float = 5.0
    change: float = 30.0
    block: float = 120.0

    def of(self, kind: Kind) -> float:
        seconds: float = getattr(self, kind)
        return seconds


class Monitor:
    """One open monitor. Any number of native threads may have commands under way.

    Made by :meth:`connect`.
    """

    def __init__(self, name: str, deadlines: Deadlines, on_eof: Callable[[str], object]) -> None:
        self.name = name
        self.deadlines = deadlines
        self._on_eof = on_eof
        self._loop = loop.get()
        self._closing = False
        self._session: Session
        self._first: list[Waiter] = []

    @classmethod
    def connect(
        cls,
        path: str,
        *,
        name: str,
        on_event: OnEvent,
        on_eof: Callable[[str], object],
        deadline: float,
        process: Process | None = None,
        deadlines: Deadlines = Deadlines(),
        on_attempt: Callable[[Callable[[], object]], object] | None = None,
        first: Sequence[tuple[str, Arguments]] = (),
    ) -> "Monitor":
        """Connects, reads the greeting and negotiates.

        on_event(name, data, seconds since the epoch) and on_eof(reason) run on the loop's thread
        and must only enqueue. on_eof is called at most once, and not after :meth:`close`.

        :param path: QEMU's monitor socket
        :param name: the domain's name, for messages
        :param deadline: seconds for all of it
        :param on_attempt: called with what gives the attempt up, from any thread
        :param first: commands that go with the negotiation; see first_answers()
        :param process: when it ends before the session is there, so does the attempt
        :raises QMPTimeout: nothing understandable by the deadline
        :raises QMPClosed: the process ended, the peer closed, or is not QEMU
        """
        end = time.monotonic() + deadline
        monitor = cls(name, deadlines, on_eof)
        sock = _open(path, deadline)
        monitor._session = Session(name, sock, on_event, monitor._ended)
        prepared = [monitor._prepare(cmd, args) for cmd, args in first]
        monitor._first = [waiter for waiter, _data in prepared]
        monitor._session.first = b"".join(data for _waiter, data in prepared)
        monitor._loop.hold(monitor)
        if on_attempt is not None:
            on_attempt(monitor._give_up)
        try:
            seconds = max(end - time.monotonic(), 0)
            monitor._loop.call(monitor._establish(seconds, deadline, process), seconds + _GRACE)
        except BaseException as err:
            monitor._loop.drop(monitor)
            sock.close()
            if isinstance(err, TimeoutError):
                raise errors.QMPTimeout("QEMU monitor greeting", name, deadline) from None
            raise
        return monitor

    def _give_up(self) -> None:
        if not self._session.established:
            self._loop.call_soon(self._session.abort, errors.closed())

    async def _establish(self, seconds: float, deadline: float, process: Process | None) -> None:
        timeout = errors.QMPTimeout("QEMU monitor greeting", self.name, deadline)

        def process_ended() -> None:
            self._session.abort(errors.unexpectedly_closed())

        with ExitStack() as stack:
            timer = asyncio.get_running_loop().call_later(seconds, self._session.abort, timeout)
            stack.callback(timer.cancel)
            if process is not None:
                process.on_exit(process_ended)
                stack.callback(process.forget_exit, process_ended)
            await self._session.establish()

    @property
    def greeting(self) -> dict[str, Any]:
        """QEMU's greeting: {"version": {"qemu": {"major", "minor", "micro"}, "package"}, ...}."""
        greeting = self._session.greeting
        return dict(greeting._raw["QMP"]) if greeting else {}

    def command(
        self,
        cmd: str,
        args: Arguments = None,
        *,
        kind: Kind = "change",
        deadline: float | None = None,
        fds: Sequence[int] = (),
    ) -> Any:
        """Runs one QMP command; returns its "return" value.

        :param deadline: seconds; None is the kind's
        :param fds: descriptors that go with the command (getfd, add-fd); they stay the caller's
        :raises QMPCommandError: QEMU refused
        :raises QMPTimeout: no reply by the deadline; the session stays usable
        :raises QMPClosed: the session has ended, or ended before the reply
        """
        seconds = self.deadlines.of(kind) if deadline is None else deadline
        waiter, data = self._prepare(cmd, args)
        self._send(data, fds)
        return self._reply(waiter, seconds, seconds)

    def raw(
        self, message: Mapping[str, Any], *, deadline: float, fds: Sequence[int] = ()
    ) -> dict[str, Any]:
        """Sends somebody else's command as it is, but for its id; returns QEMU's whole reply.

        :param fds: descriptors that go with it; they stay the caller's
        :raises QMPTimeout: no reply by the deadline; the session stays usable
        :raises QMPClosed: the session has ended, or ended before the reply
        """
        name = str(message.get("execute") or message.get("exec-oob") or "")
        waiter, data = self._prepare(name, None, message)
        self._send(data, fds)
        reply = self._wait(waiter, deadline, deadline)
        return {key: value for key, value in reply.items() if key != "id"} | {"id": reply["id"]}

    def batch(
        self,
        commands: Sequence[tuple[str, Arguments]],
        *,
        kind: Kind = "query",
        deadline: float | None = None,
        return_errors: bool = False,
    ) -> list[Any]:
        """Sends all commands at once; returns their values in order.

        QEMU runs all of them, in order, also when one fails.

        :param deadline: seconds for all of it; None is the kind's
        :param return_errors: a refused command's place holds its QMPCommandError; otherwise the
            first one is raised when all have been answered
        """
        seconds = self.deadlines.of(kind) if deadline is None else deadline
        prepared = [self._prepare(cmd, args) for cmd, args in commands]
        self._send(b"".join(data for _waiter, data in prepared), ())
        results = self._answers([waiter for waiter, _data in prepared], seconds)
        if not return_errors:
            for result in results:
                if isinstance(result, errors.QMPCommandError):
                    raise result
        return results

    def first_answers(self) -> list[Any]:
        """What QEMU says to connect()'s `first`, once; a refused command's place holds its error."""
        waiters, self._first = self._first, []
        return self._answers(waiters, self.deadlines.query)

    def _answers(self, waiters: Sequence[Waiter], seconds: float) -> list[Any]:
        end = time.monotonic() + seconds
        results: list[Any] = []
        for waiter in waiters:
            try:
                results.append(self._reply(waiter, end - time.monotonic(), seconds))
            except errors.QMPCommandError as err:
                results.append(err)
        return results

    def pending(self) -> list[tuple[str, float]]:
        """Commands that QEMU has not answered, given up ones included: name, age in seconds."""
        now = time.monotonic()
        return [(waiter.command, now - waiter.sent) for waiter in self._session.unanswered()]

    @property
    def alive(self) -> bool:
        """Whether the session is up."""
        return self._session.ended is None

    def close(self) -> None:
        """Ends the session, whatever QEMU does; commands under way fail. QEMU goes on."""
        self._closing = True
        try:
            self._loop.run(self._session.abort, errors.closed())
        except RuntimeError:
            return  # no such loop in this process (any more): nothing to end

    def _ended(self, reason: errors.QMPError) -> None:
        self._loop.drop(self)
        if not self._closing:
            self._on_eof(reason.get_error_message() or "")

    def _prepare(
        self, cmd: str, args: Arguments, whole: Mapping[str, Any] | None = None
    ) -> tuple[Waiter, bytes]:
        """Registers a command; gives the bytes to send."""
        if self._loop.on_thread():
            raise error(Code.INTERNAL_ERROR, "QEMU command on the event loop's thread")
        if (unanswered := self._session.backlog()) >= MAX_UNANSWERED:
            raise errors.busy(self.name, unanswered)
        key = self._session.next_id()
        message = {**({"execute": cmd} if whole is None else whole), "id": key}
        if args:
            message["arguments"] = args
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        return self._session.expect(key, cmd), data

    def _send(self, data: bytes, fds: Sequence[int]) -> None:
        try:
            if fds:
                # copies: at a timeout the caller may close his before they are sent
                self._loop.submit(self._session.send_with_fds(data, [os.dup(fd) for fd in fds]))
            else:
                self._loop.call_soon(self._session.send, data)
        except RuntimeError:
            raise errors.closed() from None  # the loop is the parent process's, or has ended

    def _wait(self, waiter: Waiter, seconds: float, deadline: float) -> dict[str, Any]:
        try:
            reply: dict[str, Any] = waiter.reply.result(seconds)
        except TimeoutError:
            what = f"QEMU command '{waiter.command}'"
            raise errors.QMPTimeout(what, self.name, deadline) from None
        except errors.QMPClosed as err:
            raise err.again() from err
        return reply

    def _reply(self, waiter: Waiter, seconds: float, deadline: float) -> Any:
        reply = self._wait(waiter, seconds, deadline)
        if "return" in reply:
            return reply["return"]
        refusal = reply.get("error")
        if not isinstance(refusal, dict):
            raise errors.QMPCommandError(waiter.command)
        raise errors.QMPCommandError(
            waiter.command, str(refusal.get("class", "")), str(refusal.get("desc", ""))
        )


def _open(path: str, deadline: float) -> socket.socket:
    """Connects to QEMU's socket. It may be one that QEMU has not accepted from yet."""
    if len(os.fsencode(path)) >= _MAX_PATH:
        raise error(Code.INTERNAL_ERROR, f"Monitor path {path} too big for destination")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # a unix socket's connect waits for a full queue no longer than sending would
    whole, part = divmod(max(deadline, 0.001), 1)
    sock.setsockopt(
        socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(whole), int(part * 1e6))
    )
    try:
        sock.connect(path)
    except OSError as err:
        sock.close()
        if err.errno == errno.EAGAIN:
            raise errors.QMPTimeout("connection to the QEMU monitor", path, deadline) from err
        raise errors.connect_failure(err) from err
    sock.setblocking(False)
    return sock
