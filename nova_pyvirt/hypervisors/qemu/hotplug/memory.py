# SPDX-License-Identifier: Apache-2.0
"""Memory modules."""

import shutil
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.security import dac
from nova_pyvirt.errors import Code, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu import identity
from nova_pyvirt.hypervisors.qemu.command.devices import memory
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args
from nova_pyvirt.hypervisors.qemu.host.facts import memory_directories
from nova_pyvirt.hypervisors.qemu.hotplug.plug import Kind, Plug
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os


def _unsupported(detail: str) -> libvirtError:
    return errors.error(Code.CONFIG_UNSUPPORTED, detail)


class MemoryKind(Kind):
    """See the module."""

    name = "memories"

    def check(self, plug: Plug) -> None:
        if plug.device.model == "sgx-epc":
            detail = "hotplug is not supported for sgx-epc device"
            raise errors.error(Code.OPERATION_UNSUPPORTED, detail)

    def check_alone(self, vm: DomainObj, device: Any) -> None:
        slots = vm.definition.max_memory_slots or 0
        count, where = len(vm.definition.devices.memories) + 1, device.address
        if where is not None and where.type == "dimm" and (where.slot or 0) >= slots:
            raise _unsupported(f"memory device slot '{where.slot}' exceeds slots count '{slots}'")
        if count > slots:
            raise _unsupported(f"memory device count '{count}' exceeds slots count '{slots}'")

    def added(self, alias: str) -> str:
        return f"mem{alias}"  # libvirt names what is behind it

    def plugged(self, plug: Plug) -> None:
        """Where in the guest's memory it is."""
        for row in plug.private.mon.command("query-memory-devices", kind="query"):
            data, where = row.get("data", {}), plug.device.address
            if data.get("id") == plug.device.alias and "addr" in data:
                if where is not None and where.type == "dimm":
                    where.base = int(data["addr"])

    def prepare(self, plug: Plug) -> None:
        """Directories for memory that is a file; they go with the run."""
        private, definition = plug.private, plug.vm.definition
        user = identity.of(definition, plug.state.settings)
        for path in memory_directories(plug.state, plug.whole, private.lib_dir):
            if os.path.isdir(path):
                continue
            private.undo.callback(shutil.rmtree, path, ignore_errors=True)
            try:
                os.makedirs(path, 0o750, exist_ok=True)
            except OSError as exc:
                raise system_error(exc.errno or 0, f"unable to create directory {path}") from exc
            if user is not None:
                dac.take(path, *user, holder=definition.uuid, remember=False)

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
