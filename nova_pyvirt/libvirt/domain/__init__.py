# SPDX-License-Identifier: Apache-2.0
"""virDomain, its methods by topic."""

from nova_pyvirt.libvirt.domain.domain import virDomain

__all__ = ["virDomain"]
