# SPDX-License-Identifier: Apache-2.0
"""virNWFilter and virNWFilterBinding."""

from nova_pyvirt.libvirt import uuids
from nova_pyvirt.libvirt.call import Int, Str, bind
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.libvirt.refs import ref_of

_NW_FILTER_GET_XML_DESC: Str = bind("virNWFilterGetXMLDesc")
_NW_FILTER_UNDEFINE: Int = bind("virNWFilterUndefine")


class virNWFilter(Owned):
    """A network filter."""

    _kind = "virNWFilter"

    def name(self) -> str:
        """As the object was made."""
        value: str = ref_of(self, "virNWFilterGetName").name
        return value

    def UUID(self) -> bytes:
        """Sixteen bytes."""
        value: bytes = ref_of(self, "virNWFilterGetUUID").uuid
        return value

    def UUIDString(self) -> str:
        """The UUID with dashes."""
        value: str = uuids.show(ref_of(self, "virNWFilterGetUUIDString").uuid)
        return value

    def XMLDesc(self, flags: int = 0) -> str:
        """virNWFilterGetXMLDesc (libvirt 0.8.0; nwfilter:read)."""
        return _NW_FILTER_GET_XML_DESC(self, flags)

    def undefine(self) -> int:
        """virNWFilterUndefine (libvirt 0.8.0; nwfilter:delete)."""
        return _NW_FILTER_UNDEFINE(self)
