# SPDX-License-Identifier: Apache-2.0
"""Facts about the host: processors, memory, NUMA, identity; all from a readable root."""

from nova_pyvirt.core.host.sysfs import HostFs

__all__ = ["HostFs"]
