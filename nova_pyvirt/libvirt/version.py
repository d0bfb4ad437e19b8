# SPDX-License-Identifier: Apache-2.0
"""Versions, and the library's (empty) initialisation."""

from typing import Final

from nova_pyvirt.errors import set_last_error
from nova_pyvirt.libvirt.convert import string

#: the libvirt whose behaviour this is: 1000000 * major + 1000 * minor + release
LIBVIRT_VERSION: Final = 9_000_000


def getVersion(name: str | None = None) -> int | tuple[int, int]:
    """virGetVersion (libvirt 0.0.3).

    :param name: a driver: the result is (library's version, driver's version)
    """
    driver = string(name, "virGetVersion", 1)
    set_last_error(None)
    if driver is None:
        return LIBVIRT_VERSION
    return LIBVIRT_VERSION, LIBVIRT_VERSION


def virInitialize() -> int:
    """Nothing is left to do. Returns 0."""
    return 0
