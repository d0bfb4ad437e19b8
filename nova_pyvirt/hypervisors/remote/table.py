# SPDX-License-Identifier: Apache-2.0
"""The driver table of a remote connection: every procedure of the protocol is a slot."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

from nova_pyvirt.core.registry import AuthSpec
from nova_pyvirt.hypervisors.remote import special
from nova_pyvirt.hypervisors.remote.connection import RO, Connection
from nova_pyvirt.hypervisors.remote.shapes import Shape, program, shape, slot_of, squash
from nova_pyvirt.hypervisors.remote.uri import parse
from nova_pyvirt.wire import protocol

#: procedures that are the connection's own business
_NO_SLOT: Final = ("auth_", "connect_open", "connect_close", "connect_get_uri")


@cache
def _special() -> dict[str, Callable[..., Any]]:
    return {squash(n): f for n, f in vars(special).items() if callable(f) and n[0] != "_"}


@cache
def _shapes() -> dict[str, Shape]:
    """Shapes by slot."""
    found = {}
    for number in (protocol.REMOTE, protocol.QEMU, protocol.LXC):
        for proc in program(number).procs.values():
            if not proc.event and not proc.name.startswith(_NO_SLOT):
                found[squash(slot_of(proc))] = shape(number, proc.number)
    return found


def _plain(conn: Connection, made: Shape, *args: Any) -> Any:
    return conn.call_shape(made, args)


def _getter(conn: Connection, made: Shape, *args: Any) -> Any:
    """Typed parameters: ask how many, then for them."""
    count = _count(conn, made, args)
    return conn.call_shape(made, args, nparams=count) if count else {}


def _count(conn: Connection, made: Shape, args: tuple[Any, ...]) -> int:
    reply = conn.send(made, args, (), nparams=0)
    value = program(made.proc.program).decode(made.proc.ret, reply.payload)
    return int(value[-1])


class RemoteTable:
    """A connection to a server; slots are made when first asked for."""

    def __init__(self, uri: str, flags: int = 0, auth: AuthSpec | None = None) -> None:
        parsed = parse(uri)
        named = bool(parsed.name)
        self.conn = Connection(parsed, flags, auth)
        self.readonly = bool(flags & RO)
        #: as given; what the server opened when the URI leaves the choice to it
        self.uri = uri if named else self.conn.uri.name

    def __getattr__(self, slot: str) -> Any:
        if slot.startswith("_"):
            raise AttributeError(slot)
        key = squash(slot)
        own = _special().get(key)
        made = _shapes().get(key)
        if own is not None:
            call: Any = partial(own, self.conn)
        elif made is not None:
            call = partial(_getter if made.getter else _plain, self.conn, made)
        else:
            raise AttributeError(slot)
        setattr(self, slot, call)
        return call

    def close(self) -> None:
        """Ends the connection."""
        self.conn.close()


def open_table(uri: str, flags: int, auth: AuthSpec | None = None) -> RemoteTable:
    """What core.registry calls for a remote URI."""
    return RemoteTable(uri, flags, auth)
