# SPDX-License-Identifier: Apache-2.0
"""virDomainSnapshot."""

from typing import Any

from nova_pyvirt.libvirt.call import Int, Ref, Refs, Str, Strs, bind
from nova_pyvirt.libvirt.objects import Object, check_handle
from nova_pyvirt.libvirt.refs import ref_of

_GET_XML_DESC: Str = bind("virDomainSnapshotGetXMLDesc")
_DELETE: Int = bind("virDomainSnapshotDelete")
_GET_PARENT: Ref = bind("virDomainSnapshotGetParent")
_HAS_METADATA: Int = bind("virDomainSnapshotHasMetadata")
_IS_CURRENT: Int = bind("virDomainSnapshotIsCurrent")
_NUM_CHILDREN: Int = bind("virDomainSnapshotNumChildren")
_LIST_CHILDREN_NAMES: Strs = bind("virDomainSnapshotListChildrenNames")
_LIST_ALL_CHILDREN: Refs = bind("virDomainSnapshotListAllChildren")


class virDomainSnapshot(Object):
    """A snapshot of a domain."""

    _kind = "virDomainSnapshot"

    def __init__(self, dom: Any, _obj: object | None = None) -> None:
        self._dom = dom
        self._conn = dom.connect()
        self._o = check_handle(_obj)

    def connect(self) -> Any:
        """The virConnect."""
        return self._conn

    def domain(self) -> Any:
        """The virDomain."""
        return self._dom

    def getConnect(self) -> Any:
        """The virConnect."""
        return self.connect()

    def getDomain(self) -> Any:
        """The virDomain."""
        return self.domain()

    def getName(self) -> str:
        """The snapshot's name."""
        name: str = ref_of(self, "virDomainSnapshotGetName").name
        return name

    def getXMLDesc(self, flags: int = 0) -> str:
        """virDomainSnapshotGetXMLDesc (libvirt 0.8.0; domain:read)."""
        return _GET_XML_DESC(self, flags)

    def delete(self, flags: int = 0) -> int:
        """virDomainSnapshotDelete (libvirt 0.8.0; domain:snapshot)."""
        return _DELETE(self, flags)

    def getParent(self, flags: int = 0) -> "virDomainSnapshot":
        """virDomainSnapshotGetParent (libvirt 0.9.7; domain:read)."""
        return virDomainSnapshot(self.domain(), _GET_PARENT(self, flags))

    def hasMetadata(self, flags: int = 0) -> int:
        """virDomainSnapshotHasMetadata (libvirt 0.9.13; domain:read)."""
        return _HAS_METADATA(self, flags)

    def isCurrent(self, flags: int = 0) -> int:
        """virDomainSnapshotIsCurrent (libvirt 0.9.13; domain:read)."""
        return _IS_CURRENT(self, flags)

    def numChildren(self, flags: int = 0) -> int:
        """virDomainSnapshotNumChildren (libvirt 0.9.7; domain:read)."""
        return _NUM_CHILDREN(self, flags)

    def listChildrenNames(self, flags: int = 0) -> list[str]:
        """virDomainSnapshotListChildrenNames (libvirt 0.9.7; domain:read)."""
        return _LIST_CHILDREN_NAMES(self, flags)

    def listAllChildren(self, flags: int = 0) -> list["virDomainSnapshot"]:
        """virDomainSnapshotListAllChildren (libvirt 0.9.13; domain:read)."""
        return [virDomainSnapshot(self.domain(), ref) for ref in _LIST_ALL_CHILDREN(self, flags)]
