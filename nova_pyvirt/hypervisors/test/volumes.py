# SPDX-License-Identifier: Apache-2.0
"""Storage volume slots of the in-memory hypervisor: names and sizes, no content."""

from nova_pyvirt.core.refs import StoragePoolRef, StorageVolRef
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test import fixture
from nova_pyvirt.hypervisors.test.document import Document
from nova_pyvirt.hypervisors.test.slots import slot
from nova_pyvirt.hypervisors.test.storage import Pool, PoolSlots, Volume

_FILE = 0


def _ref(pool: Pool, volume: Volume) -> StorageVolRef:
    return StorageVolRef(pool.name, volume.name, volume.path)


def _none(what: str, value: str) -> Exception:
    detail = f"no storage vol with matching {what} '{value}'"
    return error(Code.NO_STORAGE_VOL, detail, domain=From.TEST)


class VolumeSlots(PoolSlots):
    """Volumes of active pools."""

    def _volume(self, vol: StorageVolRef) -> tuple[Pool, Volume]:
        pool = self.active_pool(vol.pool)
        if vol.name not in pool.volumes:
            raise _none("name", vol.name)
        return pool, pool.volumes[vol.name]

    @slot()
    def storage_pool_num_of_volumes(self, pool: StoragePoolRef) -> int:
        return len(self.active_pool(pool.name).volumes)

    @slot()
    def storage_pool_list_volumes(self, pool: StoragePoolRef) -> list[str]:
        return list(self.active_pool(pool.name).volumes)

    @slot("testStoragePoolListAllVolumes")
    def storage_pool_list_all_volumes(
        self, pool: StoragePoolRef, flags: int
    ) -> list[StorageVolRef]:
        found = self.active_pool(pool.name)
        return [_ref(found, volume) for volume in found.volumes.values()]

    @slot()
    def storage_vol_lookup_by_name(self, pool: StoragePoolRef, name: str) -> StorageVolRef:
        found = self.active_pool(pool.name)
        if name not in found.volumes:
            raise _none("name", name)
        return _ref(found, found.volumes[name])

    @slot()
    def storage_vol_lookup_by_key(self, key: str) -> StorageVolRef:
        return self._by_path(key, "key")

    @slot()
    def storage_vol_lookup_by_path(self, path: str) -> StorageVolRef:
        return self._by_path(path, "path")

    def _by_path(self, path: str, what: str) -> StorageVolRef:
        for pool in self.world.pools.all():
            for volume in pool.volumes.values() if pool.active else ():
                if volume.path == path:
                    return _ref(pool, volume)
        raise _none(what, path)

    @slot("testStorageVolCreateXML", 4)
    def storage_vol_create_xml(self, pool: StoragePoolRef, xml: str, flags: int) -> StorageVolRef:
        return self._create(self.active_pool(pool.name), xml, None)

    @slot("testStorageVolCreateXMLFrom", 4)
    def storage_vol_create_xml_from(
        self, pool: StoragePoolRef, xml: str, clone: StorageVolRef, flags: int
    ) -> StorageVolRef:
        return self._create(self.active_pool(pool.name), xml, clone)

    @staticmethod
    def _create(pool: Pool, xml: str, clone: StorageVolRef | None) -> StorageVolRef:
        document = Document.parse(xml, "volume", From.STORAGE, named=False)
        if not document.text("name"):
            detail = "missing volume name element"
            raise error(Code.XML_ERROR, detail, domain=From.STORAGE)
        volume = Volume(document, pool.target)
        if volume.name in pool.volumes:
            detail = "storage vol already exists"
            raise error(Code.OPERATION_FAILED, detail, domain=From.TEST)
        if clone is not None and clone.name not in pool.volumes:
            raise _none("name", clone.name)
        if pool.allocation + volume.allocation > fixture.POOL_CAPACITY:
            detail = f"Not enough free space in pool for volume '{volume.name}'"
            raise error(Code.INTERNAL_ERROR, detail, domain=From.TEST)
        pool.volumes[volume.name] = volume
        return _ref(pool, volume)

    @slot("testStorageVolDelete")
    def storage_vol_delete(self, vol: StorageVolRef, flags: int) -> None:
        pool, volume = self._volume(vol)
        del pool.volumes[volume.name]

    @slot()
    def storage_vol_get_info(self, vol: StorageVolRef) -> tuple[int, int, int]:
        _, volume = self._volume(vol)
        return _FILE, volume.capacity, volume.allocation

    @slot("testStorageVolGetXMLDesc")
    def storage_vol_get_xml_desc(self, vol: StorageVolRef, flags: int) -> str:
        return self._volume(vol)[1].xml()

    @slot()
    def storage_vol_get_path(self, vol: StorageVolRef) -> str:
        return self._volume(vol)[1].path
