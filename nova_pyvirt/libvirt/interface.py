# SPDX-License-Identifier: Apache-2.0
"""virInterface."""

from nova_pyvirt.libvirt.call import Int, Str, bind
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.libvirt.refs import ref_of

_INTERFACE_GET_XML_DESC: Str = bind("virInterfaceGetXMLDesc")
_INTERFACE_CREATE: Int = bind("virInterfaceCreate")
_INTERFACE_DESTROY: Int = bind("virInterfaceDestroy")
_INTERFACE_IS_ACTIVE: Int = bind("virInterfaceIsActive")
_INTERFACE_UNDEFINE: Int = bind("virInterfaceUndefine")


class virInterface(Owned):
    """A network interface of the host."""

    _kind = "virInterface"

    def name(self) -> str:
        """As the object was made."""
        value: str = ref_of(self, "virInterfaceGetName").name
        return value

    def MACString(self) -> str:
        """As the object was made."""
        value: str = ref_of(self, "virInterfaceGetMACString").mac
        return value

    def XMLDesc(self, flags: int = 0) -> str:
        """virInterfaceGetXMLDesc (libvirt 0.6.4; interface:read)."""
        return _INTERFACE_GET_XML_DESC(self, flags)

    def create(self, flags: int = 0) -> int:
        """virInterfaceCreate (libvirt 0.6.4; interface:start)."""
        return _INTERFACE_CREATE(self, flags)

    def destroy(self, flags: int = 0) -> int:
        """virInterfaceDestroy (libvirt 0.6.4; interface:stop)."""
        return _INTERFACE_DESTROY(self, flags)

    def isActive(self) -> int:
        """virInterfaceIsActive (libvirt 0.7.3; interface:read)."""
        return _INTERFACE_IS_ACTIVE(self)

    def undefine(self) -> int:
        """virInterfaceUndefine (libvirt 0.6.4; interface:delete)."""
        return _INTERFACE_UNDEFINE(self)
