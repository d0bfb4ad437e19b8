# SPDX-License-Identifier: Apache-2.0
"""From a call on the wire to a slot of the driver table and back.

Order of checks: known program and procedure, authenticated, connection open, read-only, then (the
arguments decoded) the public function's own checks, the access policy; only then the table is asked.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from nova_pyvirt.core.refs import (
    CheckpointRef,
    DomainRef,
    NetworkPortRef,
    NetworkRef,
    NWFilterRef,
    SecretRef,
    SnapshotRef,
    StoragePoolRef,
)
from nova_pyvirt.daemon.acl import Policy
from nova_pyvirt.daemon.checks import check
from nova_pyvirt.daemon.readable import READABLE, denied, unsupported
from nova_pyvirt.daemon.session import Session
from nova_pyvirt.daemon.subjects import subjects
from nova_pyvirt.errors import Code, From, Level, error, libvirtError
from nova_pyvirt.hypervisors.remote.shapes import (
    STRINGS,
    TYPED_STRING_OKAY,
    Shape,
    shape,
    slot_of,
    squash,
)
from nova_pyvirt.wire import fds as fdpass
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.idl import Procedure
from nova_pyvirt.wire.packet import Kind, Packet, Status, dump_error, pack
from nova_pyvirt.wire.xdr import XDRError

LOG = logging.getLogger(__name__)

#: what a handler returns: a payload, or payload and descriptors
Reply = bytes | tuple[bytes, Sequence[int]]
Handler = Callable[["Call"], Reply]
Opener = Callable[[str | None, int], Any]

HANDLERS: Final[dict[tuple[int, str], Handler]] = {}
#: procedures allowed before the client is authenticated / before the connection is open
BEFORE_AUTH: Final = frozenset(
    "auth_list auth_sasl_init auth_sasl_start auth_sasl_step auth_polkit".split()
)
BEFORE_OPEN: Final = BEFORE_AUTH | {"connect_open", "connect_supports_feature", "connect_close"}


def handles(name: str, program: int = protocol.REMOTE) -> Callable[[Handler], Handler]:
    """Registers the handler of a procedure that is more than a slot."""

    def register(handler: Handler) -> Handler:
        HANDLERS[program, name] = handler
        return handler

    return register


def rpc_error(text: str) -> libvirtError:
    """VIR_ERR_RPC from the RPC layer."""
    return error(Code.RPC, text, domain=From.RPC)


class State:
    """What a session keeps for the dispatcher: callbacks by family and id, slots already found."""

    def __init__(self) -> None:
        self.callbacks: dict[tuple[str, int], Any] = {}
        self.next_callback = 0
        self.slots: dict[str, Any] = {}
        self.close_callback = False
        self.login: Any = None
        self.attempts = 0


class Call:
    """One call being done."""

    __slots__ = ("after", "args", "hidden", "packet", "proc", "server", "session", "shape")

    def __init__(
        self, server: "Dispatcher", session: Session, packet: Packet, proc: Procedure, made: Shape
    ) -> None:
        self.server = server
        self.session = session
        self.packet = packet
        self.proc = proc
        self.shape = made
        self.args: list[Any] = []
        self.hidden: dict[str, int] = {}
        #: called when the reply is queued
        self.after: Callable[[], None] | None = None

    def load(self) -> None:
        """Decodes the arguments."""
        self.args, self.hidden = self.shape.load_args(self.packet.payload)

    def slot(self, name: str) -> Any:
        """The table's slot; raises NO_SUPPORT when the driver lacks it."""
        slots = self.session.state.slots
        key = squash(name)
        found = slots.get(key)
        if found is None:
            found = find_slot(self.session.table, name)
            if found is None:
                raise unsupported(name)
            slots[key] = found
        return found

    def reply(self, result: Any) -> bytes:
        """The table's result as payload."""
        return self.shape.dump_ret(result, self.hidden)


def find_slot(table: Any, name: str) -> Any:
    """A slot whatever its underscores; None when missing."""
    found = getattr(table, name, None)
    if found is not None:
        return found
    key = squash(name)
    for candidate in dir(table):
        if squash(candidate) == key:
            return getattr(table, candidate)
    return None


