# SPDX-License-Identifier: Apache-2.0
"""virStream."""

from collections.abc import Callable
from typing import Any, Final

from nova_pyvirt.core.stream import IN_HOLE, WOULD_BLOCK, Stream, StreamDriver
from nova_pyvirt.errors import Code, From, error, libvirtError, set_last_error
from nova_pyvirt.libvirt.errors import invalid_object, report
from nova_pyvirt.libvirt.events.streams import StreamWatch
from nova_pyvirt.libvirt.handle import Handle
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.util.native import offload

_STOP_AT_HOLE: Final = 1
#: bytes read or written at once by the ...All methods
BUFFER: Final = 262120


def _call(obj: Any, function: str, run: Callable[[StreamDriver], Any]) -> Any:
    """run(driver) of a stream that a call has opened, off the hub."""
    set_last_error(None)
    handle: Handle | None = obj._o
    try:
        if handle is None:
            raise invalid_object("virStream", function, From.STREAMS)
        driver = handle.ref.driver
        if driver is None:
            raise error(Code.NO_SUPPORT, function, domain=From.STREAMS)
        return offload(run, driver)
    except libvirtError as exc:
        report(exc, handle and handle.conn)
        raise


class virStream(Owned):
    """A stream of bytes to or from the host: a console, a volume's contents."""

    _kind = "virStream"
    cb: Any

    def __del__(self) -> None:
        handle = self.__dict__.get("_o")
        stream: Stream | None = None if handle is None else handle.ref
        watch = self.__dict__.get("_watch")
        if watch is not None:
            watch.end()
        if stream is not None and stream.driver is not None:
            driver, stream.driver = stream.driver, None
            try:
                driver.abort()
            except libvirtError:  # finished already, or its connection is gone
                pass
        super().__del__()

    def send(self, data: bytes) -> int:
        """virStreamSend (libvirt 0.7.2): bytes taken; -2: it would block."""
        given = data.encode() if isinstance(data, str) else bytes(memoryview(data))
        return int(_call(self, "virStreamSend", lambda d: d.send(given)))

    def recv(self, nbytes: int) -> Any:
        """virStreamRecv (libvirt 0.7.2): bytes, b"" at the end; -2: it would block."""
        return _call(self, "virStreamRecv", lambda d: d.recv(nbytes))

    def recvFlags(self, nbytes: int, flags: int = 0) -> Any:
        """virStreamRecvFlags (libvirt 3.4.0): bytes; -2: it would block; -3: a hole comes."""
        return _call(self, "virStreamRecvFlags", lambda d: d.recv(nbytes, flags))

    def sendHole(self, length: int, flags: int = 0) -> int:
        """virStreamSendHole (libvirt 3.4.0): leaves `length` bytes of the target empty."""
        _call(self, "virStreamSendHole", lambda d: d.send_hole(length, flags))
        return 0

    def recvHole(self, flags: int = 0) -> int:
        """virStreamRecvHole (libvirt 3.4.0): length of the hole at hand."""
        return int(_call(self, "virStreamRecvHole", lambda d: d.recv_hole(flags)))

    def finish(self) -> int:
        """virStreamFinish (libvirt 0.7.2): ends it when the other side has taken everything."""
        _call(self, "virStreamFinish", lambda d: d.finish())
        self._closed()
        return 0

    def abort(self) -> int:
        """virStreamAbort (libvirt 0.7.2): drops it."""
        handle = self._o
        if handle is not None and handle.ref.driver is None:
            set_last_error(None)
            return 0
        _call(self, "virStreamAbort", lambda d: d.abort())
        self._closed()
        return 0

    def _closed(self) -> None:
        if self._o is not None:
            self._o.ref.driver = None

    # --- events

    def eventAddCallback(self, events: int, cb: Callable[..., None], opaque: Any) -> None:
        """virStreamEventAddCallback (libvirt 0.7.2): cb(stream, events, opaque).

        :param events: VIR_STREAM_EVENT_*
        """
        self.cb = cb
        data = {"stream": self, "cb": cb, "opaque": opaque}

        def add(driver: StreamDriver) -> None:
            if self.__dict__.get("_watch") is not None:
                text = "multiple stream callbacks not supported"
                raise error(Code.INTERNAL_ERROR, text, domain=From.STREAMS)
            handle = self._o
            if handle is not None:
                self._watch = StreamWatch(handle.conn, self, data)
                driver.event_add_callback(events, self._watch.happened)

        _call(self, "virStreamEventAddCallback", add)

    def eventUpdateCallback(self, events: int) -> int:
        """virStreamEventUpdateCallback (libvirt 0.7.2)."""
        _call(self, "virStreamEventUpdateCallback", lambda d: d.event_update_callback(events))
        return 0

    def eventRemoveCallback(self) -> int:
        """virStreamEventRemoveCallback (libvirt 0.7.2)."""
        _call(self, "virStreamEventRemoveCallback", lambda d: d.event_remove_callback())
        watch = self.__dict__.pop("_watch", None)
        if watch is not None:
            watch.end()
        self.cb = None
        return 0

    def _dispatchStreamEventCallback(self, events: int, cbData: dict[str, Any]) -> int:
        cbData["cb"](self, events, cbData["opaque"])
        return 0

    # --- everything at once

    def recvAll(self, handler: Callable[..., Any], opaque: Any) -> None:
        """Reads to the end, handing each piece to handler(stream, data, opaque).

        :raises RuntimeError: the handler returned a negative number
        """
        while True:
            got = self.recv(BUFFER)
            if got == WOULD_BLOCK:
                raise libvirtError("cannot use recvAll with nonblocking stream")
            if not got:
                return
            self._handed("recvAll", handler, self, got, opaque)

    def sendAll(self, handler: Callable[..., Any], opaque: Any) -> None:
        """Sends what handler(stream, size, opaque) gives until it gives nothing."""
        while True:
            got = self._handed("sendAll", handler, self, BUFFER, opaque)
            if not got:
                return
            if self.send(got) == WOULD_BLOCK:
                raise libvirtError("cannot use sendAll with nonblocking stream")

    def _handed(self, name: str, handler: Callable[..., Any], *args: Any) -> Any:
        """What a handler returned; the stream is dropped when it fails in whatever way."""
        try:
            result = handler(*args)
            if isinstance(result, int) and result < 0:
                raise RuntimeError(f"{name} handler returned {result}")
        except BaseException:
            self._drop()
            raise
        return result

    def _drop(self) -> None:
        """Aborts it; what led here matters more than whether that works."""
        try:
            self.abort()
        except libvirtError:
            pass

    def sparseRecvAll(
        self, handler: Callable[..., Any], holeHandler: Callable[..., Any], opaque: Any
    ) -> None:
        """As recvAll; holes go to holeHandler(stream, length, opaque)."""
        while True:
            got = self.recvFlags(BUFFER, _STOP_AT_HOLE)
            if got == WOULD_BLOCK:
                raise libvirtError("cannot use sparseRecvAll with nonblocking stream")
            if got == IN_HOLE:
                length = self.recvHole()
                self._handed("holeHandler", holeHandler, self, length, opaque)
            elif got:
                self._handed("sparseRecvAll", handler, self, got, opaque)
            else:
                return

    def sparseSendAll(
        self,
        handler: Callable[..., Any],
        holeHandler: Callable[..., Any],
        skipHandler: Callable[..., Any],
        opaque: Any,
    ) -> None:
        """As sendAll; holeHandler(stream, opaque) says (in data?, length of the section).

        Holes are skipped in the source with skipHandler(stream, length, opaque).
        """
        while True:
            in_data, length = holeHandler(self, opaque)
            if not in_data and length > 0:
                self.sendHole(length)
                self._handed("skipHandler", skipHandler, self, length, opaque)
                continue
            want = min(BUFFER, length)
            got = self._handed("sparseSendAll", handler, self, want, opaque)
            if not got:
                return
            if self.send(got) == WOULD_BLOCK:
                raise libvirtError("cannot use sparseSendAll with nonblocking stream")
