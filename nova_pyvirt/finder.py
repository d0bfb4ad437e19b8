# SPDX-License-Identifier: Apache-2.0
"""Lets nova find ``nova.virt.pyvirt`` when this package lies outside nova's own directory.

nova imports a compute driver as ``nova.virt.<compute_driver>`` and from nowhere else. A wheel puts
the shim right there; an editable install, or pip beside a distribution's nova, does not. So the
first import of nova_pyvirt, of any part of it, installs a finder for this one name. Two things see to
that import: the console script ``nova-compute-pyvirt``, and nova-compute itself, which loads all
os-vif plugins before its driver: driver/os_vif_plugin.py is one.
"""

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from types import ModuleType

NAME = "nova.virt.pyvirt"
_SHIM = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
    "nova",
    "virt",
    "pyvirt",
    "__init__.py",
)


class ShimFinder:
    """A finder on sys.meta_path that knows one module."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """The shim's spec; None for every other module, and where the shim's file is missing."""
        if fullname != NAME or not os.path.exists(_SHIM):
            return None
        return importlib.util.spec_from_file_location(
            fullname, _SHIM, submodule_search_locations=[os.path.dirname(_SHIM)]
        )


def install() -> None:
    """Appends the finder, once: a shim in nova's own directory is found before it."""
    if not any(isinstance(finder, ShimFinder) for finder in sys.meta_path):
        sys.meta_path.append(ShimFinder())
