# SPDX-License-Identifier: Apache-2.0
"""Block jobs and backups."""

from typing import Any, Final

from nova_pyvirt.libvirt.call import Dict, Int, Str, bind
from nova_pyvirt.libvirt.convert import hinted
from nova_pyvirt.libvirt.domain.shapes import block_job
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.util import typed

_HINTS: Final[dict[str, type]] = {
    "bandwidth": typed.ULLong,
    "granularity": typed.UInt,
    "buf-size": typed.ULLong,
}


_DOMAIN_BLOCK_COMMIT: Int = bind("virDomainBlockCommit")
_BLOCK_COPY: Int = bind("virDomainBlockCopy")
_DOMAIN_BLOCK_PULL: Int = bind("virDomainBlockPull")
_DOMAIN_BLOCK_REBASE: Int = bind("virDomainBlockRebase")
_DOMAIN_BLOCK_JOB_ABORT: Int = bind("virDomainBlockJobAbort")
_DOMAIN_GET_BLOCK_JOB_INFO: Dict = bind("virDomainGetBlockJobInfo", block_job)
_DOMAIN_BLOCK_JOB_SET_SPEED: Int = bind("virDomainBlockJobSetSpeed")
_DOMAIN_BACKUP_BEGIN: Int = bind("virDomainBackupBegin")
_DOMAIN_BACKUP_GET_XML_DESC: Str = bind("virDomainBackupGetXMLDesc")


class BlockJob(Owned):
    """Methods of virDomain."""

    def blockCommit(
        self, disk: str, base: str | None, top: str | None, bandwidth: int = 0, flags: int = 0
    ) -> int:
        """virDomainBlockCommit (libvirt 0.10.2; domain:block-write)."""
        return _DOMAIN_BLOCK_COMMIT(self, disk, base, top, bandwidth, flags)

    def blockCopy(
        self, disk: str, destxml: str, params: dict[str, Any] | None = None, flags: int = 0
    ) -> int:
        """virDomainBlockCopy (libvirt 1.2.8; domain:block_write).

        :param params: VIR_DOMAIN_BLOCK_COPY_*
        """
        return _BLOCK_COPY(self, disk, destxml, hinted(params or {}, _HINTS), flags)

    def blockPull(self, disk: str, bandwidth: int = 0, flags: int = 0) -> int:
        """virDomainBlockPull (libvirt 0.9.4; domain:block-write)."""
        return _DOMAIN_BLOCK_PULL(self, disk, bandwidth, flags)

    def blockRebase(self, disk: str, base: str | None, bandwidth: int = 0, flags: int = 0) -> int:
        """virDomainBlockRebase (libvirt 0.9.10; domain:block-write)."""
        return _DOMAIN_BLOCK_REBASE(self, disk, base, bandwidth, flags)

    def blockJobAbort(self, disk: str, flags: int = 0) -> int:
        """virDomainBlockJobAbort (libvirt 0.9.4; domain:write)."""
        return _DOMAIN_BLOCK_JOB_ABORT(self, disk, flags)

    def blockJobInfo(self, path: str, flags: int = 0) -> dict[str, Any]:
        """virDomainGetBlockJobInfo (libvirt 0.9.4; domain:read)."""
        return _DOMAIN_GET_BLOCK_JOB_INFO(self, path, flags)

    def blockJobSetSpeed(self, disk: str, bandwidth: int, flags: int = 0) -> int:
        """virDomainBlockJobSetSpeed (libvirt 0.9.4; domain:write)."""
        return _DOMAIN_BLOCK_JOB_SET_SPEED(self, disk, bandwidth, flags)

    def backupBegin(self, backupXML: str, checkpointXML: str | None, flags: int = 0) -> int:
        """virDomainBackupBegin (libvirt 6.0.0; domain:checkpoint, domain:block-write)."""
        return _DOMAIN_BACKUP_BEGIN(self, backupXML, checkpointXML, flags)

    def backupGetXMLDesc(self, flags: int = 0) -> str:
        """virDomainBackupGetXMLDesc (libvirt 6.0.0; domain:read)."""
        return _DOMAIN_BACKUP_GET_XML_DESC(self, flags)
