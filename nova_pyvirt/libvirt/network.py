# SPDX-License-Identifier: Apache-2.0
"""virNetwork."""

from typing import Any

from nova_pyvirt.libvirt import uuids
from nova_pyvirt.libvirt.call import Int, List, Ref, Refs, Str, bind
from nova_pyvirt.libvirt.handle import Handle
from nova_pyvirt.libvirt.lookup import by_uuid, uuid_of
from nova_pyvirt.libvirt.networkport import virNetworkPort
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.libvirt.refs import ref_of

_LEASE = "iface expirytime type mac iaid ipaddr prefix hostname clientid".split()
#: the order in which libvirt-python shows them
_SHOWN = "iface expirytime type mac ipaddr prefix hostname clientid iaid".split()


def _leases(handle: Handle, result: Any) -> list[dict[str, Any]]:
    """Leases as tuples in C's order."""
    made = []
    for lease in result:
        named = dict(zip(_LEASE, lease, strict=True))
        made.append({name: named[name] for name in _SHOWN})
    return made


_NETWORK_GET_XML_DESC: Str = bind("virNetworkGetXMLDesc")
_NETWORK_CREATE: Int = bind("virNetworkCreate")
_NETWORK_DESTROY: Int = bind("virNetworkDestroy")
_NETWORK_UNDEFINE: Int = bind("virNetworkUndefine")
_NETWORK_UPDATE: Int = bind("virNetworkUpdate")
_NETWORK_GET_AUTOSTART: Int = bind("virNetworkGetAutostart")
_NETWORK_SET_AUTOSTART: Int = bind("virNetworkSetAutostart")
_NETWORK_IS_ACTIVE: Int = bind("virNetworkIsActive")
_NETWORK_IS_PERSISTENT: Int = bind("virNetworkIsPersistent")
_NETWORK_GET_BRIDGE_NAME: Str = bind("virNetworkGetBridgeName")
_NETWORK_GET_DHCP_LEASES: List = bind("virNetworkGetDHCPLeases", _leases)
_NETWORK_GET_METADATA: Str = bind("virNetworkGetMetadata")
_NETWORK_SET_METADATA: Int = bind("virNetworkSetMetadata")
_PORT_LOOKUP_BY_UUID: Ref = bind("virNetworkPortLookupByUUID")
_NETWORK_PORT_CREATE_XML: Ref = bind("virNetworkPortCreateXML")
_NETWORK_LIST_ALL_PORTS: Refs = bind("virNetworkListAllPorts")


class virNetwork(Owned):
    """A virtual network."""

    _kind = "virNetwork"

    def name(self) -> str:
        """As the object was made."""
        value: str = ref_of(self, "virNetworkGetName").name
        return value

    def UUID(self) -> bytes:
        """Sixteen bytes."""
        value: bytes = ref_of(self, "virNetworkGetUUID").uuid
        return value

    def UUIDString(self) -> str:
        """The UUID with dashes."""
        value: str = uuids.show(ref_of(self, "virNetworkGetUUIDString").uuid)
        return value

    def XMLDesc(self, flags: int = 0) -> str:
        """virNetworkGetXMLDesc (libvirt 0.2.0; network:read)."""
        return _NETWORK_GET_XML_DESC(self, flags)

    def create(self) -> int:
        """virNetworkCreate (libvirt 0.2.0; network:start)."""
        return _NETWORK_CREATE(self)

    def destroy(self) -> int:
        """virNetworkDestroy (libvirt 0.2.0; network:stop)."""
        return _NETWORK_DESTROY(self)

    def undefine(self) -> int:
        """virNetworkUndefine (libvirt 0.2.0; network:delete)."""
        return _NETWORK_UNDEFINE(self)

    def update(self, command: int, section: int, parentIndex: int, xml: str, flags: int = 0) -> int:
        """virNetworkUpdate (libvirt 0.10.2; network:write)."""
        return _NETWORK_UPDATE(self, command, section, parentIndex, xml, flags)

    def autostart(self) -> int:
        """virNetworkGetAutostart (libvirt 0.2.1; network:read)."""
        return _NETWORK_GET_AUTOSTART(self)

    def setAutostart(self, autostart: int) -> int:
        """virNetworkSetAutostart (libvirt 0.2.1; network:write)."""
        return _NETWORK_SET_AUTOSTART(self, autostart)

    def isActive(self) -> int:
        """virNetworkIsActive (libvirt 0.7.3; network:read)."""
        return _NETWORK_IS_ACTIVE(self)

    def isPersistent(self) -> int:
        """virNetworkIsPersistent (libvirt 0.7.3; network:read)."""
        return _NETWORK_IS_PERSISTENT(self)

    def bridgeName(self) -> str:
        """virNetworkGetBridgeName (libvirt 0.2.0; network:read)."""
        return _NETWORK_GET_BRIDGE_NAME(self)

    def DHCPLeases(self, mac: str | None = None, flags: int = 0) -> list[Any]:
        """virNetworkGetDHCPLeases (libvirt 1.2.6; network:read)."""
        return _NETWORK_GET_DHCP_LEASES(self, mac, flags)

    def metadata(self, type: int, uri: str | None, flags: int = 0) -> str:
        """virNetworkGetMetadata (libvirt 9.7.0; network:read)."""
        return _NETWORK_GET_METADATA(self, type, uri, flags)

    def setMetadata(
        self, type: int, metadata: str | None, key: str | None, uri: str | None, flags: int = 0
    ) -> int:
        """virNetworkSetMetadata (libvirt 9.7.0; network:write)."""
        return _NETWORK_SET_METADATA(self, type, metadata, key, uri, flags)

    def portLookupByUUID(self, uuid: bytes) -> virNetworkPort:
        """virNetworkPortLookupByUUID (libvirt 5.5.0; network:read)."""
        raw = by_uuid(uuid, "virNetworkPortLookupByUUID")
        return virNetworkPort(self, _PORT_LOOKUP_BY_UUID(self, raw))

    def portLookupByUUIDString(self, uuidstr: str) -> virNetworkPort:
        """virNetworkPortLookupByUUIDString (libvirt 5.5.0; network:read)."""
        uuid = uuid_of(self, uuidstr, "virNetworkPortLookupByUUIDString")
        return virNetworkPort(self, _PORT_LOOKUP_BY_UUID(self, uuid))

    def portCreateXML(self, xmldesc: str, flags: int = 0) -> virNetworkPort:
        """virNetworkPortCreateXML (libvirt 5.5.0; network-port:create)."""
        return virNetworkPort(self, _NETWORK_PORT_CREATE_XML(self, xmldesc, flags))

    def listAllPorts(self, flags: int = 0) -> list[virNetworkPort]:
        """virNetworkListAllPorts (libvirt 5.5.0; network:search-ports)."""
        return [virNetworkPort(self, ref) for ref in _NETWORK_LIST_ALL_PORTS(self, flags)]
