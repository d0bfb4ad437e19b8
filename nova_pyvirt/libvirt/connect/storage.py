# SPDX-License-Identifier: Apache-2.0
"""Storage pools and volumes."""

from nova_pyvirt.libvirt.call import Int, Ref, Refs, Str, Strs, bind
from nova_pyvirt.libvirt.connect.base import Base
from nova_pyvirt.libvirt.lookup import by_uuid, uuid_of
from nova_pyvirt.libvirt.storagepool import virStoragePool
from nova_pyvirt.libvirt.storagevol import virStorageVol

_STORAGE_POOL_LOOKUP_BY_NAME: Ref = bind("virStoragePoolLookupByName")
_STORAGE_POOL_LOOKUP_BY_UUID: Ref = bind("virStoragePoolLookupByUUID")
_STORAGE_POOL_LOOKUP_BY_TARGET_PATH: Ref = bind("virStoragePoolLookupByTargetPath")
_CONNECT_NUM_OF_STORAGE_POOLS: Int = bind("virConnectNumOfStoragePools")
_CONNECT_NUM_OF_DEFINED_STORAGE_POOLS: Int = bind("virConnectNumOfDefinedStoragePools")
_CONNECT_LIST_STORAGE_POOLS: Strs = bind("virConnectListStoragePools")
_CONNECT_LIST_DEFINED_STORAGE_POOLS: Strs = bind("virConnectListDefinedStoragePools")
_CONNECT_LIST_ALL_STORAGE_POOLS: Refs = bind("virConnectListAllStoragePools")
_STORAGE_POOL_DEFINE_XML: Ref = bind("virStoragePoolDefineXML")
_STORAGE_POOL_CREATE_XML: Ref = bind("virStoragePoolCreateXML")
_CONNECT_FIND_STORAGE_POOL_SOURCES: Str = bind("virConnectFindStoragePoolSources")
_CONNECT_GET_STORAGE_POOL_CAPABILITIES: Str = bind("virConnectGetStoragePoolCapabilities")
_STORAGE_VOL_LOOKUP_BY_KEY: Ref = bind("virStorageVolLookupByKey")
_STORAGE_VOL_LOOKUP_BY_PATH: Ref = bind("virStorageVolLookupByPath")


class Storage(Base):
    """Methods of virConnect."""

    def storagePoolLookupByName(self, name: str) -> virStoragePool:
        """virStoragePoolLookupByName (libvirt 0.4.1; storage-pool:getattr)."""
        return virStoragePool(self, _STORAGE_POOL_LOOKUP_BY_NAME(self, name))

    def storagePoolLookupByUUID(self, uuid: bytes) -> virStoragePool:
        """virStoragePoolLookupByUUID (libvirt 0.4.1; storage-pool:getattr).

        :param uuid: sixteen bytes
        """
        return virStoragePool(
            self, _STORAGE_POOL_LOOKUP_BY_UUID(self, by_uuid(uuid, "virStoragePoolLookupByUUID"))
        )

    def storagePoolLookupByUUIDString(self, uuidstr: str) -> virStoragePool:
        """virStoragePoolLookupByUUIDString (libvirt 0.4.1; storage-pool:getattr)."""
        uuid = uuid_of(self, uuidstr, "virStoragePoolLookupByUUIDString")
        return virStoragePool(self, _STORAGE_POOL_LOOKUP_BY_UUID(self, uuid))

    def storagePoolLookupByTargetPath(self, path: str) -> virStoragePool:
        """virStoragePoolLookupByTargetPath (libvirt 4.1.0; storage-pool:getattr)."""
        return virStoragePool(self, _STORAGE_POOL_LOOKUP_BY_TARGET_PATH(self, path))

    def numOfStoragePools(self) -> int:
        """virConnectNumOfStoragePools (libvirt 0.4.1; connect:search-storage-pools)."""
        return _CONNECT_NUM_OF_STORAGE_POOLS(self)

    def numOfDefinedStoragePools(self) -> int:
        """virConnectNumOfDefinedStoragePools (libvirt 0.4.1; connect:search-storage-pools)."""
        return _CONNECT_NUM_OF_DEFINED_STORAGE_POOLS(self)

    def listStoragePools(self) -> list[str]:
        """virConnectListStoragePools (libvirt 0.4.1; connect:search-storage-pools)."""
        return _CONNECT_LIST_STORAGE_POOLS(self)

    def listDefinedStoragePools(self) -> list[str]:
        """virConnectListDefinedStoragePools (libvirt 0.4.1; connect:search-storage-pools)."""
        return _CONNECT_LIST_DEFINED_STORAGE_POOLS(self)

    def listAllStoragePools(self, flags: int = 0) -> list[virStoragePool]:
        """virConnectListAllStoragePools (libvirt 0.10.2; connect:search-storage-pools)."""
        return [virStoragePool(self, ref) for ref in _CONNECT_LIST_ALL_STORAGE_POOLS(self, flags)]

    def storagePoolDefineXML(self, xml: str, flags: int = 0) -> virStoragePool:
        """virStoragePoolDefineXML (libvirt 0.4.1; storage-pool:write, storage-pool:save)."""
        return virStoragePool(self, _STORAGE_POOL_DEFINE_XML(self, xml, flags))

    def storagePoolCreateXML(self, xmlDesc: str, flags: int = 0) -> virStoragePool:
        """virStoragePoolCreateXML (libvirt 0.4.1; storage-pool:start, storage-pool:write)."""
        return virStoragePool(self, _STORAGE_POOL_CREATE_XML(self, xmlDesc, flags))

    def findStoragePoolSources(self, type: str, srcSpec: str | None, flags: int = 0) -> str:
        """virConnectFindStoragePoolSources (libvirt 0.4.5; connect:detect-storage-pools)."""
        return _CONNECT_FIND_STORAGE_POOL_SOURCES(self, type, srcSpec, flags)

    def getStoragePoolCapabilities(self, flags: int = 0) -> str:
        """virConnectGetStoragePoolCapabilities (libvirt 5.2.0; connect:read)."""
        return _CONNECT_GET_STORAGE_POOL_CAPABILITIES(self, flags)

    def storageVolLookupByKey(self, key: str) -> virStorageVol:
        """virStorageVolLookupByKey (libvirt 0.4.1; storage-vol:getattr)."""
        return virStorageVol(self, _STORAGE_VOL_LOOKUP_BY_KEY(self, key))

    def storageVolLookupByPath(self, path: str) -> virStorageVol:
        """virStorageVolLookupByPath (libvirt 0.4.1; storage-vol:getattr)."""
        return virStorageVol(self, _STORAGE_VOL_LOOKUP_BY_PATH(self, path))
