# SPDX-License-Identifier: Apache-2.0
"""Memory modules."""

from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.devices import memory
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args
from nova_pyvirt.hypervisors.qemu.hotplug.plug import Kind, Plug
from nova_pyvirt.model.domain import Domain


class MemoryKind(Kind):
    """See the module."""

    name = "memories"

    def check(self, plug: Plug) -> None:
        if plug.device.model == "sgx-epc":
            detail = "hotplug is not supported for sgx-epc device"
            raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
        definition = plug.vm.definition
        if len(definition.devices.memories) >= (definition.max_memory_slots or 0):
            detail = "no free memory device slot available"
            raise errors.error(Code.OPERATION_FAILED, detail)

    def options(self, plug: Plug) -> Args:
        return memory.memories(plug.guest(memories=[plug.device]))

    def insert(self, definition: Domain, device: Any) -> None:
        super().insert(definition, device)
        definition.memory += device.size
        definition.current_memory += device.size

    def drop(self, definition: Domain, device: Any) -> None:
        super().drop(definition, device)
        definition.memory -= device.size
        definition.current_memory = min(definition.current_memory, definition.memory)

    def missing(self, match: Any) -> str:
        return f"model '{match.model}' memory device not present in the domain configuration"

    def backends(self, device: Any) -> list[tuple[str, dict[str, Any]]]:
        return [("object-del", {"id": f"mem{device.alias}"})]
