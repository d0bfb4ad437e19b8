# SPDX-License-Identifier: Apache-2.0
"""Networks, pools, interfaces and node devices of the in-memory hypervisor."""

from collections.abc import Callable
from typing import Any

from nova_pyvirt.core.refs import InterfaceRef, NetworkRef, NodeDeviceRef, StoragePoolRef
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test.document import Document
from nova_pyvirt.hypervisors.test.world import Thing, Things, World

#: capacity and allocation of every pool, bytes
POOL_CAPACITY = 107374182400


def _invalid(text: str) -> Exception:
    return error(Code.OPERATION_INVALID, text, domain=From.TEST)


def _pick(things: Things[Thing], flags: int, inactive: int, active: int) -> list[Thing]:
    asked = flags & (inactive | active)
    return [t for t in things.all() if not asked or asked & (active if t.active else inactive)]


class NetworkSlots:
    """Network calls."""

    world: World

    def _network(self, net: NetworkRef) -> Thing:
        return self.world.networks.by_uuid(net.uuid)

    def connect_list_all_networks(self, flags: int) -> list[NetworkRef]:
        with self.world.lock:
            return [_network_ref(t) for t in _pick(self.world.networks, flags, 1, 2)]

    def connect_num_of_networks(self) -> int:
        return len(self.connect_list_all_networks(2))

    def connect_list_networks(self) -> list[str]:
        return [ref.name for ref in self.connect_list_all_networks(2)]

    def connect_num_of_defined_networks(self) -> int:
        return len(self.connect_list_all_networks(1))

    def connect_list_defined_networks(self) -> list[str]:
        return [ref.name for ref in self.connect_list_all_networks(1)]

    def network_lookup_by_name(self, name: str) -> NetworkRef:
        with self.world.lock:
            return _network_ref(self.world.networks.get(name))

    def network_lookup_by_uuid(self, uuid: bytes) -> NetworkRef:
        with self.world.lock:
            return _network_ref(self.world.networks.by_uuid(uuid))

    def network_define_xml(self, xml: str) -> NetworkRef:
        with self.world.lock:
            return _network_ref(_define(self.world.networks, xml, "network", self._net_event))

    def network_create_xml(self, xml: str) -> NetworkRef:
        with self.world.lock:
            thing = _define(self.world.networks, xml, "network", None)
            thing.persistent, thing.active = False, True
            self._net_event(thing, 2)
            return _network_ref(thing)

    def _net_event(self, thing: Thing, event: int) -> None:
        self.world.events.emit("Network", 0, _network_ref(thing), event, 0)

    def network_create(self, net: NetworkRef) -> None:
        with self.world.lock:
            thing = self._network(net)
            if thing.active:
                raise _invalid(f"network '{thing.name}' is already active")
            thing.active = True
            self._net_event(thing, 2)

    def network_destroy(self, net: NetworkRef) -> None:
        with self.world.lock:
            thing = self._network(net)
            if not thing.active:
                raise _invalid(f"network '{thing.name}' is not active")
            thing.active = False
            self._net_event(thing, 3)
            if not thing.persistent:
                self.world.networks.drop(thing)

    def network_undefine(self, net: NetworkRef) -> None:
        with self.world.lock:
            thing = self._network(net)
            if thing.active:
                raise _invalid(f"Network '{thing.name}' is still running")
            self.world.networks.drop(thing)
            self._net_event(thing, 1)

    def network_get_xml_desc(self, net: NetworkRef, flags: int) -> str:
        with self.world.lock:
            return self._network(net).document.format()

    def network_get_bridge_name(self, net: NetworkRef) -> str:
        with self.world.lock:
            thing = self._network(net)
            bridge = thing.document.root.find("bridge")
        if bridge is None or not bridge.get("name"):
            text = f"network '{thing.name}' does not have a bridge name."
            raise error(Code.INTERNAL_ERROR, text, domain=From.TEST)
        return str(bridge.get("name"))

    def network_get_autostart(self, net: NetworkRef) -> int:
        with self.world.lock:
            return int(self._network(net).autostart)

    def network_set_autostart(self, net: NetworkRef, autostart: int) -> None:
        with self.world.lock:
            self._network(net).autostart = bool(autostart)

    def network_is_active(self, net: NetworkRef) -> int:
        with self.world.lock:
            return int(self._network(net).active)

    def network_is_persistent(self, net: NetworkRef) -> int:
        with self.world.lock:
            return int(self._network(net).persistent)

    def connect_network_event_register_any(self, net: Any, event_id: int, callback: Any) -> int:
        with self.world.lock:
            return self.world.events.add("Network", net, event_id, callback)

    def connect_network_event_deregister_any(self, number: int) -> None:
        with self.world.lock:
            self.world.events.remove(number)


