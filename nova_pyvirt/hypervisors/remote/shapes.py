# SPDX-License-Identifier: Apache-2.0
"""How a slot of the driver table and its remote procedure show the same call, in both directions.

Derived from the protocol's structs: arguments and results keep their order; what only serves C
buffers (counts, maxima) is hidden; objects are refs; typed parameters are dicts. The few calls
whose wire form differs otherwise are in :mod:`nova_pyvirt.hypervisors.remote.special`. The
client's table and the daemon's dispatch both read this.
"""

from collections.abc import Callable
from functools import cache
from itertools import islice
from typing import Any, Final

from nova_pyvirt.core.refs import (
    CheckpointRef,
    DomainRef,
    InterfaceRef,
    NetworkPortRef,
    NetworkRef,
    NodeDeviceRef,
    NWFilterBindingRef,
    NWFilterRef,
    SecretRef,
    SnapshotRef,
    StoragePoolRef,
    StorageVolRef,
)
from nova_pyvirt.hypervisors.remote import reflists
from nova_pyvirt.wire import protocol, typedparams
from nova_pyvirt.wire.idl import Procedure
from nova_pyvirt.wire.xdr import Adapter

TYPED_STRING_OKAY: Final = 4

#: argument members that only announce the size of the caller's buffer: what a client sends
HIDDEN: Final = {
    "nparams": 0,
    "need_results": 1,
    "maxnames": 16384,
    "maxids": 16384,
    "maxuuids": 16384,
    "maxStats": 64,
    "maxerrors": 256,
}
#: procedures where such a member is larger
LARGE: Final = {"node_list_devices": 65536, "node_device_list_caps": 65536}
#: members of results that only repeat the length of the list before them
COUNTS: Final = frozenset({"ret", "nparams", "nerrors"})
#: getters whose flags tell the server that string parameters are welcome
STRINGS: Final = frozenset(
    {
        "domain_get_memory_parameters",
        "domain_get_numa_parameters",
        "domain_get_blkio_parameters",
        "domain_get_scheduler_parameters_flags",
        "domain_block_stats_flags",
        "domain_get_interface_parameters",
        "domain_get_block_io_tune",
        "domain_get_cpu_stats",
        "node_get_memory_parameters",
        "node_get_sev_info",
    }
)
#: lists that the table may leave out: None is everything, or nothing
_LISTS: Final = frozenset({"doms", "mountpoints", "keys"})
_PARAMS: Final = frozenset({"remote_typed_param", "admin_typed_param"})
#: ``name`` stands for the node device itself, except in the lookups
_BY_NAME: Final = "node_device_lookup_by_name"


ADAPTERS: Final = {
    "remote_nonnull_domain": Adapter(DomainRef, tuple),
    "remote_nonnull_network": Adapter(NetworkRef, tuple),
    "remote_nonnull_network_port": Adapter(NetworkPortRef, tuple),
    "remote_nonnull_nwfilter": Adapter(NWFilterRef, tuple),
    "remote_nonnull_nwfilter_binding": Adapter(NWFilterBindingRef, tuple),
    "remote_nonnull_interface": Adapter(InterfaceRef, tuple),
    "remote_nonnull_storage_pool": Adapter(StoragePoolRef, tuple),
    "remote_nonnull_storage_vol": Adapter(StorageVolRef, tuple),
    "remote_nonnull_node_device": Adapter(NodeDeviceRef, lambda r: (r.name,)),
    "remote_nonnull_secret": Adapter(SecretRef, tuple),
    "remote_nonnull_domain_snapshot": Adapter(
        lambda name, dom: SnapshotRef(dom, name), lambda r: (r.name, r.dom)
    ),
    "remote_nonnull_domain_checkpoint": Adapter(
        lambda name, dom: CheckpointRef(dom, name), lambda r: (r.name, r.dom)
    ),
    "remote_domain_get_security_label_ret": Adapter(
        lambda label, enforcing: (text(label), enforcing), lambda r: (chars(r[0]), r[1])
    ),
}


@cache
def program(number: int) -> protocol.Program:
    """The program with refs and typed parameters in its values."""
    arrays = dict.fromkeys(_PARAMS, typedparams.CODEC)
    arrays["remote_nonnull_domain"] = reflists.CODEC
    arrays["remote_domain_stats_record"] = reflists.RECORDS
    return protocol.Program(number, ADAPTERS, arrays)


def text(raw: bytes) -> str:
    """An array of char up to its NUL."""
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")


def chars(value: str) -> bytes:
    """An array of char as libvirt sends it: with the NUL."""
    return value.encode() + b"\0"


def _same(value: Any) -> Any:
    return value


