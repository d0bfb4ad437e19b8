# SPDX-License-Identifier: Apache-2.0
"""What a domain is and how it does."""

from typing import Any

from nova_pyvirt.libvirt import uuids
from nova_pyvirt.libvirt.call import Int, List, Str, Strs, as_list, bind
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.libvirt.refs import ref_of

_DOMAIN_GET_OS_TYPE: Str = bind("virDomainGetOSType")
_DOMAIN_GET_INFO: List = bind("virDomainGetInfo")
_DOMAIN_GET_STATE: List = bind("virDomainGetState", as_list)
_DOMAIN_GET_CONTROL_INFO: List = bind("virDomainGetControlInfo")
_DOMAIN_IS_ACTIVE: Int = bind("virDomainIsActive")
_DOMAIN_IS_PERSISTENT: Int = bind("virDomainIsPersistent")
_DOMAIN_IS_UPDATED: Int = bind("virDomainIsUpdated")
_DOMAIN_GET_MESSAGES: Strs = bind("virDomainGetMessages")


class Info(Owned):
    """Methods of virDomain that only look."""

    def name(self) -> str:
        """The domain's name."""
        name: str = ref_of(self, "virDomainGetName").name
        return name

    def ID(self) -> int:
        """The id when the object was made, or when it last started the domain; -1: none."""
        number: int = ref_of(self, "virDomainGetID").id
        return number

    def UUID(self) -> bytes:
        """Sixteen bytes."""
        uuid: bytes = ref_of(self, "virDomainGetUUID").uuid
        return uuid

    def UUIDString(self) -> str:
        """The UUID with dashes."""
        return uuids.show(ref_of(self, "virDomainGetUUIDString").uuid)

    def OSType(self) -> str:
        """virDomainGetOSType (libvirt 0.0.3; domain:read)."""
        return _DOMAIN_GET_OS_TYPE(self)

    def info(self) -> list[Any]:
        """virDomainGetInfo (libvirt 0.0.3; domain:read)."""
        return _DOMAIN_GET_INFO(self)

    def state(self, flags: int = 0) -> list[Any]:
        """virDomainGetState (libvirt 0.9.2; domain:read)."""
        return _DOMAIN_GET_STATE(self, flags)

    def controlInfo(self, flags: int = 0) -> list[Any]:
        """virDomainGetControlInfo (libvirt 0.9.3; domain:read)."""
        return _DOMAIN_GET_CONTROL_INFO(self, flags)

    def isActive(self) -> int:
        """virDomainIsActive (libvirt 0.7.3; domain:read)."""
        return _DOMAIN_IS_ACTIVE(self)

    def isPersistent(self) -> int:
        """virDomainIsPersistent (libvirt 0.7.3; domain:read)."""
        return _DOMAIN_IS_PERSISTENT(self)

    def isUpdated(self) -> int:
        """virDomainIsUpdated (libvirt 0.8.6; domain:read)."""
        return _DOMAIN_IS_UPDATED(self)

    def messages(self, flags: int = 0) -> list[str]:
        """virDomainGetMessages (libvirt 7.1.0; domain:read)."""
        return _DOMAIN_GET_MESSAGES(self, flags)
