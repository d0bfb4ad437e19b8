# SPDX-License-Identifier: Apache-2.0
"""Disks of a domain: size, limits, contents."""

from typing import Any

from nova_pyvirt.libvirt.call import Bytes, Dict, Int, List, bind, typed
from nova_pyvirt.libvirt.convert import check_dict, hinted, like
from nova_pyvirt.libvirt.domain.shapes import pairs
from nova_pyvirt.libvirt.objects import Owned

_DOMAIN_GET_BLOCK_INFO: List = bind("virDomainGetBlockInfo")
_DOMAIN_BLOCK_RESIZE: Int = bind("virDomainBlockResize")
_DOMAIN_BLOCK_PEEK: Bytes = bind("virDomainBlockPeek", typed)
_DOMAIN_GET_BLOCK_IO_TUNE: Dict = bind("virDomainGetBlockIoTune")
_OLD_DOMAIN_GET_BLOCK_IO_TUNE: Dict = bind("virDomainGetBlockIoTune", typed)
_DOMAIN_SET_BLOCK_IO_TUNE: Int = bind("virDomainSetBlockIoTune")
_SET_THROTTLE_GROUP: Int = bind("virDomainSetThrottleGroup")
_DOMAIN_DEL_THROTTLE_GROUP: Int = bind("virDomainDelThrottleGroup")
_DOMAIN_SET_BLOCK_THRESHOLD: Int = bind("virDomainSetBlockThreshold")
_DOMAIN_GET_DISK_ERRORS: Dict = bind("virDomainGetDiskErrors", pairs)


class Block(Owned):
    """Methods of virDomain."""

    def blockInfo(self, path: str, flags: int = 0) -> list[Any]:
        """virDomainGetBlockInfo (libvirt 0.8.1; domain:read)."""
        return _DOMAIN_GET_BLOCK_INFO(self, path, flags)

    def blockResize(self, disk: str, size: int, flags: int = 0) -> int:
        """virDomainBlockResize (libvirt 0.9.8; domain:block-write)."""
        return _DOMAIN_BLOCK_RESIZE(self, disk, size, flags)

    def blockPeek(self, disk: str, offset: int, size: int, flags: int = 0) -> bytes:
        """virDomainBlockPeek (libvirt 0.4.2; domain:block-read)."""
        return _DOMAIN_BLOCK_PEEK(self, disk, offset, size, flags)

    def blockIoTune(self, disk: str | None, flags: int = 0) -> dict[str, Any]:
        """virDomainGetBlockIoTune (libvirt 0.9.8; domain:read)."""
        return _DOMAIN_GET_BLOCK_IO_TUNE(self, disk, flags)

    def setBlockIoTune(self, disk: str, params: dict[str, Any], flags: int = 0) -> int:
        """virDomainSetBlockIoTune (libvirt 0.9.8).

        :param params: some of what :meth:`blockIoTune` shows: read first
        :raises LookupError: `params` is empty or has a name that was not read
        :raises TypeError: a value has another type
        """
        check_dict(params)
        known = _OLD_DOMAIN_GET_BLOCK_IO_TUNE(self, disk, flags)
        return _DOMAIN_SET_BLOCK_IO_TUNE(self, disk, like(params, known), flags)

    def setThrottleGroup(self, group: str, params: dict[str, Any], flags: int = 0) -> int:
        """virDomainSetThrottleGroup (libvirt 11.2.0; domain:write).

        :param params: VIR_DOMAIN_BLOCK_IOTUNE_*
        """
        return _SET_THROTTLE_GROUP(self, group, hinted(params, {}), flags)

    def delThrottleGroup(self, group: str | None, flags: int = 0) -> int:
        """virDomainDelThrottleGroup (libvirt 11.2.0; domain:write)."""
        return _DOMAIN_DEL_THROTTLE_GROUP(self, group, flags)

    def setBlockThreshold(self, dev: str, threshold: int, flags: int = 0) -> int:
        """virDomainSetBlockThreshold (libvirt 3.1.0; domain:write)."""
        return _DOMAIN_SET_BLOCK_THRESHOLD(self, dev, threshold, flags)

    def diskErrors(self, flags: int = 0) -> dict[str, Any]:
        """virDomainGetDiskErrors (libvirt 0.9.10; domain:read)."""
        return _DOMAIN_GET_DISK_ERRORS(self, flags)
