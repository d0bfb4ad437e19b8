# SPDX-License-Identifier: Apache-2.0
"""Families of events: how an event id reaches the Python callback."""

from typing import Final, NamedTuple


class Family(NamedTuple):
    """Events of one kind of object.

    :ivar name: as the RPC facts call it, e.g. ``Domain``
    :ivar attribute: where libvirt-python keeps the opaque values by callback id
    :ivar slot: the table has ``connect_{slot}_event_register_any`` and ``..._deregister_any``
    :ivar dispatchers: event id: the method of virConnect that calls the callback
    """

    name: str
    attribute: str
    slot: str
    dispatchers: tuple[str, ...]


def _methods(prefix: str, words: str) -> tuple[str, ...]:
    return tuple(f"_dispatch{prefix}Event{word}Callback" for word in words.split())


DOMAIN: Final = Family(
    "Domain",
    "domainEventCallbackID",
    "domain",
    _methods(
        "Domain",
        "Lifecycle Generic RTCChange Watchdog IOError Graphics IOErrorReason Generic BlockJob"
        " DiskChange TrayChange PMWakeup PMSuspend BalloonChange PMSuspendDisk DeviceRemoved"
        " BlockJob"
        " Tunable AgentLifecycle DeviceAdded MigrationIteration JobCompleted DeviceRemovalFailed"
        " MetadataChange BlockThreshold MemoryFailure MemoryDeviceSizeChange NICMACChange"
        " VcpuRemoved ChannelLifecycle",
    ),
)
NETWORK: Final = Family(
    "Network",
    "networkEventCallbackID",
    "network",
    _methods("Network", "Lifecycle MetadataChange"),
)
STORAGE_POOL: Final = Family(
    "StoragePool",
    "storagePoolEventCallbackID",
    "storage_pool",
    _methods("StoragePool", "Lifecycle Generic"),
)
NODE_DEVICE: Final = Family(
    "NodeDevice",
    "nodeDeviceEventCallbackID",
    "node_device",
    _methods("NodeDevice", "Lifecycle Generic"),
)
SECRET: Final = Family(
    "Secret", "secretEventCallbackID", "secret", _methods("Secret", "Lifecycle Generic")
)

FAMILIES: Final = {f.name: f for f in (DOMAIN, NETWORK, STORAGE_POOL, NODE_DEVICE, SECRET)}
