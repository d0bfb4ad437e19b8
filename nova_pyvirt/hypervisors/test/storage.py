# SPDX-License-Identifier: Apache-2.0
"""Storage slots of the in-memory hypervisor: pools of a hundred gigabytes each."""

from typing import Any, Final

from lxml import etree

from nova_pyvirt.core.domain import uuid_text
from nova_pyvirt.core.refs import StoragePoolRef, StorageVolRef
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test import fixture
from nova_pyvirt.hypervisors.test.document import Document, place
from nova_pyvirt.hypervisors.test.networks import pick
from nova_pyvirt.hypervisors.test.slots import Base, bad_argument, invalid, slot
from nova_pyvirt.hypervisors.test.world import Thing

_DEFINED, _UNDEFINED, _STARTED, _STOPPED, _CREATED, _DELETED = range(6)
_TYPES: Final = (
    "dir fs netfs logical disk iscsi iscsi-direct scsi mpath rbd sheepdog gluster zfs vstorage"
).split()
#: types whose source must have a name; those whose target needs no path
_NAMED: Final = ("logical", "rbd", "sheepdog", "gluster", "zfs")
_PATHLESS: Final = ("rbd", "sheepdog", "gluster", "zfs", "iscsi-direct")
_FORMATS: Final = {"fs": "auto", "netfs": "auto", "logical": "lvm2", "disk": "unknown"}
_INACTIVE, _RUNNING = 0, 2
_FILTERS: Final = (
    (1, 2, lambda pool: not pool.active),
    (4, 8, lambda pool: pool.persistent),
    (16, 32, lambda pool: pool.autostart),
    *((64 << n, 0, lambda pool, kind=kind: pool.kind == kind) for n, kind in enumerate(_TYPES)),
)
_TYPE_BITS: Final = ((1 << len(_TYPES)) - 1) << 6


class Volume(Thing):
    """A volume.

    :ivar path: its key too
    :ivar capacity: bytes
    :ivar allocation: bytes
    """

    def __init__(self, document: Document, target: str) -> None:
        super().__init__(document, uuid=False)
        root = document.root
        self.path = f"{target}/{self.name}"
        self.capacity = document.bytes("capacity")
        given = document.bytes("allocation")
        self.allocation = self.capacity if root.find("allocation") is None else given
        self.format = "raw"
        kind = root.find("target/format")
        if kind is not None:
            self.format = kind.get("type", "raw")

    def xml(self) -> str:
        """The definition, complete."""
        root = etree.Element("volume", type="file")
        for tag, text in (("name", self.name), ("key", self.path)):
            etree.SubElement(root, tag).text = text
        for tag, size in (("capacity", self.capacity), ("allocation", self.allocation)):
            etree.SubElement(root, tag, unit="bytes").text = str(size)
        target = etree.SubElement(root, "target")
        etree.SubElement(target, "path").text = self.path
        etree.SubElement(target, "format", type=self.format)
        backing = self.document.root.find("backingStore")
        if backing is not None:
            root.append(backing)
        return Document(root).format()


class Pool(Thing):
    """A pool and its volumes by name."""

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self.volumes: dict[str, Volume] = {}

    @property
    def kind(self) -> str:
        return str(self.document.root.get("type"))

    @property
    def target(self) -> str:
        return self.document.text("target/path")

    @property
    def allocation(self) -> int:
        return sum(volume.allocation for volume in self.volumes.values())

    def xml(self) -> str:
        """The definition with the sizes as they are."""
        sizes = {
            "capacity": fixture.POOL_CAPACITY,
            "allocation": self.allocation,
            "available": fixture.POOL_CAPACITY - self.allocation,
        }
        for tag, size in sizes.items():
            node = self.document.root.find(tag)
            if node is None:
                node = etree.SubElement(self.document.root, tag)
            node.set("unit", "bytes")
            node.text = str(size)
        order = ("name", "uuid", *sizes, "features", "source", "target", "refresh")
        place(self.document.root, order)
        return self.document.format()


def read(xml: str) -> Document:
    """A pool's definition with libvirt's defaults.

    :raises libvirtError: XML_ERROR, XML_DETAIL
    """
    document = Document.parse(xml, "pool", From.STORAGE, named=False)
    root = document.root
    kind = root.get("type")
    if kind is None:
        detail = "Missing required attribute 'type' in element 'pool'"
        raise error(Code.XML_ERROR, detail, domain=From.XML)
    if kind not in _TYPES:
        detail = f"Invalid value for attribute 'type' in element 'pool': '{kind}'."
        raise error(Code.XML_ERROR, detail, domain=From.XML)
    if not document.text("name"):
        if not (kind in _NAMED and document.text("source/name")):
            raise _xml("missing pool source name element")
        document.set_text("name", document.text("source/name"), "name")
    if kind in _NAMED and not document.text("source/name"):
        source = _child(root, "source")
        etree.SubElement(source, "name").text = document.name
    _target(document, kind)
    source = _child(root, "source")
    if kind in _FORMATS and source.find("format") is None:
        etree.SubElement(source, "format", type=_FORMATS[kind])
    if not len(source):
        source.text = "\n"
    return document


