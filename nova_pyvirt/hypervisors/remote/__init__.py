# SPDX-License-Identifier: Apache-2.0
"""The driver table over libvirt's RPC, to pyvirtd or to a real libvirtd."""

from nova_pyvirt.hypervisors.remote.table import RemoteTable, open_table

__all__ = ["RemoteTable", "open_table"]
