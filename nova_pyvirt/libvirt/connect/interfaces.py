# SPDX-License-Identifier: Apache-2.0
"""Network interfaces of the host."""

from nova_pyvirt.libvirt.call import Int, Ref, Refs, Strs, bind
from nova_pyvirt.libvirt.connect.base import Base
from nova_pyvirt.libvirt.interface import virInterface

_INTERFACE_LOOKUP_BY_NAME: Ref = bind("virInterfaceLookupByName")
_INTERFACE_LOOKUP_BY_MAC_STRING: Ref = bind("virInterfaceLookupByMACString")
_CONNECT_NUM_OF_INTERFACES: Int = bind("virConnectNumOfInterfaces")
_CONNECT_NUM_OF_DEFINED_INTERFACES: Int = bind("virConnectNumOfDefinedInterfaces")
_CONNECT_LIST_INTERFACES: Strs = bind("virConnectListInterfaces")
_CONNECT_LIST_DEFINED_INTERFACES: Strs = bind("virConnectListDefinedInterfaces")
_CONNECT_LIST_ALL_INTERFACES: Refs = bind("virConnectListAllInterfaces")
_INTERFACE_DEFINE_XML: Ref = bind("virInterfaceDefineXML")
_INTERFACE_CHANGE_BEGIN: Int = bind("virInterfaceChangeBegin")
_INTERFACE_CHANGE_COMMIT: Int = bind("virInterfaceChangeCommit")
_INTERFACE_CHANGE_ROLLBACK: Int = bind("virInterfaceChangeRollback")


class Interfaces(Base):
    """Methods of virConnect."""

    def interfaceLookupByName(self, name: str) -> virInterface:
        """virInterfaceLookupByName (libvirt 0.6.4; interface:getattr)."""
        return virInterface(self, _INTERFACE_LOOKUP_BY_NAME(self, name))

    def interfaceLookupByMACString(self, macstr: str) -> virInterface:
        """virInterfaceLookupByMACString (libvirt 0.6.4; interface:getattr)."""
        return virInterface(self, _INTERFACE_LOOKUP_BY_MAC_STRING(self, macstr))

    def numOfInterfaces(self) -> int:
        """virConnectNumOfInterfaces (libvirt 0.6.4; connect:search-interfaces)."""
        return _CONNECT_NUM_OF_INTERFACES(self)

    def numOfDefinedInterfaces(self) -> int:
        """virConnectNumOfDefinedInterfaces (libvirt 0.7.0; connect:search-interfaces)."""
        return _CONNECT_NUM_OF_DEFINED_INTERFACES(self)

    def listInterfaces(self) -> list[str]:
        """virConnectListInterfaces (libvirt 0.6.4; connect:search-interfaces)."""
        return _CONNECT_LIST_INTERFACES(self)

    def listDefinedInterfaces(self) -> list[str]:
        """virConnectListDefinedInterfaces (libvirt 0.7.0; connect:search-interfaces)."""
        return _CONNECT_LIST_DEFINED_INTERFACES(self)

    def listAllInterfaces(self, flags: int = 0) -> list[virInterface]:
        """virConnectListAllInterfaces (libvirt 0.10.2; connect:search-interfaces)."""
        return [virInterface(self, ref) for ref in _CONNECT_LIST_ALL_INTERFACES(self, flags)]

    def interfaceDefineXML(self, xml: str, flags: int = 0) -> virInterface:
        """virInterfaceDefineXML (libvirt 0.6.4; interface:write, interface:save)."""
        return virInterface(self, _INTERFACE_DEFINE_XML(self, xml, flags))

    def changeBegin(self, flags: int = 0) -> int:
        """virInterfaceChangeBegin (libvirt 0.9.2; connect:interface-transaction)."""
        return _INTERFACE_CHANGE_BEGIN(self, flags)

    def changeCommit(self, flags: int = 0) -> int:
        """virInterfaceChangeCommit (libvirt 0.9.2; connect:interface-transaction)."""
        return _INTERFACE_CHANGE_COMMIT(self, flags)

    def changeRollback(self, flags: int = 0) -> int:
        """virInterfaceChangeRollback (libvirt 0.9.2; connect:interface-transaction)."""
        return _INTERFACE_CHANGE_ROLLBACK(self, flags)
