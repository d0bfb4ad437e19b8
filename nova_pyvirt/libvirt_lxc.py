# SPDX-License-Identifier: Apache-2.0
"""A drop-in for libvirt-python's `libvirt_lxc`: entering containers."""

from typing import Any, Final

from nova_pyvirt.libvirt import virDomain
from nova_pyvirt.libvirt.call import Int, List, as_list, bind

VIR_LXC_OPEN_NAMESPACE_DEFAULT: Final = 0

_OPEN_NAMESPACE: List = bind("virDomainLxcOpenNamespace", as_list, args="flags:I")
_ENTER_CGROUP: Int = bind("virDomainLxcEnterCGroup", args="flags:I")


def lxcOpenNamespace(domain: virDomain, flags: int) -> list[Any]:
    """virDomainLxcOpenNamespace (libvirt 1.0.2): descriptors of a container's namespaces."""
    return _OPEN_NAMESPACE(domain, flags)


def lxcEnterCGroup(domain: virDomain, flags: int) -> int:
    """virDomainLxcEnterCGroup (libvirt 2.0.0): puts the calling process into the container's."""
    return _ENTER_CGROUP(domain, flags)
