# SPDX-License-Identifier: Apache-2.0
"""qemu.qmp's QMPClient with what a monitor needs: the only module that knows qemu.qmp.

QMPClient does the session: greeting, negotiation, reader task, state machine. Replies, though, go
straight from the reader to the waiting threads' futures, and commands straight to the transport:
QMPClient's own way (two tasks, two queues and a pretty-printed copy of each message) costs more
than QEMU's answer. See doc/source/internals/runtime.rst for the figures.

Everything here runs on the loop's thread, except :meth:`Session.expect` and what it touches.
"""

import asyncio
import errno
import itertools
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, cast

from qemu.qmp import ConnectError, QMPClient, Runstate
from qemu.qmp.message import Message
from qemu.qmp.qmp_client import NegotiationError, ServerParseError

from nova_pyvirt.hypervisors.qemu.monitor import errors
from nova_pyvirt.util.loop import quiet_logger
from nova_pyvirt.util.native import Future, os, socket, time

#: the longest line QEMU may send, in bytes (libvirt's limit)
MAX_LINE = 10 * 1024 * 1024
#: after so many messages of one session the loop looks at the others
FAIR_SHARE = 64

_NEGOTIATE: Final = b'{"execute":"qmp_capabilities"}\n'
_NEGOTIATE_OOB: Final = b'{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}\n'

OnEvent = Callable[[str, dict[str, Any], float], object]
OnEnd = Callable[[errors.QMPError], object]


class Waiter:
    """A command under way, and its reply."""

    __slots__ = ("command", "reply", "sent")

    def __init__(self, command: str) -> None:
        self.command = command
        self.sent = time.monotonic()
        self.reply: Future[dict[str, Any]] = Future()


