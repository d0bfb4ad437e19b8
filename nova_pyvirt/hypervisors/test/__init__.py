# SPDX-License-Identifier: Apache-2.0
"""The in-memory hypervisor, test:///default: for users' tests, without any host."""

from nova_pyvirt.hypervisors.test.opening import open_table
from nova_pyvirt.hypervisors.test.table import TestTable

__all__ = ["TestTable", "open_table"]
