# SPDX-License-Identifier: Apache-2.0
"""libvirt's constants by name."""

from nova_pyvirt.api.data.constants import BASE, LATER

__all__ = ["BASE", "LATER", "constant", "flags"]


def constant(name: str) -> int | str:
    """The value of a constant; raises KeyError for a name that libvirt doesn't have."""
    return BASE[name] if name in BASE else LATER[name]


def flags(names: str) -> int:
    """The sum of flags written ``A+B``."""
    value = 0
    for name in names.split("+"):
        value |= int(constant(name))
    return value
