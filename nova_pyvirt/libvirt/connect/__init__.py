# SPDX-License-Identifier: Apache-2.0
"""virConnect, its methods by topic."""

from nova_pyvirt.libvirt.connect.connection import virConnect
from nova_pyvirt.libvirt.connect.opening import open, openAuth, openReadOnly

__all__ = ["open", "openAuth", "openReadOnly", "virConnect"]
