# SPDX-License-Identifier: Apache-2.0
"""Devices of a domain: plugging, unplugging, changing."""

from typing import Any

from nova_pyvirt.libvirt.call import Int, bind
from nova_pyvirt.libvirt.objects import Owned

_DOMAIN_ATTACH_DEVICE: Int = bind("virDomainAttachDevice")
_DOMAIN_ATTACH_DEVICE_FLAGS: Int = bind("virDomainAttachDeviceFlags")
_DOMAIN_DETACH_DEVICE: Int = bind("virDomainDetachDevice")
_DOMAIN_DETACH_DEVICE_FLAGS: Int = bind("virDomainDetachDeviceFlags")
_DOMAIN_DETACH_DEVICE_ALIAS: Int = bind("virDomainDetachDeviceAlias")
_DOMAIN_UPDATE_DEVICE_FLAGS: Int = bind("virDomainUpdateDeviceFlags")
_DOMAIN_FD_ASSOCIATE: Int = bind("virDomainFDAssociate")


class Devices(Owned):
    """Methods of virDomain."""

    def attachDevice(self, xml: str) -> int:
        """virDomainAttachDevice (libvirt 0.1.9; domain:write)."""
        return _DOMAIN_ATTACH_DEVICE(self, xml)

    def attachDeviceFlags(self, xml: str, flags: int = 0) -> int:
        """virDomainAttachDeviceFlags (libvirt 0.7.7; domain:write)."""
        return _DOMAIN_ATTACH_DEVICE_FLAGS(self, xml, flags)

    def detachDevice(self, xml: str) -> int:
        """virDomainDetachDevice (libvirt 0.1.9; domain:write)."""
        return _DOMAIN_DETACH_DEVICE(self, xml)

    def detachDeviceFlags(self, xml: str, flags: int = 0) -> int:
        """virDomainDetachDeviceFlags (libvirt 0.7.7; domain:write)."""
        return _DOMAIN_DETACH_DEVICE_FLAGS(self, xml, flags)

    def detachDeviceAlias(self, alias: str, flags: int = 0) -> int:
        """virDomainDetachDeviceAlias (libvirt 4.4.0; domain:write)."""
        return _DOMAIN_DETACH_DEVICE_ALIAS(self, alias, flags)

    def updateDeviceFlags(self, xml: str, flags: int = 0) -> int:
        """virDomainUpdateDeviceFlags (libvirt 0.8.0; domain:write)."""
        return _DOMAIN_UPDATE_DEVICE_FLAGS(self, xml, flags)

    def FDAssociate(self, name: str | None, files: Any, flags: int = 0) -> int:
        """virDomainFDAssociate (libvirt 9.0.0)."""
        return _DOMAIN_FD_ASSOCIATE(self, name, files, flags)
