# SPDX-License-Identifier: Apache-2.0
"""libvirt's API as data: one row for each call, constants, events."""

from nova_pyvirt.api.calls import Argument, Check, Row, arguments, row, rows
from nova_pyvirt.api.constants import BASE, LATER, constant
from nova_pyvirt.api.events import FAMILIES, Family

__all__ = [
    "BASE",
    "FAMILIES",
    "LATER",
    "Argument",
    "Check",
    "Family",
    "Row",
    "arguments",
    "constant",
    "row",
    "rows",
]
