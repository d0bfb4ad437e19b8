# SPDX-License-Identifier: Apache-2.0
"""virNWFilterBinding."""

from nova_pyvirt.libvirt.call import Int, Str, bind
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.libvirt.refs import ref_of

_NW_FILTER_BINDING_GET_XML_DESC: Str = bind("virNWFilterBindingGetXMLDesc")
_NW_FILTER_BINDING_DELETE: Int = bind("virNWFilterBindingDelete")


class virNWFilterBinding(Owned):
    """A network filter applied to a port."""

    _kind = "virNWFilterBinding"

    def portDev(self) -> str:
        """As the object was made."""
        value: str = ref_of(self, "virNWFilterBindingGetPortDev").port_dev
        return value

    def filterName(self) -> str:
        """As the object was made."""
        value: str = ref_of(self, "virNWFilterBindingGetFilterName").filter_name
        return value

    def XMLDesc(self, flags: int = 0) -> str:
        """virNWFilterBindingGetXMLDesc (libvirt 4.5.0; nwfilter-binding:read)."""
        return _NW_FILTER_BINDING_GET_XML_DESC(self, flags)

    def delete(self) -> int:
        """virNWFilterBindingDelete (libvirt 4.5.0; nwfilter-binding:delete)."""
        return _NW_FILTER_BINDING_DELETE(self)
