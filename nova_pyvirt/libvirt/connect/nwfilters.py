# SPDX-License-Identifier: Apache-2.0
"""Network filters and their bindings."""

from nova_pyvirt.libvirt.call import Int, Ref, Refs, Strs, bind
from nova_pyvirt.libvirt.connect.base import Base
from nova_pyvirt.libvirt.lookup import by_uuid, uuid_of
from nova_pyvirt.libvirt.nwfilter import virNWFilter
from nova_pyvirt.libvirt.nwfilterbinding import virNWFilterBinding

_NW_FILTER_LOOKUP_BY_NAME: Ref = bind("virNWFilterLookupByName")
_NW_FILTER_LOOKUP_BY_UUID: Ref = bind("virNWFilterLookupByUUID")
_CONNECT_NUM_OF_NW_FILTERS: Int = bind("virConnectNumOfNWFilters")
_CONNECT_LIST_NW_FILTERS: Strs = bind("virConnectListNWFilters")
_CONNECT_LIST_ALL_NW_FILTERS: Refs = bind("virConnectListAllNWFilters")
_NW_FILTER_DEFINE_XML: Ref = bind("virNWFilterDefineXML")
_NW_FILTER_DEFINE_XML_FLAGS: Ref = bind("virNWFilterDefineXMLFlags")
_NW_FILTER_BINDING_LOOKUP_BY_PORT_DEV: Ref = bind("virNWFilterBindingLookupByPortDev")
_NW_FILTER_BINDING_CREATE_XML: Ref = bind("virNWFilterBindingCreateXML")
_CONNECT_LIST_ALL_NW_FILTER_BINDINGS: Refs = bind("virConnectListAllNWFilterBindings")


class NWFilters(Base):
    """Methods of virConnect."""

    def nwfilterLookupByName(self, name: str) -> virNWFilter:
        """virNWFilterLookupByName (libvirt 0.8.0; nwfilter:getattr)."""
        return virNWFilter(self, _NW_FILTER_LOOKUP_BY_NAME(self, name))

    def nwfilterLookupByUUID(self, uuid: bytes) -> virNWFilter:
        """virNWFilterLookupByUUID (libvirt 0.8.0; nwfilter:getattr).

        :param uuid: sixteen bytes
        """
        return virNWFilter(
            self, _NW_FILTER_LOOKUP_BY_UUID(self, by_uuid(uuid, "virNWFilterLookupByUUID"))
        )

    def nwfilterLookupByUUIDString(self, uuidstr: str) -> virNWFilter:
        """virNWFilterLookupByUUIDString (libvirt 0.8.0; nwfilter:getattr)."""
        uuid = uuid_of(self, uuidstr, "virNWFilterLookupByUUIDString")
        return virNWFilter(self, _NW_FILTER_LOOKUP_BY_UUID(self, uuid))

    def numOfNWFilters(self) -> int:
        """virConnectNumOfNWFilters (libvirt 0.8.0; connect:search-nwfilters)."""
        return _CONNECT_NUM_OF_NW_FILTERS(self)

    def listNWFilters(self) -> list[str]:
        """virConnectListNWFilters (libvirt 0.8.0; connect:search-nwfilters)."""
        return _CONNECT_LIST_NW_FILTERS(self)

    def listAllNWFilters(self, flags: int = 0) -> list[virNWFilter]:
        """virConnectListAllNWFilters (libvirt 0.10.2; connect:search-nwfilters)."""
        return [virNWFilter(self, ref) for ref in _CONNECT_LIST_ALL_NW_FILTERS(self, flags)]

    def nwfilterDefineXML(self, xmlDesc: str) -> virNWFilter:
        """virNWFilterDefineXML (libvirt 0.8.0; nwfilter:write, nwfilter:save)."""
        return virNWFilter(self, _NW_FILTER_DEFINE_XML(self, xmlDesc))

    def nwfilterDefineXMLFlags(self, xmlDesc: str, flags: int = 0) -> virNWFilter:
        """virNWFilterDefineXMLFlags (libvirt 7.7.0; nwfilter:write, nwfilter:save)."""
        return virNWFilter(self, _NW_FILTER_DEFINE_XML_FLAGS(self, xmlDesc, flags))

    def nwfilterBindingLookupByPortDev(self, portdev: str) -> virNWFilterBinding:
        """virNWFilterBindingLookupByPortDev (libvirt 4.5.0; nwfilter-binding:getattr)."""
        return virNWFilterBinding(self, _NW_FILTER_BINDING_LOOKUP_BY_PORT_DEV(self, portdev))

    def nwfilterBindingCreateXML(self, xml: str, flags: int = 0) -> virNWFilterBinding:
        """virNWFilterBindingCreateXML (libvirt 4.5.0; nwfilter-binding:create)."""
        return virNWFilterBinding(self, _NW_FILTER_BINDING_CREATE_XML(self, xml, flags))

    def listAllNWFilterBindings(self, flags: int = 0) -> list[virNWFilterBinding]:
        """virConnectListAllNWFilterBindings (libvirt 4.5.0; connect:search-nwfilter-bindings)."""
        return [
            virNWFilterBinding(self, ref)
            for ref in _CONNECT_LIST_ALL_NW_FILTER_BINDINGS(self, flags)
        ]
