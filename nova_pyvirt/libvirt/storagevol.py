# SPDX-License-Identifier: Apache-2.0
"""virStorageVol."""

from typing import TYPE_CHECKING, Any

from nova_pyvirt.libvirt.call import Int, List, Ref, Str, as_list, bind
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.libvirt.refs import ref_of

_STORAGE_VOL_GET_PATH: Str = bind("virStorageVolGetPath")
if TYPE_CHECKING:
    from nova_pyvirt.libvirt.storagepool import virStoragePool

_STORAGE_VOL_GET_INFO: List = bind("virStorageVolGetInfo", as_list)
_STORAGE_VOL_GET_INFO_FLAGS: List = bind("virStorageVolGetInfoFlags", as_list)
_STORAGE_VOL_GET_XML_DESC: Str = bind("virStorageVolGetXMLDesc")
_STORAGE_VOL_DELETE: Int = bind("virStorageVolDelete")
_STORAGE_VOL_RESIZE: Int = bind("virStorageVolResize")
_STORAGE_VOL_WIPE: Int = bind("virStorageVolWipe")
_STORAGE_VOL_WIPE_PATTERN: Int = bind("virStorageVolWipePattern")
_STORAGE_VOL_UPLOAD: Int = bind("virStorageVolUpload")
_STORAGE_VOL_DOWNLOAD: Int = bind("virStorageVolDownload")
_STORAGE_POOL_LOOKUP_BY_VOLUME: Ref = bind("virStoragePoolLookupByVolume")


class virStorageVol(Owned):
    """A volume of a storage pool."""

    _kind = "virStorageVol"

    def name(self) -> str:
        """As the object was made."""
        value: str = ref_of(self, "virStorageVolGetName").name
        return value

    def key(self) -> str:
        """As the object was made."""
        value: str = ref_of(self, "virStorageVolGetKey").key
        return value

    def path(self) -> str:
        """virStorageVolGetPath (libvirt 0.4.1; storage-vol:read)."""
        return _STORAGE_VOL_GET_PATH(self)

    def info(self) -> list[Any]:
        """virStorageVolGetInfo (libvirt 0.4.1; storage-vol:read)."""
        return _STORAGE_VOL_GET_INFO(self)

    def infoFlags(self, flags: int = 0) -> list[Any]:
        """virStorageVolGetInfoFlags (libvirt 3.0.0; storage-vol:read)."""
        return _STORAGE_VOL_GET_INFO_FLAGS(self, flags)

    def XMLDesc(self, flags: int = 0) -> str:
        """virStorageVolGetXMLDesc (libvirt 0.4.1; storage-vol:read)."""
        return _STORAGE_VOL_GET_XML_DESC(self, flags)

    def delete(self, flags: int = 0) -> int:
        """virStorageVolDelete (libvirt 0.4.1; storage-vol:delete)."""
        return _STORAGE_VOL_DELETE(self, flags)

    def resize(self, capacity: int, flags: int = 0) -> int:
        """virStorageVolResize (libvirt 0.9.10; storage-vol:resize)."""
        return _STORAGE_VOL_RESIZE(self, capacity, flags)

    def wipe(self, flags: int = 0) -> int:
        """virStorageVolWipe (libvirt 0.8.0; storage-vol:format)."""
        return _STORAGE_VOL_WIPE(self, flags)

    def wipePattern(self, algorithm: int, flags: int = 0) -> int:
        """virStorageVolWipePattern (libvirt 0.9.10; storage-vol:format)."""
        return _STORAGE_VOL_WIPE_PATTERN(self, algorithm, flags)

    def upload(self, stream: Any, offset: int, length: int, flags: int = 0) -> int:
        """virStorageVolUpload (libvirt 0.9.0; storage-vol:data-write)."""
        return _STORAGE_VOL_UPLOAD(self, stream, offset, length, flags)

    def download(self, stream: Any, offset: int, length: int, flags: int = 0) -> int:
        """virStorageVolDownload (libvirt 0.9.0; storage-vol:data-read)."""
        return _STORAGE_VOL_DOWNLOAD(self, stream, offset, length, flags)

    def storagePoolLookupByVolume(self) -> "virStoragePool":
        """virStoragePoolLookupByVolume (libvirt 0.4.1; storage-pool:getattr)."""
        from nova_pyvirt.libvirt.storagepool import virStoragePool

        return virStoragePool(self.connect(), _STORAGE_POOL_LOOKUP_BY_VOLUME(self))
