# SPDX-License-Identifier: Apache-2.0
"""What the guest agent does."""

from operator import index
from typing import Any

from nova_pyvirt.libvirt.call import Dict, Int, List, Str, Strs, bind
from nova_pyvirt.libvirt.domain.shapes import filesystems, interfaces
from nova_pyvirt.libvirt.domain.shapes import time as time_shape
from nova_pyvirt.libvirt.objects import Owned


def _split_time(time: Any) -> tuple[int, int]:
    """Seconds and nanoseconds of a dict, (0, 0) of None."""
    if time is None:
        return 0, 0
    if not isinstance(time, dict):
        raise TypeError("time must be a dictionary or None with flags set")
    if "seconds" not in time:
        raise LookupError("Dictionary must contains 'seconds'")
    if set(time) - {"seconds", "nseconds"}:
        raise LookupError("Dictionary contains unknown key")
    return index(time["seconds"]), index(time.get("nseconds", 0))


_FS_FREEZE: Int = bind("virDomainFSFreeze")
_FS_THAW: Int = bind("virDomainFSThaw")
_DOMAIN_FS_TRIM: Int = bind("virDomainFSTrim")
_DOMAIN_GET_FS_INFO: List = bind("virDomainGetFSInfo", filesystems)
_GET_TIME: Dict = bind("virDomainGetTime", time_shape)
_SET_TIME: Int = bind("virDomainSetTime", args="seconds:L nseconds:I flags:I")
_DOMAIN_GET_GUEST_INFO: Dict = bind("virDomainGetGuestInfo")
_DOMAIN_GET_HOSTNAME: Str = bind("virDomainGetHostname")
_DOMAIN_INTERFACE_ADDRESSES: Dict = bind("virDomainInterfaceAddresses", interfaces)
_DOMAIN_SET_USER_PASSWORD: Int = bind("virDomainSetUserPassword")
_DOMAIN_AUTHORIZED_SSH_KEYS_GET: Strs = bind("virDomainAuthorizedSSHKeysGet")
_DOMAIN_AUTHORIZED_SSH_KEYS_SET: Int = bind("virDomainAuthorizedSSHKeysSet")
_DOMAIN_AGENT_SET_RESPONSE_TIMEOUT: Int = bind("virDomainAgentSetResponseTimeout")


class Guest(Owned):
    """Methods of virDomain."""

    def fsFreeze(self, mountpoints: list[str] | None = None, flags: int = 0) -> int:
        """virDomainFSFreeze (libvirt 1.2.5; domain:fs-freeze).

        :param mountpoints: None or []: all
        :returns: the number of filesystems frozen
        """
        return _FS_FREEZE(self, mountpoints or [], flags)

    def fsThaw(self, mountpoints: list[str] | None = None, flags: int = 0) -> int:
        """virDomainFSThaw (libvirt 1.2.5; domain:fs-freeze).

        :param mountpoints: None or []: all
        :returns: the number of filesystems thawed
        """
        return _FS_THAW(self, mountpoints or [], flags)

    def fSTrim(self, mountPoint: str | None, minimum: int, flags: int = 0) -> int:
        """virDomainFSTrim (libvirt 1.0.1; domain:fs-trim)."""
        return _DOMAIN_FS_TRIM(self, mountPoint, minimum, flags)

    def fsInfo(self, flags: int = 0) -> list[Any]:
        """virDomainGetFSInfo (libvirt 1.2.11; domain:fs-freeze)."""
        return _DOMAIN_GET_FS_INFO(self, flags)

    def getTime(self, flags: int = 0) -> dict[str, int]:
        """virDomainGetTime (libvirt 1.2.5; domain:write): seconds and nseconds since 1970."""
        return _GET_TIME(self, flags)

    def setTime(self, time: dict[str, int] | None = None, flags: int = 0) -> int:
        """virDomainSetTime (libvirt 1.2.5; domain:set-time).

        :param time: seconds (and nseconds) since 1970; None with VIR_DOMAIN_TIME_SYNC
        """
        seconds, nseconds = _split_time(time)
        return _SET_TIME(self, seconds, nseconds, flags)

    def guestInfo(self, types: int = 0, flags: int = 0) -> dict[str, Any]:
        """virDomainGetGuestInfo (libvirt 5.7.0; domain:write)."""
        return _DOMAIN_GET_GUEST_INFO(self, types, flags)

    def hostname(self, flags: int = 0) -> str:
        """virDomainGetHostname (libvirt 0.10.0; domain:write)."""
        return _DOMAIN_GET_HOSTNAME(self, flags)

    def interfaceAddresses(self, source: int, flags: int = 0) -> dict[str, Any]:
        """virDomainInterfaceAddresses (libvirt 1.2.14; domain:read, domain:write)."""
        return _DOMAIN_INTERFACE_ADDRESSES(self, source, flags)

    def setUserPassword(self, user: str, password: str, flags: int = 0) -> int:
        """virDomainSetUserPassword (libvirt 1.2.16; domain:set-password)."""
        return _DOMAIN_SET_USER_PASSWORD(self, user, password, flags)

    def authorizedSSHKeysGet(self, user: str, flags: int = 0) -> list[str]:
        """virDomainAuthorizedSSHKeysGet (libvirt 6.10.0)."""
        return _DOMAIN_AUTHORIZED_SSH_KEYS_GET(self, user, flags)

    def authorizedSSHKeysSet(self, user: str, keys: list[str] | None = None, flags: int = 0) -> int:
        """virDomainAuthorizedSSHKeysSet (libvirt 6.10.0)."""
        return _DOMAIN_AUTHORIZED_SSH_KEYS_SET(self, user, keys or [], flags)

    def agentSetResponseTimeout(self, timeout: int, flags: int = 0) -> int:
        """virDomainAgentSetResponseTimeout (libvirt 5.10.0; domain:write)."""
        return _DOMAIN_AGENT_SET_RESPONSE_TIMEOUT(self, timeout, flags)
