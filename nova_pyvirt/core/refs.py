# SPDX-License-Identifier: Apache-2.0
"""References: how a call names an object (what libvirt's public vir*Ptr structs carry)."""

from typing import NamedTuple


class DomainRef(NamedTuple):
    """A domain; `id` is -1 when it isn't running."""

    name: str
    uuid: bytes
    id: int = -1


class NetworkRef(NamedTuple):
    name: str
    uuid: bytes


class NetworkPortRef(NamedTuple):
    net: NetworkRef
    uuid: bytes


class StoragePoolRef(NamedTuple):
    name: str
    uuid: bytes


class StorageVolRef(NamedTuple):
    """A volume: its pool's name, its own name, its key."""

    pool: str
    name: str
    key: str


class NodeDeviceRef(NamedTuple):
    name: str
    parent: str | None = None


class SecretRef(NamedTuple):
    """A secret; `usage_type` is virSecretUsageType."""

    uuid: bytes
    usage_type: int
    usage_id: str


class NWFilterRef(NamedTuple):
    name: str
    uuid: bytes


class NWFilterBindingRef(NamedTuple):
    port_dev: str
    filter_name: str


class InterfaceRef(NamedTuple):
    name: str
    mac: str


class SnapshotRef(NamedTuple):
    dom: DomainRef
    name: str


class CheckpointRef(NamedTuple):
    dom: DomainRef
    name: str
