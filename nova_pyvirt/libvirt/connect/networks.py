# SPDX-License-Identifier: Apache-2.0
"""Virtual networks."""

from nova_pyvirt.libvirt.call import Int, Ref, Refs, Strs, bind
from nova_pyvirt.libvirt.connect.base import Base
from nova_pyvirt.libvirt.lookup import by_uuid, uuid_of
from nova_pyvirt.libvirt.network import virNetwork

_NETWORK_LOOKUP_BY_NAME: Ref = bind("virNetworkLookupByName")
_NETWORK_LOOKUP_BY_UUID: Ref = bind("virNetworkLookupByUUID")
_CONNECT_NUM_OF_NETWORKS: Int = bind("virConnectNumOfNetworks")
_CONNECT_NUM_OF_DEFINED_NETWORKS: Int = bind("virConnectNumOfDefinedNetworks")
_CONNECT_LIST_NETWORKS: Strs = bind("virConnectListNetworks")
_CONNECT_LIST_DEFINED_NETWORKS: Strs = bind("virConnectListDefinedNetworks")
_CONNECT_LIST_ALL_NETWORKS: Refs = bind("virConnectListAllNetworks")
_NETWORK_DEFINE_XML: Ref = bind("virNetworkDefineXML")
_NETWORK_DEFINE_XML_FLAGS: Ref = bind("virNetworkDefineXMLFlags")
_NETWORK_CREATE_XML: Ref = bind("virNetworkCreateXML")
_NETWORK_CREATE_XML_FLAGS: Ref = bind("virNetworkCreateXMLFlags")


class Networks(Base):
    """Methods of virConnect."""

    def networkLookupByName(self, name: str) -> virNetwork:
        """virNetworkLookupByName (libvirt 0.2.0; network:getattr)."""
        return virNetwork(self, _NETWORK_LOOKUP_BY_NAME(self, name))

    def networkLookupByUUID(self, uuid: bytes) -> virNetwork:
        """virNetworkLookupByUUID (libvirt 0.2.0; network:getattr).

        :param uuid: sixteen bytes
        """
        return virNetwork(
            self, _NETWORK_LOOKUP_BY_UUID(self, by_uuid(uuid, "virNetworkLookupByUUID"))
        )

    def networkLookupByUUIDString(self, uuidstr: str) -> virNetwork:
        """virNetworkLookupByUUIDString (libvirt 0.2.0; network:getattr)."""
        uuid = uuid_of(self, uuidstr, "virNetworkLookupByUUIDString")
        return virNetwork(self, _NETWORK_LOOKUP_BY_UUID(self, uuid))

    def numOfNetworks(self) -> int:
        """virConnectNumOfNetworks (libvirt 0.2.0; connect:search-networks)."""
        return _CONNECT_NUM_OF_NETWORKS(self)

    def numOfDefinedNetworks(self) -> int:
        """virConnectNumOfDefinedNetworks (libvirt 0.2.0; connect:search-networks)."""
        return _CONNECT_NUM_OF_DEFINED_NETWORKS(self)

    def listNetworks(self) -> list[str]:
        """virConnectListNetworks (libvirt 0.2.0; connect:search-networks)."""
        return _CONNECT_LIST_NETWORKS(self)

    def listDefinedNetworks(self) -> list[str]:
        """virConnectListDefinedNetworks (libvirt 0.2.0; connect:search-networks)."""
        return _CONNECT_LIST_DEFINED_NETWORKS(self)

    def listAllNetworks(self, flags: int = 0) -> list[virNetwork]:
        """virConnectListAllNetworks (libvirt 0.10.2; connect:search-networks)."""
        return [virNetwork(self, ref) for ref in _CONNECT_LIST_ALL_NETWORKS(self, flags)]

    def networkDefineXML(self, xml: str) -> virNetwork:
        """virNetworkDefineXML (libvirt 0.2.0; network:write, network:save)."""
        return virNetwork(self, _NETWORK_DEFINE_XML(self, xml))

    def networkDefineXMLFlags(self, xml: str, flags: int = 0) -> virNetwork:
        """virNetworkDefineXMLFlags (libvirt 7.7.0; network:write, network:save)."""
        return virNetwork(self, _NETWORK_DEFINE_XML_FLAGS(self, xml, flags))

    def networkCreateXML(self, xmlDesc: str) -> virNetwork:
        """virNetworkCreateXML (libvirt 0.2.0; network:write, network:start)."""
        return virNetwork(self, _NETWORK_CREATE_XML(self, xmlDesc))

    def networkCreateXMLFlags(self, xmlDesc: str, flags: int = 0) -> virNetwork:
        """virNetworkCreateXMLFlags (libvirt 7.8.0; network:write, network:start)."""
        return virNetwork(self, _NETWORK_CREATE_XML_FLAGS(self, xmlDesc, flags))