def _target(document: Document, kind: str) -> None:
    if kind in _PATHLESS:
        return
    target = _child(document.root, "target")
    if kind == "logical":
        path = target.find("path")
        path = etree.SubElement(target, "path") if path is None else path
        path.text = f"/dev/{document.text('source/name')}"
    elif not document.text("target/path"):
        raise _xml("missing storage pool target path")


def _child(root: etree._Element, tag: str) -> etree._Element:
    found = root.find(tag)
    return etree.SubElement(root, tag) if found is None else found


def _xml(detail: str) -> Exception:
    return error(Code.XML_ERROR, detail, domain=From.STORAGE)


def pool_ref(pool: Pool) -> StoragePoolRef:
    return StoragePoolRef(pool.name, pool.uuid)


class PoolSlots(Base):
    """Pools."""

    def pool(self, ref: StoragePoolRef) -> Pool:
        """:raises libvirtError: NO_STORAGE_POOL"""
        found: Pool = self.world.pools.by_uuid(ref.uuid)
        return found

    def active_pool(self, name: str) -> Pool:
        """:raises libvirtError: NO_STORAGE_POOL, OPERATION_INVALID"""
        found: Pool = self.world.pools.get(name)
        if not found.active:
            raise invalid(f"storage pool '{name}' is not active")
        return found

    def inactive_pool(self, name: str) -> Pool:
        """:raises libvirtError: NO_STORAGE_POOL, OPERATION_INVALID"""
        found: Pool = self.world.pools.get(name)
        if found.active:
            raise invalid(f"storage pool '{name}' is active")
        return found

    def _pool_event(self, pool: Pool, event: int) -> None:
        self.world.events.emit("StoragePool", 0, pool_ref(pool), event, 0)

    @slot("testConnectListAllStoragePools", 63 | _TYPE_BITS)
    def connect_list_all_storage_pools(self, flags: int) -> list[StoragePoolRef]:
        found = pick(self.world.pools, flags, _FILTERS[:3])
        if flags & _TYPE_BITS:
            found = [p for p in found if flags & 64 << _TYPES.index(p.kind)]
        return [pool_ref(pool) for pool in found]

    @slot()
    def connect_num_of_storage_pools(self) -> int:
        return len(self.connect_list_storage_pools())

    @slot()
    def connect_list_storage_pools(self) -> list[str]:
        return [pool.name for pool in self.world.pools.all() if pool.active]

    @slot()
    def connect_num_of_defined_storage_pools(self) -> int:
        return len(self.connect_list_defined_storage_pools())

    @slot()
    def connect_list_defined_storage_pools(self) -> list[str]:
        return [pool.name for pool in self.world.pools.all() if not pool.active]

    @slot("testConnectFindStoragePoolSources")
    def connect_find_storage_pool_sources(self, kind: str, spec: str | None, flags: int) -> str:
        if kind not in _TYPES:
            detail = f"unknown storage pool type {kind}"
            raise error(Code.INTERNAL_ERROR, detail, domain=From.TEST)
        if kind == "logical":
            return fixture.LOGICAL_SOURCES
        if kind != "netfs":
            detail = f"pool type '{kind}' does not support source discovery"
            if kind in ("dir",):
                detail = f"unknown storage pool type {kind}"
                raise error(Code.INTERNAL_ERROR, detail, domain=From.TEST)
            raise error(Code.NO_SUPPORT, detail, domain=From.TEST)
        host = None
        if spec is not None:
            node = Document.parse(spec, "source", From.STORAGE, named=False).root.find("host")
            host = node.get("name") if node is not None else None
        if not host:
            raise bad_argument("hostname must be specified for netfs sources")
        return fixture.NETFS_SOURCES.format(host=host)

    @slot()
    def storage_pool_lookup_by_name(self, name: str) -> StoragePoolRef:
        return pool_ref(self.world.pools.get(name))

    @slot()
    def storage_pool_lookup_by_uuid(self, uuid: bytes) -> StoragePoolRef:
        return pool_ref(self.world.pools.by_uuid(uuid))

    @slot()
    def storage_pool_lookup_by_volume(self, vol: StorageVolRef) -> StoragePoolRef:
        return pool_ref(self.active_pool(vol.pool))

    @slot("testStoragePoolDefineXML", 1)
    def storage_pool_define_xml(self, xml: str, flags: int) -> StoragePoolRef:
        pool = self._assign_pool(read(xml), live=False)
        pool.persistent = True
        self._pool_event(pool, _DEFINED)
        return pool_ref(pool)

    @slot("testStoragePoolCreateXML")
    def storage_pool_create_xml(self, xml: str, flags: int) -> StoragePoolRef:
        pool = self._assign_pool(read(xml), live=True)
        pool.persistent, pool.active = False, True
        self._pool_event(pool, _STARTED)
        return pool_ref(pool)

    def _assign_pool(self, document: Document, *, live: bool) -> Pool:
        """The pool for a definition.

        :raises libvirtError: OPERATION_FAILED, OPERATION_INVALID
        """
        pools = self.world.pools
        known = pools.find_uuid(document.uuid)
        if known is not None and known.name != document.name:
            detail = f"pool '{known.name}' is already defined with uuid {uuid_text(known.uuid)}"
            raise error(Code.OPERATION_FAILED, detail, domain=From.STORAGE)
        clash = pools.by_name.get(document.name)
        if known is None and clash is not None:
            detail = f"pool '{document.name}' already exists with uuid {uuid_text(clash.uuid)}"
            raise error(Code.OPERATION_FAILED, detail, domain=From.STORAGE)
        if known is not None:
            if live and known.active:
                detail = f"pool is already active as '{known.name}'"
                raise invalid(detail, From.STORAGE)
            known.document = document
            found: Pool = known
            return found
        pool = Pool(document)
        pools.add(pool)
        return pool

    @slot("testStoragePoolCreate")
    def storage_pool_create(self, pool: StoragePoolRef, flags: int) -> None:
        found = self.inactive_pool(pool.name)
        found.active = True
        self._pool_event(found, _STARTED)

    @slot("testStoragePoolBuild", 7)
    def storage_pool_build(self, pool: StoragePoolRef, flags: int) -> None:
        self._pool_event(self.inactive_pool(pool.name), _CREATED)

    @slot("testStoragePoolDelete")
    def storage_pool_delete(self, pool: StoragePoolRef, flags: int) -> None:
        self._pool_event(self.inactive_pool(pool.name), _DELETED)

    @slot()
    def storage_pool_destroy(self, pool: StoragePoolRef) -> None:
        found = self.active_pool(pool.name)
        found.active = False
        self._pool_event(found, _STOPPED)
        if not found.persistent:
            self.world.pools.drop(found)

    @slot()
    def storage_pool_undefine(self, pool: StoragePoolRef) -> None:
        found = self.inactive_pool(pool.name)
        self._pool_event(found, _UNDEFINED)
        self.world.pools.drop(found)

    @slot("testStoragePoolRefresh")
    def storage_pool_refresh(self, pool: StoragePoolRef, flags: int) -> None:
        found = self.active_pool(pool.name)
        self.world.events.emit("StoragePool", 1, pool_ref(found))

    @slot("testStoragePoolGetXMLDesc")
    def storage_pool_get_xml_desc(self, pool: StoragePoolRef, flags: int) -> str:
        return self.pool(pool).xml()

    @slot()
    def storage_pool_get_info(self, pool: StoragePoolRef) -> tuple[int, int, int, int]:
        found = self.pool(pool)
        used, size = found.allocation, fixture.POOL_CAPACITY
        return (_RUNNING if found.active else _INACTIVE), size, used, size - used

    @slot()
    def storage_pool_is_active(self, pool: StoragePoolRef) -> int:
        return int(self.pool(pool).active)

    @slot()
    def storage_pool_is_persistent(self, pool: StoragePoolRef) -> int:
        return int(self.pool(pool).persistent)

    @slot()
    def storage_pool_get_autostart(self, pool: StoragePoolRef) -> int:
        return int(self.pool(pool).autostart)

    @slot()
    def storage_pool_set_autostart(self, pool: StoragePoolRef, autostart: int) -> None:
        found = self.pool(pool)
        if not found.persistent:
            raise bad_argument("pool has no config file")
        found.autostart = bool(autostart)

    @slot()
    def connect_storage_pool_event_register_any(
        self, pool: Any, event_id: int, callback: Any
    ) -> int:
        return self.world.events.add("StoragePool", pool, event_id, callback)

    @slot()
    def connect_storage_pool_event_deregister_any(self, number: int) -> None:
        self.world.events.remove(number)
