# SPDX-License-Identifier: Apache-2.0
"""The job that a domain is busy with."""

from typing import Any

from nova_pyvirt.libvirt.call import Dict, Int, List, bind
from nova_pyvirt.libvirt.domain.shapes import job_stats
from nova_pyvirt.libvirt.objects import Owned

_DOMAIN_ABORT_JOB: Int = bind("virDomainAbortJob")
_DOMAIN_ABORT_JOB_FLAGS: Int = bind("virDomainAbortJobFlags")
_DOMAIN_GET_JOB_INFO: List = bind("virDomainGetJobInfo")
_DOMAIN_GET_JOB_STATS: Dict = bind("virDomainGetJobStats", job_stats)


class Job(Owned):
    """Methods of virDomain."""

    def abortJob(self) -> int:
        """virDomainAbortJob (libvirt 0.7.7; domain:write)."""
        return _DOMAIN_ABORT_JOB(self)

    def abortJobFlags(self, flags: int = 0) -> int:
        """virDomainAbortJobFlags (libvirt 8.5.0; domain:write)."""
        return _DOMAIN_ABORT_JOB_FLAGS(self, flags)

    def jobInfo(self) -> list[Any]:
        """virDomainGetJobInfo (libvirt 0.7.7; domain:read)."""
        return _DOMAIN_GET_JOB_INFO(self)

    def jobStats(self, flags: int = 0) -> dict[str, Any]:
        """virDomainGetJobStats (libvirt 1.0.3; domain:read)."""
        return _DOMAIN_GET_JOB_STATS(self, flags)