class Shape:
    """One procedure. The four methods convert whole argument lists and results.

    :ivar slot: the procedure's name, as the driver table spells it but for underscores
    :ivar counted: the result ends with the length of the list before it, which the table hides
    :ivar getter: the call asks for typed parameters in two steps: how many, then which
    """

    def __init__(self, proc: Procedure) -> None:
        self.proc = proc
        self.slot = proc.name
        codec = program(proc.program).codec
        self._members = codec.members(proc.args) if proc.args else ()
        #: the names of the arguments' members
        self.members = tuple(name for name, _ in self._members)
        self.counted = False
        self._results = self._result_members(codec)
        self.getter = any(name == "nparams" for name, _ in self._members)
        self.hidden = {n: LARGE.get(proc.name, HIDDEN[n]) for n, _ in self._members if n in HIDDEN}
        self._in = [(n, *self._argument(n)) for n, _ in self._members]
        self.flags_index = self._index("flags")

    def _index(self, member: str) -> int | None:
        names = [n for n, _ in self._members]
        return names.index(member) if member in names else None

    def _result_members(
        self, codec: Any
    ) -> list[tuple[str, Callable[..., Any], Callable[..., Any]]]:
        if not self.proc.ret or self.proc.event:
            return []
        members = codec.members(self.proc.ret)
        resolved = codec.resolve(members[0][1])
        self.counted = len(members) > 1 and members[-1][0] in COUNTS and resolved.bound is not None
        self.counted = self.counted and resolved.name != "string"
        if self.proc.ret in ADAPTERS or self.proc.name.startswith("auth_"):
            # converted already, as a whole; or bytes, not text
            return [(n, _same, _same) for n, _ in members]
        return [(n, *_result(t.name, t.bound, t.fixed)) for n, t in members]

    def _argument(self, name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Functions table→wire and wire→table."""
        if self.proc.name.startswith("auth_"):
            return _same, _same
        device = self.proc.name.startswith("node_device_") and name == "name"
        if device and self.proc.name != _BY_NAME:
            return (lambda ref: ref.name), NodeDeviceRef
        if name in _LISTS:
            return (lambda value: value or []), _same
        return _same, _same

    # --- the client's side

    def dump_args(self, args: tuple[Any, ...], **hidden: int) -> bytes:
        """The table's arguments as a payload; `hidden` overrides what hidden members send."""
        given = iter(args)
        values: list[Any] = []
        for name, dump, _ in self._in:
            if name in self.hidden:
                values.append(hidden.get(name, self.hidden[name]))
            else:
                values.append(dump(next(given)))
        if self.slot in STRINGS and self.flags_index is not None:
            values[self.flags_index] |= TYPED_STRING_OKAY
        return program(self.proc.program).encode(self.proc.args, tuple(values))

    def load_ret(self, payload: bytes) -> Any:
        """A reply's payload as the table's result."""
        values = program(self.proc.program).decode(self.proc.ret, payload)
        made = [load(value) for (_, load, _), value in zip(self._results, values, strict=True)]
        if self.counted:
            made.pop()
        if not made:
            return None
        return made[0] if len(made) == 1 else tuple(made)

    # --- the server's side

    def load_args(self, payload: bytes) -> tuple[list[Any], dict[str, int]]:
        """A call's payload as the table's arguments and the hidden members."""
        values = program(self.proc.program).decode(self.proc.args, payload)
        args: list[Any] = []
        hidden: dict[str, int] = {}
        for (name, _, load), value in zip(self._in, values, strict=True):
            if name in self.hidden:
                hidden[name] = value
            else:
                args.append(load(value))
        return args, hidden

    def dump_ret(self, result: Any, hidden: dict[str, int]) -> bytes:
        """The table's result as a reply's payload."""
        if self.proc.ret is None:
            return b""
        counted = self.counted
        shown = len(self._results) - counted
        values = [result] if shown == 1 else list(result)
        dumped = [dump(v) for (_, _, dump), v in zip(self._results, values, strict=False)]
        if self.getter:
            dumped = self._two_steps(dumped, hidden.get("nparams", 0), counted)
        elif counted:
            dumped.append(len(dumped[0]))
            if hidden.get("need_results", 1) == 0:
                dumped[0] = []
            elif "maxerrors" in hidden:  # 0 asks for the count
                dumped[0] = dumped[0][: hidden["maxerrors"]]
        elif hidden and isinstance(dumped[0], list):
            dumped[0] = dumped[0][: next(iter(hidden.values()))]
        return program(self.proc.program).encode(self.proc.ret, tuple(dumped))

    def _two_steps(self, dumped: list[Any], nparams: int, counted: bool) -> list[Any]:
        every = dumped[0]
        some = dict(islice(every.items(), nparams))
        if not counted:
            return [some]
        return [some, 0] if nparams else [{}, len(every)]


def _result(
    type_: str, bound: int | None, fixed: bool
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Functions wire→table and table→wire of a result's member."""
    if type_ in ("remote_node_get_cpu_stats", "remote_node_get_memory_stats"):
        return dict, lambda made: list(made.items())
    if type_ == "char" and bound is not None:
        if fixed:
            return text, lambda value: value.encode()[: bound - 1].ljust(bound, b"\0")
        return text, chars
    return _same, _same


@cache
def shape(program_: int, number: int) -> Shape:
    """The shape of one procedure (KeyError for a number that doesn't exist)."""
    return Shape(protocol.program(program_).procs[number])


def squash(slot: str) -> str:
    """The key under which slots and procedures meet: their spellings differ only in underscores."""
    return slot.replace("_", "")


#: slots of the qemu and lxc programs carry the program's name
_EXTRA: Final = {
    protocol.QEMU: {
        "domain_monitor_command": "domain_qemu_monitor_command",
        "domain_attach": "domain_qemu_attach",
        "domain_agent_command": "domain_qemu_agent_command",
        "domain_monitor_command_with_files": "domain_qemu_monitor_command_with_files",
        "connect_domain_monitor_event_register": "connect_domain_qemu_monitor_event_register",
        "connect_domain_monitor_event_deregister": "connect_domain_qemu_monitor_event_deregister",
    },
    protocol.LXC: {"domain_open_namespace": "domain_lxc_open_namespace"},
}


def slot_of(proc: Procedure) -> str:
    """The slot that answers a procedure."""
    return _EXTRA.get(proc.program, {}).get(proc.name, proc.name)
