# SPDX-License-Identifier: Apache-2.0
"""The driver table: what a hypervisor offers to the public API (libvirt's virHypervisorDriver and
its neighbours, all on one object for each connection).

A slot is a method named as libvirt's driver field in snake_case (``domainCreateWithFlags``:
``domain_create_with_flags``). Its arguments are those of the public C function without the
connection, counts and buffers: refs, numbers, strings, bytes (CPU maps, UUIDs, secrets), dicts of
typed parameters, lists. It returns refs, lists of refs, or C's out-arguments in C's order (a value,
a tuple, a list, a dict), None or 0 for mere success, and raises libvirtError. A slot that a driver
doesn't have is an attribute that its class doesn't have. :mod:`nova_pyvirt.api` has a row for each.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Final

#: slots of in-process drivers that neither wait nor do I/O: they may run where blocking may not
CHEAP: Final = frozenset(
    "connect_get_lib_version connect_get_type connect_is_alive connect_is_encrypted"
    " connect_is_secure connect_list_all_domains"
    " connect_list_defined_domains connect_list_domains connect_num_of_defined_domains"
    " connect_num_of_domains connect_supports_feature domain_get_autostart domain_get_info"
    " domain_get_state domain_is_active domain_is_persistent domain_is_updated domain_lookup_by_id"
    " domain_lookup_by_name domain_lookup_by_uuid".split()
)


class DriverTable:
    """Base of in-process drivers.

    :ivar uri: the URI that was opened
    :ivar readonly: opened with VIR_CONNECT_RO
    :cvar cheap: names of slots that never wait
    """

    cheap: ClassVar[frozenset[str]] = CHEAP
    uri: str
    readonly: bool

    def connect_set_keep_alive(self, interval: int, count: int) -> int:
        """Nothing is between the caller and an in-process driver: there is nothing to probe."""
        return 0

    def reload(self) -> None:
        """The daemon was told to read its surroundings again (SIGHUP)."""

    def close(self) -> None:
        """Ends the connection; what it owns (autodestroy, callbacks) goes."""


def squash(slot: str) -> str:
    """Spellings of a slot differ only in underscores."""
    return slot.replace("_", "")


def find_slot(table: Any, name: str) -> Callable[..., Any] | None:
    """A slot whatever its underscores; None when the driver lacks it."""
    found: Callable[..., Any] | None = getattr(table, name, None)
    if found is not None:
        return found
    wanted = squash(name)
    for candidate in dir(type(table)):
        if squash(candidate) == wanted:
            found = getattr(table, candidate)
            return found
    return None
