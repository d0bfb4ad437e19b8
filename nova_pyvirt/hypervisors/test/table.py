# SPDX-License-Identifier: Apache-2.0
"""The driver table of the in-memory hypervisor (test:///default)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from nova_pyvirt.core.drivertable import DriverTable
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test import fixture, world
from nova_pyvirt.hypervisors.test.domains import DomainSlots
from nova_pyvirt.hypervisors.test.objects import HostSlots, NetworkSlots, PoolSlots
from nova_pyvirt.util.native import threading

#: event ids of domains
_LAST_DOMAIN_EVENT = 27
_users = 0
_guard = threading.Lock()


class TestTable(DomainSlots, NetworkSlots, PoolSlots, HostSlots, DriverTable):
    """One connection."""

    __test__ = False  # not a test case

    def __init__(self, uri: str, readonly: bool) -> None:
        global _users
        self.uri = uri
        self.readonly = readonly
        self._open = True
        with _guard:
            _users += 1
        self.world = world.shared()

    def close(self) -> None:
        """Ends the connection; the host is forgotten with the last one."""
        global _users
        with _guard:
            if not self._open:
                return
            self._open = False
            _users -= 1
            if not _users:
                world.forget()

    # --- the host

    def connect_get_type(self) -> str:
        return "TEST"

    def connect_get_version(self) -> int:
        return fixture.HV_VERSION

    def connect_get_lib_version(self) -> int:
        return fixture.LIB_VERSION

    def connect_get_hostname(self) -> str:
        return fixture.HOSTNAME

    def connect_get_max_vcpus(self, kind: str | None) -> int:
        return fixture.MAX_VCPUS

    def connect_get_capabilities(self) -> str:
        return fixture.capabilities()

    def connect_is_alive(self) -> int:
        return 1

    def connect_is_encrypted(self) -> int:
        return 0

    def connect_is_secure(self) -> int:
        return 1

    def connect_supports_feature(self, feature: int) -> int:
        return int(feature in (9, 16))

    def connect_register_close_callback(self, callback: Callable[[int], None]) -> None:
        """An in-memory host never goes away."""

    def connect_unregister_close_callback(self, *_callback: Any) -> None:
        """See register."""

    def node_get_info(self) -> tuple[str, int, int, int, int, int, int, int]:
        return fixture.NODE

    def node_get_cells_free_memory(self, start: int, count: int) -> list[int]:
        if not 0 <= start < len(fixture.CELLS):
            raise error(Code.INVALID_ARG, "Range exceeds available cells", domain=From.TEST)
        return [kib * 1024 for kib in fixture.CELLS[start : start + count]]

    def node_get_free_memory(self) -> int:
        return sum(fixture.CELLS) // 2

    def node_get_cpu_map(self, flags: int) -> tuple[int, bytes, int]:
        return 8, b"\x15", 3

    def node_get_security_model(self) -> tuple[str, str]:
        return "testSecurity", ""

    # --- events

    def connect_domain_event_register_any(self, dom: Any, event_id: int, callback: Any) -> int:
        if not 0 <= event_id <= _LAST_DOMAIN_EVENT:
            text = f"unsupported event ID {event_id}"
            raise error(Code.INVALID_ARG, text, domain=From.TEST)
        with self.world.lock:
            return self.world.events.add("Domain", dom, event_id, callback)

    def connect_domain_event_deregister_any(self, number: int) -> None:
        with self.world.lock:
            self.world.events.remove(number)


def open_table(uri: str, flags: int, auth: Any = None) -> TestTable:
    """What core.registry calls for ``test:///default``."""
    if urlsplit(uri).path != "/default":
        text = f"testOpen: supply a path or use test:///default ({uri})"
        raise error(Code.INVALID_ARG, text, domain=From.TEST)
    return TestTable(uri, bool(flags & 1))
