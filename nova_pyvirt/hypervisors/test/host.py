# SPDX-License-Identifier: Apache-2.0
"""Host slots of the in-memory hypervisor."""

from collections.abc import Callable
from typing import Any, Final, cast

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.qemu.caps.connect import baseline_cpu, get_cpu_model_names
from nova_pyvirt.hypervisors.qemu.caps.view import HostView
from nova_pyvirt.hypervisors.test import fixture
from nova_pyvirt.hypervisors.test.slots import Base, bad_argument, slot

#: event ids of domains
_LAST_DOMAIN_EVENT: Final = 27
#: VIR_DRV_FEATURE_TYPED_PARAM_STRING, _NETWORK_UPDATE_HAS_CORRECT_ORDER
_FEATURES: Final = (9, 16)


class HostSlots(Base):
    """The connection and the host."""

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

    @slot("testConnectGetSysinfo")
    def connect_get_sysinfo(self, flags: int) -> str:
        return fixture.SYSINFO

    def connect_is_alive(self) -> int:
        return 1

    def connect_is_encrypted(self) -> int:
        return 0

    def connect_is_secure(self) -> int:
        return 1

    def connect_supports_feature(self, feature: int) -> int:
        return int(feature in _FEATURES)

    def connect_register_close_callback(self, callback: Callable[[int], None]) -> None:
        """An in-memory host never goes away."""

    def connect_unregister_close_callback(self, *_callback: Any) -> None:
        """See register."""

    def node_get_info(self) -> tuple[str, int, int, int, int, int, int, int]:
        node = self.world.node
        sizes = node.memory, node.cpus, node.mhz
        return node.model, *sizes, node.nodes, node.sockets, node.cores, node.threads

    def node_get_cells_free_memory(self, start: int, count: int) -> list[int]:
        """KiB, though the call's unit is bytes: as libvirt's test driver has it."""
        if not 0 <= start < len(fixture.CELLS):
            raise bad_argument("Range exceeds available cells")
        return list(fixture.CELLS[start : start + count])

    def node_get_free_memory(self) -> int:
        return sum(fixture.CELLS) // 2

    @slot("testNodeGetFreePages")
    def node_get_free_pages(
        self, pages: list[int], start: int, count: int, flags: int
    ) -> list[int]:
        made, number = [], 6
        for _ in range(count * len(pages)):
            number = number * 2 + 7
            made.append(number)
        return made

    @slot("testNodeGetCPUMap")
    def node_get_cpu_map(self, flags: int) -> tuple[int, bytes, int]:
        return 8, b"\x15", 3

    @slot("testNodeGetCPUStats")
    def node_get_cpu_stats(self, number: int, flags: int) -> dict[str, int]:
        return dict(fixture.CPU_STATS)

    def node_get_security_model(self) -> tuple[str, str]:
        return "testSecurity", ""

    @slot("testConnectGetCPUModelNames")
    def connect_get_cpu_model_names(self, arch: str, flags: int) -> list[str]:
        return get_cpu_model_names(arch, flags)

    @slot("testConnectBaselineCPU", 3)
    def connect_baseline_cpu(self, xmls: list[str], flags: int) -> str:
        return baseline_cpu(cast(HostView, None), xmls, flags)  # no host's CPU matters

    # --- events

    @slot()
    def connect_domain_event_register_any(self, dom: Any, event_id: int, callback: Any) -> int:
        if not 0 <= event_id <= _LAST_DOMAIN_EVENT:
            text = f"unsupported event ID {event_id}"
            raise error(Code.INVALID_ARG, text, domain=From.TEST)
        return self.world.events.add("Domain", dom, event_id, callback)

    @slot()
    def connect_domain_event_deregister_any(self, number: int) -> None:
        self.world.events.remove(number)
