# SPDX-License-Identifier: Apache-2.0
"""Names of the module `libvirt` that are not its own: constants, in dir() as in 9.0.0."""

from collections.abc import Callable
from typing import Any

from nova_pyvirt.api import BASE, LATER

__all__ = ["CONSTANTS", "install"]

CONSTANTS = list(BASE)


def install(namespace: dict[str, Any]) -> Callable[[str], int | str]:
    """Puts libvirt-python 9.0.0's constants into a module.

    :returns: the module's ``__getattr__``: later constants are there for who asks by name
    """
    namespace.update(BASE)

    def missing(name: str) -> int | str:
        if name in LATER:
            return LATER[name]
        raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")

    return missing
