# SPDX-License-Identifier: Apache-2.0
"""Control groups of guests: where they are, what they limit and what they have counted."""

from nova_pyvirt.core.cgroup.group import Cgroup
from nova_pyvirt.core.cgroup.layout import (
    CONTROLLERS,
    ROOT,
    UNIFIED,
    hierarchies,
    machine_name,
    remove_tree,
    stale,
)
from nova_pyvirt.core.cgroup.values import UNLIMITED

__all__ = [
    "CONTROLLERS",
    "ROOT",
    "UNIFIED",
    "UNLIMITED",
    "Cgroup",
    "hierarchies",
    "machine_name",
    "remove_tree",
    "stale",
]
