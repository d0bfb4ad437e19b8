# SPDX-License-Identifier: Apache-2.0
"""libvirt's programming interface and nova's compute driver, in Python over QEMU."""

from nova_pyvirt import finder

finder.install()
