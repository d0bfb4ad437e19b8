# SPDX-License-Identifier: Apache-2.0
"""Secrets kept for guests' storage and TPMs (libvirt's secret driver)."""

from nova_pyvirt.core.secrets.document import Secret, Usage
from nova_pyvirt.core.secrets.store import SecretStore

__all__ = ["Secret", "SecretStore", "Usage"]