class Dispatcher:
    """All calls of all sessions.

    :param opener: opens a driver table for a URI (None: the default) and flags
    :param policy: who may do what
    :param programs: numbers of the programs served
    """

    def __init__(
        self,
        opener: Opener,
        policy: Policy,
        programs: Sequence[int] = (protocol.REMOTE, protocol.QEMU, protocol.LXC),
    ) -> None:
        self.opener = opener
        self.policy = policy
        self._procs = {
            (number, proc.number): proc
            for number in programs
            for proc in protocol.program(number).procs.values()
        }
        self._programs = frozenset(programs)

    def new_state(self, session: Session) -> State:
        """What the session carries for us."""
        return State()

    def is_high(self, packet: Packet) -> bool:
        """Whether the call never waits for a guest."""
        proc = self._procs.get((packet.program, packet.proc))
        return proc is None or (proc.high and proc.name != "auth_polkit")

    def is_quick(self, session: Session, packet: Packet) -> bool:
        """Whether the call is done sooner than it is handed to another thread: lists are not, who
        waits for the others' calls must not spend his time on them.
        """
        proc = self._procs.get((packet.program, packet.proc))
        return (
            proc is not None
            and self.policy.open
            and proc.name in getattr(session.table, "cheap", ())
            and not proc.name.startswith("connect_list_")
            and (packet.program, proc.name) not in HANDLERS
        )

    def call(self, session: Session, packet: Packet) -> None:
        """Does one call and sends its reply."""
        try:
            made, answer = self._answer(session, packet)
        except libvirtError as exc:
            self._fail(session, packet, exc)
            if session.condemned:
                session.drop(session.condemned)
            return
        except XDRError as exc:
            LOG.debug("client %d: %s", session.number, exc)
            self._fail(session, packet, rpc_error("Unable to decode message payload"))
            return
        except Exception:  # a bug fails this call only
            LOG.exception("procedure %#x/%d failed", packet.program, packet.proc)
            text = "the call failed inside the daemon (see its log)"
            self._fail(session, packet, error(Code.INTERNAL_ERROR, text, domain=From.RPC))
            return
        finally:
            fdpass.close_all(packet.fds)
        self._send(session, packet, answer)
        if made.after is not None:
            made.after()

    def _send(self, session: Session, packet: Packet, answer: Reply) -> None:
        payload, fds = answer if isinstance(answer, tuple) else (answer, ())
        kind = Kind.REPLY_WITH_FDS if fds else Kind.REPLY
        try:
            data = pack(
                packet.program, packet.proc, kind, packet.serial, Status.OK, payload, len(fds)
            )
        except XDRError as exc:
            self._fail(session, packet, rpc_error(str(exc)))
            return
        else:
            session.output.send(data, fds)
        finally:
            fdpass.close_all(fds)

    @staticmethod
    def _fail(session: Session, packet: Packet, exc: libvirtError) -> None:
        err = exc.err
        if err is None:
            code, level = int(Code.INTERNAL_ERROR), int(Level.ERROR)
            err = (code, 0, str(exc), level, None, None, None, -1, -1)
        payload = dump_error(err)
        program, proc = packet.program, packet.proc
        data = pack(program, proc, Kind.REPLY, packet.serial, Status.ERROR, payload)
        session.output.send(data)

    def _answer(self, session: Session, packet: Packet) -> tuple[Call, Reply]:
        proc = self._lookup(packet)
        self._allowed(session, proc)
        call = Call(self, session, packet, proc, shape(packet.program, packet.proc))
        call.load()
        nparams = call.hidden.get("nparams", 1)
        check(session, packet.program, packet.proc, call.args, nparams)
        if not self.policy.open:
            call.args = [true_ref(call, arg) for arg in call.args]
            about = []
            if self.policy.might(session.peer, proc):  # else nothing is read for him
                about = subjects(proc.name, call.args, call.slot)
            self.policy.check(session.peer, proc, call.args, about)
        own = HANDLERS.get((packet.program, proc.name))
        if own is not None:
            return call, own(call)
        return call, plain(call)

    def _lookup(self, packet: Packet) -> Procedure:
        if packet.program not in self._programs:
            text = f"Cannot find program {packet.program} version {packet.version}"
            raise rpc_error(text)
        if packet.version != protocol.VERSION:
            text = f"Cannot find program {packet.program} version {packet.version}"
            raise rpc_error(text)
        proc = self._procs.get((packet.program, packet.proc))
        if proc is None or proc.event:
            raise rpc_error(f"unknown procedure: {packet.proc}")
        return proc

    @staticmethod
    def _allowed(session: Session, proc: Procedure) -> None:
        remote = proc.program in (protocol.REMOTE, protocol.ADMIN)
        if not session.authenticated and not (remote and proc.name in BEFORE_AUTH):
            raise rpc_error("authentication required")
        if session.table is None and not (remote and proc.name in BEFORE_OPEN):
            raise error(Code.INTERNAL_ERROR, "connection not open", domain=From.RPC)
        if session.readonly and not (remote and proc.name in READABLE):
            raise denied(slot_of(proc))

    def closed(self, session: Session) -> None:
        """The client is gone: drops what it had."""
        table, session.table = session.table, None
        if table is None:
            return
        from nova_pyvirt.daemon.events import deregister_all

        deregister_all(session, table)
        try:
            table.close()
        except libvirtError as exc:
            LOG.warning("closing client %d: %s", session.number, exc)


