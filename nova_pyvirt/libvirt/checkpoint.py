# SPDX-License-Identifier: Apache-2.0
"""virDomainCheckpoint."""

from typing import Any

from nova_pyvirt.libvirt.call import Int, Ref, Refs, Str, bind
from nova_pyvirt.libvirt.objects import Object, check_handle
from nova_pyvirt.libvirt.refs import ref_of

_GET_XML_DESC: Str = bind("virDomainCheckpointGetXMLDesc")
_DELETE: Int = bind("virDomainCheckpointDelete")
_GET_PARENT: Ref = bind("virDomainCheckpointGetParent")
_LIST_ALL_CHILDREN: Refs = bind("virDomainCheckpointListAllChildren")


class virDomainCheckpoint(Object):
    """A checkpoint of a domain's disks."""

    _kind = "virDomainCheckpoint"

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
        """The checkpoint's name."""
        name: str = ref_of(self, "virDomainCheckpointGetName").name
        return name

    def getXMLDesc(self, flags: int = 0) -> str:
        """virDomainCheckpointGetXMLDesc (libvirt 5.6.0; domain:read)."""
        return _GET_XML_DESC(self, flags)

    def delete(self, flags: int = 0) -> int:
        """virDomainCheckpointDelete (libvirt 5.6.0; domain:checkpoint)."""
        return _DELETE(self, flags)

    def getParent(self, flags: int = 0) -> "virDomainCheckpoint":
        """virDomainCheckpointGetParent (libvirt 5.6.0; domain:read)."""
        return virDomainCheckpoint(self.domain(), _GET_PARENT(self, flags))

    def listAllChildren(self, flags: int = 0) -> list["virDomainCheckpoint"]:
        """virDomainCheckpointListAllChildren (libvirt 5.6.0; domain:read)."""
        return [virDomainCheckpoint(self.domain(), ref) for ref in _LIST_ALL_CHILDREN(self, flags)]
