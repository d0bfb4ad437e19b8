# SPDX-License-Identifier: Apache-2.0
"""virNodeDevice."""

from nova_pyvirt.libvirt.call import Int, Str, Strs, bind
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.libvirt.refs import ref_of

_NODE_DEVICE_GET_PARENT: Str = bind("virNodeDeviceGetParent")
_NODE_DEVICE_NUM_OF_CAPS: Int = bind("virNodeDeviceNumOfCaps")
_NODE_DEVICE_LIST_CAPS: Strs = bind("virNodeDeviceListCaps")
_NODE_DEVICE_GET_XML_DESC: Str = bind("virNodeDeviceGetXMLDesc")
_NODE_DEVICE_DETTACH: Int = bind("virNodeDeviceDettach")
_NODE_DEVICE_DETACH_FLAGS: Int = bind("virNodeDeviceDetachFlags")
_NODE_DEVICE_RE_ATTACH: Int = bind("virNodeDeviceReAttach")
_NODE_DEVICE_RESET: Int = bind("virNodeDeviceReset")
_NODE_DEVICE_CREATE: Int = bind("virNodeDeviceCreate")
_NODE_DEVICE_DESTROY: Int = bind("virNodeDeviceDestroy")
_NODE_DEVICE_UNDEFINE: Int = bind("virNodeDeviceUndefine")
_NODE_DEVICE_UPDATE: Int = bind("virNodeDeviceUpdate")
_NODE_DEVICE_SET_AUTOSTART: Int = bind("virNodeDeviceSetAutostart")
_NODE_DEVICE_GET_AUTOSTART: Int = bind("virNodeDeviceGetAutostart")
_NODE_DEVICE_IS_PERSISTENT: Int = bind("virNodeDeviceIsPersistent")
_NODE_DEVICE_IS_ACTIVE: Int = bind("virNodeDeviceIsActive")


class virNodeDevice(Owned):
    """A device of the host."""

    _kind = "virNodeDevice"

    def name(self) -> str:
        """As the object was made."""
        value: str = ref_of(self, "virNodeDeviceGetName").name
        return value

    def parent(self) -> str:
        """virNodeDeviceGetParent (libvirt 0.5.0; node-device:read)."""
        return _NODE_DEVICE_GET_PARENT(self)

    def numOfCaps(self) -> int:
        """virNodeDeviceNumOfCaps (libvirt 0.5.0; node-device:read)."""
        return _NODE_DEVICE_NUM_OF_CAPS(self)

    def listCaps(self) -> list[str]:
        """virNodeDeviceListCaps (libvirt 0.5.0; node-device:read)."""
        return _NODE_DEVICE_LIST_CAPS(self)

    def XMLDesc(self, flags: int = 0) -> str:
        """virNodeDeviceGetXMLDesc (libvirt 0.5.0; node-device:read)."""
        return _NODE_DEVICE_GET_XML_DESC(self, flags)

    def dettach(self) -> int:
        """virNodeDeviceDettach (libvirt 0.6.1; node-device:detach)."""
        return _NODE_DEVICE_DETTACH(self)

    def detachFlags(self, driverName: str | None, flags: int = 0) -> int:
        """virNodeDeviceDetachFlags (libvirt 1.0.5; node-device:detach)."""
        return _NODE_DEVICE_DETACH_FLAGS(self, driverName, flags)

    def reAttach(self) -> int:
        """virNodeDeviceReAttach (libvirt 0.6.1; node-device:detach)."""
        return _NODE_DEVICE_RE_ATTACH(self)

    def reset(self) -> int:
        """virNodeDeviceReset (libvirt 0.6.1; node-device:detach)."""
        return _NODE_DEVICE_RESET(self)

    def create(self, flags: int = 0) -> int:
        """virNodeDeviceCreate (libvirt 7.3.0; node-device:start)."""
        return _NODE_DEVICE_CREATE(self, flags)

    def destroy(self) -> int:
        """virNodeDeviceDestroy (libvirt 0.6.3; node-device:stop)."""
        return _NODE_DEVICE_DESTROY(self)

    def undefine(self, flags: int = 0) -> int:
        """virNodeDeviceUndefine (libvirt 7.3.0; node-device:delete)."""
        return _NODE_DEVICE_UNDEFINE(self, flags)

    def update(self, xmlDesc: str | None, flags: int = 0) -> int:
        """virNodeDeviceUpdate (libvirt 10.1.0; node-device:write)."""
        return _NODE_DEVICE_UPDATE(self, xmlDesc, flags)

    def setAutostart(self, autostart: int) -> int:
        """virNodeDeviceSetAutostart (libvirt 7.8.0; node-device:write)."""
        return _NODE_DEVICE_SET_AUTOSTART(self, autostart)

    def autostart(self) -> int:
        """virNodeDeviceGetAutostart (libvirt 7.8.0; node-device:read)."""
        return _NODE_DEVICE_GET_AUTOSTART(self)

    def isPersistent(self) -> int:
        """virNodeDeviceIsPersistent (libvirt 7.8.0; node-device:read)."""
        return _NODE_DEVICE_IS_PERSISTENT(self)

    def isActive(self) -> int:
        """virNodeDeviceIsActive (libvirt 7.8.0; node-device:read)."""
        return _NODE_DEVICE_IS_ACTIVE(self)