#: objects that drivers find by uuid: the client's word for the name is not taken
_BY_UUID: Final[dict[type, str]] = {
    DomainRef: "domain_lookup_by_uuid",
    NetworkRef: "network_lookup_by_uuid",
    StoragePoolRef: "storage_pool_lookup_by_uuid",
    SecretRef: "secret_lookup_by_uuid",
    NWFilterRef: "nwfilter_lookup_by_uuid",
}


def true_ref(call: Call, arg: Any) -> Any:
    """A ref with the name that the object really has, so that rules by name hold."""
    if isinstance(arg, SnapshotRef | CheckpointRef):
        return arg._replace(dom=true_ref(call, arg.dom))
    if isinstance(arg, NetworkPortRef):
        return arg._replace(net=true_ref(call, arg.net))
    name = _BY_UUID.get(type(arg))
    slot = find_slot(call.session.table, name) if name else None
    if slot is None:
        return arg
    try:
        return slot(arg.uuid)
    except libvirtError as exc:
        LOG.debug("%s: %s", call.proc.name, exc)
        return arg  # there is none: the driver will say so


def plain(call: Call) -> bytes:
    """A procedure that is just a slot."""
    name = slot_of(call.proc)
    slot = call.slot(name)
    strings = True
    if name in STRINGS:
        index = len(call.args) - 1
        strings = bool(call.args[index] & TYPED_STRING_OKAY)
        call.args[index] &= ~TYPED_STRING_OKAY
    result = slot(*call.args)
    if not strings:
        result = {k: v for k, v in result.items() if not isinstance(v, str)}
    policy = call.server.policy
    if not policy.open:
        result = _visible(call, policy, result)
    return call.reply(result)


#: counts and id lists of objects: (list-all slot, its flags)
_ALL: Final = {
    "connect_num_of_domains": ("connect_list_all_domains", 1),
    "connect_list_domains": ("connect_list_all_domains", 1),
    "connect_num_of_defined_domains": ("connect_list_all_domains", 2),
    "connect_num_of_networks": ("connect_list_all_networks", 2),
    "connect_num_of_defined_networks": ("connect_list_all_networks", 1),
    "connect_num_of_storage_pools": ("connect_list_all_storage_pools", 2),
    "connect_num_of_defined_storage_pools": ("connect_list_all_storage_pools", 1),
    "connect_num_of_interfaces": ("connect_list_all_interfaces", 2),
    "connect_num_of_defined_interfaces": ("connect_list_all_interfaces", 1),
    "connect_num_of_secrets": ("connect_list_all_secrets", 0),
    "connect_num_of_nwfilters": ("connect_list_all_nwfilters", 0),
}


def _visible(call: Call, policy: Policy, result: Any) -> Any:
    """The result as this client may see it."""
    every = _ALL.get(call.proc.name)
    if every is None:
        return policy.filter(call.session.peer, call.proc, result)
    seen = policy.filter(call.session.peer, call.proc, call.slot(every[0])(every[1]))
    return [ref.id for ref in seen] if call.proc.name == "connect_list_domains" else len(seen)