class Session(QMPClient):
    """One QMP session over a connected, non-blocking unpatched unix socket.

    :param on_event: name, data, QEMU's time stamp (seconds since the epoch)
    :param on_end: called once, with the reason, when the session is over
    """

    def __init__(self, vm: str, sock: socket.socket, on_event: OnEvent, on_end: OnEnd) -> None:
        super().__init__(None, MAX_LINE)
        self.logger = quiet_logger
        self._vm = vm
        self._sock = sock
        self._on_event = on_event
        self._on_end = on_end
        self._waiters: dict[str, Waiter] = {}
        self._ids = itertools.count()
        self._received = 0
        #: sent right behind the negotiation: QEMU reads it while it is still busy with the machine
        self.first = b""
        #: greeting and negotiation are over
        self.established = False
        self._finishing: asyncio.Task[None] | None = None
        #: why the session is over; None while it is not
        self.ended: errors.QMPError | None = None

    # ---- from any thread ----

    def next_id(self) -> str:
        """A short one: QEMU reads a byte at a time."""
        return str(next(self._ids))

    def expect(self, key: str, command: str) -> Waiter:
        """Registers the command that is about to be sent with the id `key`."""
        waiter = self._waiters[key] = Waiter(command)
        if self.ended is not None:  # the end may have come before we were in the table
            waiter.reply.set_exception(self.ended)
            self._waiters.pop(key, None)
        return waiter

    def unanswered(self) -> list[Waiter]:
        """Commands that QEMU has not answered, oldest first, given up ones included."""
        return list(self._waiters.copy().values())

    def backlog(self) -> int:
        """How many those are."""
        return len(self._waiters)

    # ---- on the loop ----

    async def establish(self) -> None:
        """Greeting and negotiation.

        :raises QMPClosed: the peer ended, or is no QMP server
        """
        try:
            await self.connect(self._sock)
        except ConnectError as err:
            self._end(err.exc)
        except AssertionError:  # the state machine's, when the session ended under connect()
            self._end(None)
        if self.ended is not None:
            await self._tidy()
            raise self.ended
        self.established = True

    def send(self, data: bytes) -> None:
        if self._writer is not None and self.ended is None:
            self._writer.write(data)

    async def send_with_fds(self, data: bytes, fds: Sequence[int]) -> None:
        """Sends a command with descriptors on its first byte; closes them.

        The transport knows no SCM_RIGHTS, so the message goes around it, once it has nothing left
        to send.
        """
        try:
            while self._writer is not None and self.ended is None:
                await self._writer.drain()
                try:
                    done = socket.send_fds(self._sock, [data], list(fds), socket.MSG_NOSIGNAL)
                except BlockingIOError:
                    self._writer.write(b" ")  # white space, to have the transport wait for room
                    continue
                self._writer.write(data[done:])
                return
        except OSError as err:
            self._end(err)
        finally:
            for fd in fds:
                os.close(fd)

    def abort(self, reason: errors.QMPError) -> None:
        """Ends the session now, whatever the peer does."""
        self._finish(reason)

    # ---- QMPClient's hooks ----

    async def _do_connect(self, address: Any, ssl: Any = None) -> None:
        """QMPClient's own refuses a socket that is not of the (perhaps patched) socket module."""
        self._set_state(Runstate.CONNECTING)
        self._reader, self._writer = await asyncio.open_connection(
            sock=address, limit=self.readbuflen
        )
        self._writer.transport.set_write_buffer_limits(high=0)  # drain() waits for the last byte

    async def _negotiate(self) -> None:
        assert self._writer is not None and self._greeting is not None  # connected, greeted
        # "oob" has QEMU read on while it works: the end of a line left unread at its end would turn
        # an orderly end of file into a reset connection
        oob = "oob" in self._greeting.QMP.capabilities
        head = _NEGOTIATE_OOB if oob else _NEGOTIATE
        self._writer.write(head + self.first)
        reply = await self._recv()
        if "return" not in reply:
            raise NegotiationError("Negotiation failed", ServerParseError("an error", reply))

    async def _readline(self) -> bytes:
        try:
            return await super()._readline()
        except ValueError as err:  # StreamReader's word for a line beyond its limit
            raise errors.too_long(MAX_LINE) from err

    def _cb_inbound(self, msg: Message) -> Message:
        return msg

    def _cb_outbound(self, msg: Message) -> Message:
        return msg

    async def _on_message(self, msg: Message) -> None:
        self._received += 1
        if self._received % FAIR_SHARE == 0:
            await asyncio.sleep(0)  # the reader never yields while its buffer holds lines
        content = cast(dict[str, Any], msg._object)
        if "event" in content:
            self._event(content)
            return
        key = content.get("id")
        waiter = self._waiters.pop(key, None) if isinstance(key, str) else None
        if waiter is not None:
            waiter.reply.set_result(content)
        elif key is None and "error" in content:
            raise ServerParseError("an error that answers no command", msg)
        # else: the protocol says to drop replies with an unknown id

    def _event(self, content: dict[str, Any]) -> None:
        stamp = content.get("timestamp")
        data = content.get("data")
        try:
            when = stamp["seconds"] + stamp["microseconds"] / 1e6  # type: ignore[index]
        except (TypeError, KeyError):
            when = time.time()
        self._on_event(str(content["event"]), data if isinstance(data, dict) else {}, when)

    def _schedule_disconnect(self) -> None:
        """The reader or writer failed, or somebody disconnects: nobody waits any longer."""
        self._end(sys.exc_info()[1])
        super()._schedule_disconnect()

    # ---- the end ----

    def _end(self, cause: BaseException | None) -> None:
        self._finish(self._reason(cause))

    def _finish(self, reason: errors.QMPError) -> None:
        if self.ended is not None:
            return
        self.ended = reason
        if self._writer is not None:
            self._writer.transport.abort()  # never wait for a peer that does not read
        else:  # connect() is under way: closed under it, the socket would never tell it anything
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
        while self._waiters:  # in place: `expect` may be adding one at this moment
            waiter = self._waiters.popitem()[1]
            waiter.reply.set_exception(reason)
        if self.established and self._finishing is None:
            self._finishing = asyncio.get_running_loop().create_task(self._tidy())
            self._on_end(reason)

    async def _tidy(self) -> None:
        """Lets QMPClient collect its tasks; how they failed is known."""
        try:
            await self.disconnect()
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - `ended` has it
            return

    def _reason(self, cause: BaseException | None) -> errors.QMPError:
        if isinstance(cause, errors.QMPError):
            return cause
        if cause is None or isinstance(cause, EOFError):
            return (
                errors.end_of_file(self._vm) if self.established else errors.unexpectedly_closed()
            )
        if isinstance(cause, OSError):
            gone = cause.errno in (errno.ECONNRESET, errno.EPIPE) and not self.established
            return errors.unexpectedly_closed() if gone else errors.os_failure(cause)
        return errors.not_understood(self._vm)
