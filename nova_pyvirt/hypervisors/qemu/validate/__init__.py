# SPDX-License-Identifier: Apache-2.0
"""What libvirt refuses, with its codes and words (virDomainDefValidate, qemuValidateDomainDef)."""

from nova_pyvirt.hypervisors.qemu.validate.domain import check

__all__ = ["check"]
