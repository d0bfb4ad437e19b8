# SPDX-License-Identifier: Apache-2.0
"""What a read-only connection may call: everything that no API row marks as readable is denied."""

from collections.abc import Callable
from typing import Any, Final

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

_SECURE: Final = 1
_MIGRATABLE: Final = 8
_VCPU_GUEST: Final = 8
_SOURCE_AGENT: Final = 1

#: procedures that are readable but for some arguments: (refused?, what the message adds)
CONDITIONS: Final[dict[str, tuple[Callable[[list[Any]], bool], str]]] = {
    "domain_get_xml_desc": (lambda a: bool(a[1] & (_SECURE | _MIGRATABLE)), " with secure flag"),
    "domain_checkpoint_get_xml_desc": (lambda a: bool(a[1] & _SECURE), " with secure flag"),
    "domain_managed_save_get_xml_desc": (lambda a: bool(a[1] & _SECURE), " with secure flag"),
    "domain_snapshot_get_xml_desc": (lambda a: bool(a[1] & _SECURE), " with secure flag"),
    "domain_get_vcpus_flags": (lambda a: bool(a[1] & _VCPU_GUEST), ""),
    "domain_interface_addresses": (lambda a: a[1] == _SOURCE_AGENT, ""),
}


def _public() -> dict[str, tuple[str, int]]:
    """C functions and their error domains by slot; of several for one slot the one that is called
    like it.
    """
    found: dict[str, tuple[str, int]] = {}
    for row in api.rows():
        key = _squash(row.slot)
        if key not in found or row.function.lower() == f"vir{key}":
            found[key] = row.function, int(From[row.origin])
    return found


_PUBLIC: Final = _public()


def public(slot: str) -> tuple[str, int]:
    """The public C function of a slot, as error messages name it, and its errors' domain."""
    found = _PUBLIC.get(_squash(slot))
    return found or ("vir" + "".join(word.capitalize() for word in slot.split("_")), 0)


def unsupported(slot: str) -> libvirtError:
    """NO_SUPPORT: the driver lacks the slot."""
    name, origin = public(slot)
    return error(Code.NO_SUPPORT, name, domain=From(origin))


def denied(slot: str, addition: str = "") -> libvirtError:
    """OPERATION_DENIED for a read-only connection."""
    name, origin = public(slot)
    detail = name + addition if addition else f"read only access prevents {name}"
    return error(Code.OPERATION_DENIED, detail, domain=From(origin))
