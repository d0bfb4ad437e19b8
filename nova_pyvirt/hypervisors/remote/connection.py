# SPDX-License-Identifier: Apache-2.0
"""One open connection to a server: the handshake, procedure calls by shape, features."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from nova_pyvirt.core.registry import AuthSpec
from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.hypervisors.remote import transport
from nova_pyvirt.hypervisors.remote.auth import authenticate
from nova_pyvirt.hypervisors.remote.events import EventTable
from nova_pyvirt.hypervisors.remote.shapes import Shape, program, shape
from nova_pyvirt.hypervisors.remote.uri import RemoteURI
from nova_pyvirt.util.native import threading
from nova_pyvirt.wire import fds as fdpass
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.client import Client, ClientStream
from nova_pyvirt.wire.packet import Packet
from nova_pyvirt.wire.xdr import XDRError

LOG = logging.getLogger(__name__)

FEATURE_KEEPALIVE: Final = 10
FEATURE_EVENT_CALLBACK: Final = 14
RO: Final = 1
#: the server pings every 5 s and gives up after 5; so do we
KEEPALIVE: Final = (5.0, 5)


class Connection:
    """A session with a server, open until :meth:`close` or until it breaks."""

    def __init__(self, uri: RemoteURI, flags: int, auth: AuthSpec | None = None) -> None:
        self.uri = uri
        self.flags = flags
        self.events = EventTable()
        self.close_callback: Callable[[int], None] | None = None
        self._lock = threading.Lock()
        self._features: dict[int, bool] = {}
        sock = transport.connect(uri, bool(flags & RO))
        self.client = Client(sock, self._on_event, self._on_close)
        try:
            self._handshake(auth)
        except BaseException:
            self.client.close()
            raise

    def _handshake(self, auth: AuthSpec | None) -> None:
        authenticate(self.uri, auth, self.call)
        if self.call("connect_supports_feature", FEATURE_KEEPALIVE):
            self.client.start_keepalive(*KEEPALIVE)
        self.call("connect_open", self.uri.name or None, self.flags)
        if not self.uri.name:
            self.uri.name = self.call("connect_get_uri")
        self._features[FEATURE_EVENT_CALLBACK] = bool(
            self.call("connect_supports_feature", FEATURE_EVENT_CALLBACK)
        )

    # --- calls

    def call(self, name: str, *args: Any, **hidden: int) -> Any:
        """A procedure of the remote program; result as the driver table shows it."""
        number = program(protocol.REMOTE).by_name[name].number
        return self.call_shape(shape(protocol.REMOTE, number), args, **hidden)

    def call_shape(self, made: Shape, args: tuple[Any, ...], **hidden: int) -> Any:
        """A call by its shape."""
        return self._load(made, self.send(made, args, (), **hidden))

    def send(self, made: Shape, args: tuple[Any, ...], fds: Sequence[int], **hidden: int) -> Packet:
        """A call whose reply packet the caller reads himself."""
        payload = self._dump(made, args, hidden)
        return self.client.call(made.proc.program, made.proc.number, payload, fds)

    def open_stream(self, made: Shape, args: tuple[Any, ...]) -> tuple[Any, ClientStream]:
        """A call that opens a stream; result and stream."""
        payload = self._dump(made, args, {})
        reply, stream = self.client.open_stream(made.proc.program, made.proc.number, payload)
        return self._load(made, reply), stream

    @staticmethod
    def _dump(made: Shape, args: tuple[Any, ...], hidden: dict[str, int]) -> bytes:
        try:
            return made.dump_args(args, **hidden)
        except XDRError as exc:
            LOG.debug("%s: %s", made.slot, exc)
            text = "Unable to encode message payload"
            raise error(Code.RPC, text, domain=From.RPC) from exc

    @staticmethod
    def _load(made: Shape, reply: Packet) -> Any:
        try:
            return made.load_ret(reply.payload)
        except XDRError as exc:
            fdpass.close_all(reply.fds)
            text = f"Unable to decode message payload of {made.slot}"
            raise error(Code.RPC, text, domain=From.RPC) from exc

    def feature(self, number: int) -> bool:
        """Whether the server has a feature (VIR_DRV_FEATURE_*); asked once."""
        with self._lock:
            if number in self._features:
                return self._features[number]
        known = bool(self.call("connect_supports_feature", number))
        with self._lock:
            self._features[number] = known
        return known

    # --- the other direction

    def _on_event(self, packet: Packet) -> None:
        if packet.program == protocol.REMOTE and packet.proc == _CLOSED_EVENT:
            self._on_close(int.from_bytes(packet.payload[:4], "big"))
            return
        self.events.deliver(packet)

    def _on_close(self, reason: int) -> None:
        callback = self.close_callback
        if callback is not None:
            callback(reason)

    def close(self) -> None:
        """Says goodbye and ends the connection."""
        if not self.client.dead:
            try:
                self.call("connect_close")
            except libvirtError as exc:
                LOG.debug("closing: %s", exc)
        self.client.close()


_CLOSED_EVENT: Final = 362
