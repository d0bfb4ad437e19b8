# SPDX-License-Identifier: Apache-2.0
"""Devices of the host."""

from nova_pyvirt.libvirt.call import Int, Ref, Refs, Strs, bind
from nova_pyvirt.libvirt.connect.base import Base
from nova_pyvirt.libvirt.nodedev import virNodeDevice

_NODE_DEVICE_LOOKUP_BY_NAME: Ref = bind("virNodeDeviceLookupByName")
_NODE_DEVICE_LOOKUP_SCSI_HOST_BY_WWN: Ref = bind("virNodeDeviceLookupSCSIHostByWWN")
_NODE_NUM_OF_DEVICES: Int = bind("virNodeNumOfDevices")
_NODE_LIST_DEVICES: Strs = bind("virNodeListDevices")
_CONNECT_LIST_ALL_NODE_DEVICES: Refs = bind("virConnectListAllNodeDevices")
_NODE_DEVICE_CREATE_XML: Ref = bind("virNodeDeviceCreateXML")
_NODE_DEVICE_DEFINE_XML: Ref = bind("virNodeDeviceDefineXML")


class NodeDevices(Base):
    """Methods of virConnect."""

    def nodeDeviceLookupByName(self, name: str) -> virNodeDevice:
        """virNodeDeviceLookupByName (libvirt 0.5.0; node-device:getattr)."""
        return virNodeDevice(self, _NODE_DEVICE_LOOKUP_BY_NAME(self, name))

    def nodeDeviceLookupSCSIHostByWWN(self, wwnn: str, wwpn: str, flags: int = 0) -> virNodeDevice:
        """virNodeDeviceLookupSCSIHostByWWN (libvirt 1.0.3; node-device:getattr)."""
        return virNodeDevice(self, _NODE_DEVICE_LOOKUP_SCSI_HOST_BY_WWN(self, wwnn, wwpn, flags))

    def numOfDevices(self, cap: str | None, flags: int = 0) -> int:
        """virNodeNumOfDevices (libvirt 0.5.0; connect:search-node-devices)."""
        return _NODE_NUM_OF_DEVICES(self, cap, flags)

    def listDevices(self, cap: str | None, flags: int = 0) -> list[str]:
        """virNodeListDevices (libvirt 0.5.0; connect:search-node-devices)."""
        return _NODE_LIST_DEVICES(self, cap, flags)

    def listAllDevices(self, flags: int = 0) -> list[virNodeDevice]:
        """virConnectListAllNodeDevices (libvirt 0.10.2; connect:search-node-devices)."""
        return [virNodeDevice(self, ref) for ref in _CONNECT_LIST_ALL_NODE_DEVICES(self, flags)]

    def nodeDeviceCreateXML(self, xmlDesc: str, flags: int = 0) -> virNodeDevice:
        """virNodeDeviceCreateXML (libvirt 0.6.3; node-device:write, node-device:start)."""
        return virNodeDevice(self, _NODE_DEVICE_CREATE_XML(self, xmlDesc, flags))

    def nodeDeviceDefineXML(self, xmlDesc: str, flags: int = 0) -> virNodeDevice:
        """virNodeDeviceDefineXML (libvirt 7.3.0; node-device:write, node-device:save)."""
        return virNodeDevice(self, _NODE_DEVICE_DEFINE_XML(self, xmlDesc, flags))
