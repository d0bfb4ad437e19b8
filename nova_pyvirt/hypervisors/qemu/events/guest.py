# SPDX-License-Identifier: Apache-2.0
"""Events about the guest's memory and kernel, and about what it would not let go of."""

from typing import Any, Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import Detail, EventID, Life
from nova_pyvirt.hypervisors.qemu import status, unplug
from nova_pyvirt.hypervisors.qemu.block import qom
from nova_pyvirt.hypervisors.qemu.state import QemuState

#: QEMU's words -> virDomainMemoryFailureRecipientType, ...ActionType
_RECIPIENTS: Final = {"hypervisor": 0, "guest": 1}
_ACTIONS: Final = {"ignore": 0, "inject": 1, "fatal": 2, "reset": 3}
#: virDomainMemoryFailureFlags
_REQUIRED, _RECURSIVE = 1, 2


def on_crashloaded(state: QemuState, vm: DomainObj, _data: dict[str, Any], _when: float) -> None:
    """GUEST_CRASHLOADED: the guest's kernel has crashed, and its own crash kernel runs."""
    with vm.lock:
        state.bus.lifecycle(vm.ref, Life.CRASHED, Detail.CRASHED_CRASHLOADED)
    status.try_save(state, vm)


def on_memory_failure(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """MEMORY_FAILURE: the host's memory is broken where the guest has its own."""
    recipient = _RECIPIENTS.get(str(data.get("recipient")))
    action = _ACTIONS.get(str(data.get("action")))
    if recipient is None or action is None:
        return
    told = data.get("flags", {})
    flags = (_REQUIRED if told.get("action-required") else 0) | (
        _RECURSIVE if told.get("recursive") else 0
    )
    with vm.lock:
        state.bus.emit(vm.ref, EventID.MEMORY_FAILURE, recipient, action, flags)


def on_memory_size(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """MEMORY_DEVICE_SIZE_CHANGE: a virtio-mem device has grown or shrunk; bytes, our KiB."""
    alias, size = str(data.get("id", "")), int(data.get("size", 0))
    with vm.lock:
        for memory in vm.definition.devices.memories:
            if memory.alias == alias:
                memory.current = -(-size // 1024)
                state.bus.emit(vm.ref, EventID.MEMORY_DEVICE_SIZE_CHANGE, alias, size)
    status.try_save(state, vm)


def on_unplug_error(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """DEVICE_UNPLUG_GUEST_ERROR, MEM_UNPLUG_ERROR: the guest keeps the device."""
    alias = str(data.get("device") or "")
    if alias:
        unplug.tell(vm, alias, rejected=True)
        with vm.lock:
            state.bus.emit(vm.ref, EventID.DEVICE_REMOVAL_FAILED, alias)


def on_write_threshold(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """BLOCK_WRITE_THRESHOLD: an image has grown beyond what somebody wanted to know; bytes."""
    node = str(data.get("node-name") or "")
    threshold, excess = int(data["write-threshold"]), int(data["amount-exceeded"])
    with vm.lock:
        found = qom.of_node(vm.definition, node)
        if found is None:
            return
        disk, number, source = found
        path = (source.local_path if source is not None else None) or ""
        names = [f"{disk.target}[{number}]"]
        if disk.source is source and number not in vm.private.indexed_thresholds:
            names.insert(0, str(disk.target))
        for name in names:
            state.bus.emit(vm.ref, EventID.BLOCK_THRESHOLD, name, path, threshold, excess)
