# SPDX-License-Identifier: Apache-2.0
"""What a read-only connection may call: everything that no API row marks as readable is denied."""

from typing import Final

from nova_pyvirt import api
from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.wire import protocol

#: the connection's own procedures, which are no calls of the public API, and one call that
#: libvirt-python has under another function's name
_CONNECTION: Final = frozenset(
    "auth_list auth_polkit auth_sasl_init auth_sasl_start auth_sasl_step connect_open connect_close"
    " connect_get_uri connect_supports_feature connect_set_identity"
    " connect_register_close_callback connect_unregister_close_callback"
    " connect_list_domains".split()
)
_NUMBERS: Final = {"remote": protocol.REMOTE, "qemu": protocol.QEMU, "lxc": protocol.LXC}


def _squash(name: str) -> str:
    return name.replace("_", "")


def _readable() -> frozenset[str]:
    """Names of the remote program's procedures that rows allow.

    A procedure that serves several functions counts as its own function's, else as the strictest.
    """
    by_proc: dict[str, list[api.Row]] = {}
    procs = protocol.program(protocol.REMOTE).procs
    names = {p.name for p in procs.values() if not p.event}
    for row in api.rows():
        for program, number in row.procs:
            if _NUMBERS[program] == protocol.REMOTE:
                by_proc.setdefault(procs[number].name, []).append(row)
        if row.slot in names:  # a row needs no number when slot and procedure are called the same
            by_proc.setdefault(row.slot, []).append(row)
    found = set(_CONNECTION)
    for name, rows in by_proc.items():
        own = [r for r in rows if _squash(r.slot) == _squash(name)] or rows
        if all(r.readonly for r in own):
            found.add(name)
    return frozenset(found)


READABLE: Final = _readable()


def _public() -> dict[str, api.Row]:
    """Rows by slot; of several for one slot the one whose function is called like it."""
    found: dict[str, api.Row] = {}
    for row in api.rows():
        key = _squash(row.slot)
        if key not in found or row.function.lower() == f"vir{key}":
            found[key] = row
    return found


_PUBLIC: Final = _public()


def public(slot: str) -> api.Row | None:
    """The public function of a slot; None for those that only the protocol has."""
    return _PUBLIC.get(_squash(slot))


def _named(slot: str) -> tuple[str, From]:
    """A slot's public function, as error messages name it, and its errors' domain."""
    row = public(slot)
    if row is not None:
        return row.function, From[row.origin]
    return "vir" + "".join(word.capitalize() for word in slot.split("_")), From.NONE


def unsupported(slot: str) -> libvirtError:
    """NO_SUPPORT: the driver lacks the slot."""
    name, origin = _named(slot)
    return error(Code.NO_SUPPORT, name, domain=origin)


def denied(slot: str) -> libvirtError:
    """OPERATION_DENIED for a read-only connection."""
    name, origin = _named(slot)
    return error(Code.OPERATION_DENIED, f"read only access prevents {name}", domain=origin)
