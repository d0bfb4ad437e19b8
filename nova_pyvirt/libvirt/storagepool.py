# SPDX-License-Identifier: Apache-2.0
"""virStoragePool."""

from typing import Any

from nova_pyvirt.libvirt import uuids
from nova_pyvirt.libvirt.call import Int, List, Ref, Refs, Str, Strs, as_list, bind
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.libvirt.refs import ref_of
from nova_pyvirt.libvirt.storagevol import virStorageVol

_STORAGE_POOL_GET_INFO: List = bind("virStoragePoolGetInfo", as_list)
_STORAGE_POOL_GET_XML_DESC: Str = bind("virStoragePoolGetXMLDesc")
_STORAGE_POOL_CREATE: Int = bind("virStoragePoolCreate")
_STORAGE_POOL_BUILD: Int = bind("virStoragePoolBuild")
_STORAGE_POOL_REFRESH: Int = bind("virStoragePoolRefresh")
_STORAGE_POOL_DESTROY: Int = bind("virStoragePoolDestroy")
_STORAGE_POOL_DELETE: Int = bind("virStoragePoolDelete")
_STORAGE_POOL_UNDEFINE: Int = bind("virStoragePoolUndefine")
_STORAGE_POOL_GET_AUTOSTART: Int = bind("virStoragePoolGetAutostart")
_STORAGE_POOL_SET_AUTOSTART: Int = bind("virStoragePoolSetAutostart")
_STORAGE_POOL_IS_ACTIVE: Int = bind("virStoragePoolIsActive")
_STORAGE_POOL_IS_PERSISTENT: Int = bind("virStoragePoolIsPersistent")
_STORAGE_POOL_NUM_OF_VOLUMES: Int = bind("virStoragePoolNumOfVolumes")
_STORAGE_POOL_LIST_VOLUMES: Strs = bind("virStoragePoolListVolumes")
_STORAGE_POOL_LIST_ALL_VOLUMES: Refs = bind("virStoragePoolListAllVolumes")
_STORAGE_VOL_LOOKUP_BY_NAME: Ref = bind("virStorageVolLookupByName")
_STORAGE_VOL_CREATE_XML: Ref = bind("virStorageVolCreateXML")
_STORAGE_VOL_CREATE_XML_FROM: Ref = bind("virStorageVolCreateXMLFrom")


class virStoragePool(Owned):
    """A storage pool."""

    _kind = "virStoragePool"

    def name(self) -> str:
        """As the object was made."""
        value: str = ref_of(self, "virStoragePoolGetName").name
        return value

    def UUID(self) -> bytes:
        """Sixteen bytes."""
        value: bytes = ref_of(self, "virStoragePoolGetUUID").uuid
        return value

    def UUIDString(self) -> str:
        """The UUID with dashes."""
        value: str = uuids.show(ref_of(self, "virStoragePoolGetUUIDString").uuid)
        return value

    def info(self) -> list[Any]:
        """virStoragePoolGetInfo (libvirt 0.4.1; storage-pool:read)."""
        return _STORAGE_POOL_GET_INFO(self)

    def XMLDesc(self, flags: int = 0) -> str:
        """virStoragePoolGetXMLDesc (libvirt 0.4.1; storage-pool:read)."""
        return _STORAGE_POOL_GET_XML_DESC(self, flags)

    def create(self, flags: int = 0) -> int:
        """virStoragePoolCreate (libvirt 0.4.1; storage-pool:start)."""
        return _STORAGE_POOL_CREATE(self, flags)

    def build(self, flags: int = 0) -> int:
        """virStoragePoolBuild (libvirt 0.4.1; storage-pool:format)."""
        return _STORAGE_POOL_BUILD(self, flags)

    def refresh(self, flags: int = 0) -> int:
        """virStoragePoolRefresh (libvirt 0.4.1; storage-pool:refresh)."""
        return _STORAGE_POOL_REFRESH(self, flags)

    def destroy(self) -> int:
        """virStoragePoolDestroy (libvirt 0.4.1; storage-pool:stop)."""
        return _STORAGE_POOL_DESTROY(self)

    def delete(self, flags: int = 0) -> int:
        """virStoragePoolDelete (libvirt 0.4.1; storage-pool:format)."""
        return _STORAGE_POOL_DELETE(self, flags)

    def undefine(self) -> int:
        """virStoragePoolUndefine (libvirt 0.4.1; storage-pool:delete)."""
        return _STORAGE_POOL_UNDEFINE(self)

    def autostart(self) -> int:
        """virStoragePoolGetAutostart (libvirt 0.4.1; storage-pool:read)."""
        return _STORAGE_POOL_GET_AUTOSTART(self)

    def setAutostart(self, autostart: int) -> int:
        """virStoragePoolSetAutostart (libvirt 0.4.1; storage-pool:write)."""
        return _STORAGE_POOL_SET_AUTOSTART(self, autostart)

    def isActive(self) -> int:
        """virStoragePoolIsActive (libvirt 0.7.3; storage-pool:read)."""
        return _STORAGE_POOL_IS_ACTIVE(self)

    def isPersistent(self) -> int:
        """virStoragePoolIsPersistent (libvirt 0.7.3; storage-pool:read)."""
        return _STORAGE_POOL_IS_PERSISTENT(self)

    def numOfVolumes(self) -> int:
        """virStoragePoolNumOfVolumes (libvirt 0.4.1; storage-pool:search-storage-vols)."""
        return _STORAGE_POOL_NUM_OF_VOLUMES(self)

    def listVolumes(self) -> list[str]:
        """virStoragePoolListVolumes (libvirt 0.4.1; storage-pool:search-storage-vols)."""
        return _STORAGE_POOL_LIST_VOLUMES(self)

    def listAllVolumes(self, flags: int = 0) -> list[virStorageVol]:
        """virStoragePoolListAllVolumes (libvirt 0.10.2; storage-pool:search-storage-vols)."""
        return [
            virStorageVol(self.connect(), ref)
            for ref in _STORAGE_POOL_LIST_ALL_VOLUMES(self, flags)
        ]

    def storageVolLookupByName(self, name: str) -> virStorageVol:
        """virStorageVolLookupByName (libvirt 0.4.1; storage-vol:getattr)."""
        return virStorageVol(self.connect(), _STORAGE_VOL_LOOKUP_BY_NAME(self, name))

    def createXML(self, xmlDesc: str, flags: int = 0) -> virStorageVol:
        """virStorageVolCreateXML (libvirt 0.4.1; storage-vol:create)."""
        return virStorageVol(self.connect(), _STORAGE_VOL_CREATE_XML(self, xmlDesc, flags))

    def createXMLFrom(self, xmlDesc: str, clonevol: Any, flags: int = 0) -> virStorageVol:
        """virStorageVolCreateXMLFrom (libvirt 0.6.4; storage-vol:create)."""
        return virStorageVol(
            self.connect(), _STORAGE_VOL_CREATE_XML_FROM(self, xmlDesc, clonevol, flags)
        )
