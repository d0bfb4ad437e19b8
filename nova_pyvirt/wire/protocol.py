# SPDX-License-Identifier: Apache-2.0
"""The programs of libvirt's RPC: numbers, procedures, codecs.

Facts: libvirt's remote_protocol.x, qemu_protocol.x, lxc_protocol.x, admin_protocol.x,
virnetprotocol.x, virkeepaliveprotocol.x.
"""

from functools import cache
from typing import Any, Final, NamedTuple

from nova_pyvirt.wire import idl
from nova_pyvirt.wire.data import admin, lxc, qemu, remote
from nova_pyvirt.wire.xdr import Adapter, ArrayCodec, Codec

REMOTE: Final = 0x20008086
QEMU: Final = 0x20008087
LXC: Final = 0x00068000
ADMIN: Final = 0x06900690
KEEPALIVE: Final = 0x6B656570

VERSION: Final = 1
PING: Final = 1
PONG: Final = 2

_TABLES: Final = {REMOTE: remote, QEMU: qemu, LXC: lxc, ADMIN: admin}


class Program:
    """One program: its procedures by number and by name, and its codec."""

    def __init__(
        self,
        number: int,
        adapters: dict[str, Adapter] | None = None,
        arrays: dict[str, ArrayCodec] | None = None,
    ) -> None:
        table = _TABLES[number]
        types = idl.parse_types(remote.TYPES)
        if table is not remote:
            types.update(idl.parse_types(table.TYPES))
        self.number = number
        self.procs = {p.number: p for p in idl.parse_procs(table.PROCS, number)}
        self.by_name = {p.name: p for p in self.procs.values()}
        self.codec = Codec(types, adapters, arrays)

    def encode(self, type_: str | None, value: Any) -> bytes:
        """A payload; a procedure without arguments or reply has an empty one."""
        return b"" if type_ is None else self.codec.encode(type_, value)

    def decode(self, type_: str | None, payload: bytes) -> Any:
        """The value of a payload; ``()`` for none. Raises XDRError."""
        return () if type_ is None else self.codec.decode(type_, payload)


class Event(NamedTuple):
    """One kind of event.

    :param family: Domain, Network, StoragePool, NodeDevice or Secret
    :param legacy: the message of clients that don't know callback ids, 0 for none
    :param callback: the message that begins with the callback id
    """

    family: str
    id: int
    legacy: int
    callback: int


@cache
def program(number: int) -> Program:
    """The program with plain codecs (structs as tuples)."""
    return Program(number)


@cache
def events() -> tuple[Event, ...]:
    """All kinds of events of the remote program."""
    rows = [line.split() for line in remote.EVENTS.splitlines()]
    return tuple(Event(f, int(i), int(legacy), int(cb)) for f, i, legacy, cb in rows)