def _network_ref(thing: Thing) -> NetworkRef:
    return NetworkRef(thing.name, thing.uuid)


def _define(
    things: Things[Thing], xml: str, kind: str, event: Callable[[Thing, int], None] | None
) -> Thing:
    thing = Thing(Document.parse(xml, kind))
    old = things.by_name.get(thing.name)
    if old is not None:
        old.document = thing.document
        return old
    things.add(thing)
    if event is not None:
        event(thing, 0)
    return thing


class PoolSlots:
    """Storage pool calls."""

    world: World

    def connect_list_all_storage_pools(self, flags: int) -> list[StoragePoolRef]:
        with self.world.lock:
            return [_pool_ref(t) for t in _pick(self.world.pools, flags, 1, 2)]

    def connect_num_of_storage_pools(self) -> int:
        return len(self.connect_list_all_storage_pools(2))

    def connect_list_storage_pools(self) -> list[str]:
        return [ref.name for ref in self.connect_list_all_storage_pools(2)]

    def storage_pool_lookup_by_name(self, name: str) -> StoragePoolRef:
        with self.world.lock:
            return _pool_ref(self.world.pools.get(name))

    def storage_pool_lookup_by_uuid(self, uuid: bytes) -> StoragePoolRef:
        with self.world.lock:
            return _pool_ref(self.world.pools.by_uuid(uuid))

    def storage_pool_get_xml_desc(self, pool: StoragePoolRef, flags: int) -> str:
        with self.world.lock:
            return self.world.pools.by_uuid(pool.uuid).document.format()

    def storage_pool_get_info(self, pool: StoragePoolRef) -> tuple[int, int, int, int]:
        with self.world.lock:
            thing = self.world.pools.by_uuid(pool.uuid)
            return (2 if thing.active else 0), POOL_CAPACITY, 0, POOL_CAPACITY

    def storage_pool_is_active(self, pool: StoragePoolRef) -> int:
        with self.world.lock:
            return int(self.world.pools.by_uuid(pool.uuid).active)

    def storage_pool_is_persistent(self, pool: StoragePoolRef) -> int:
        with self.world.lock:
            return int(self.world.pools.by_uuid(pool.uuid).persistent)

    def storage_pool_get_autostart(self, pool: StoragePoolRef) -> int:
        with self.world.lock:
            return int(self.world.pools.by_uuid(pool.uuid).autostart)

    def storage_pool_list_all_volumes(self, pool: StoragePoolRef, flags: int) -> list[Any]:
        with self.world.lock:
            self.world.pools.by_uuid(pool.uuid)
            return []


def _pool_ref(thing: Thing) -> StoragePoolRef:
    return StoragePoolRef(thing.name, thing.uuid)


class HostSlots:
    """Interfaces and node devices."""

    world: World

    def connect_list_all_interfaces(self, flags: int) -> list[InterfaceRef]:
        with self.world.lock:
            return [_interface_ref(t) for t in _pick(self.world.interfaces, flags, 1, 2)]

    def connect_list_interfaces(self) -> list[str]:
        return [ref.name for ref in self.connect_list_all_interfaces(2)]

    def connect_num_of_interfaces(self) -> int:
        return len(self.connect_list_all_interfaces(2))

    def interface_lookup_by_name(self, name: str) -> InterfaceRef:
        with self.world.lock:
            return _interface_ref(self.world.interfaces.get(name))

    def interface_get_xml_desc(self, iface: InterfaceRef, flags: int) -> str:
        with self.world.lock:
            return self.world.interfaces.get(iface.name).document.format()

    def interface_is_active(self, iface: InterfaceRef) -> int:
        with self.world.lock:
            return int(self.world.interfaces.get(iface.name).active)

    def connect_list_all_node_devices(self, flags: int) -> list[NodeDeviceRef]:
        with self.world.lock:
            return [NodeDeviceRef(t.name) for t in self.world.devices.all()]

    def node_num_of_devices(self, cap: str | None, flags: int) -> int:
        return len(self.node_list_devices(cap, flags))

    def node_list_devices(self, cap: str | None, flags: int) -> list[str]:
        with self.world.lock:
            return [t.name for t in self.world.devices.all() if cap in (None, "system")]

    def node_device_lookup_by_name(self, name: str) -> NodeDeviceRef:
        with self.world.lock:
            return NodeDeviceRef(self.world.devices.get(name).name)

    def node_device_get_xml_desc(self, dev: NodeDeviceRef, flags: int) -> str:
        with self.world.lock:
            return self.world.devices.get(dev.name).document.format()


def _interface_ref(thing: Thing) -> InterfaceRef:
    mac = thing.document.root.find("mac")
    return InterfaceRef(thing.name, "" if mac is None else mac.get("address", ""))
