#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes doc/source/internals/states.rst from the table of transitions (core/statemap.py)."""

import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP))

from nova_pyvirt.core.statemap import STEPS, Step  # noqa: E402
from nova_pyvirt.core.states import State  # noqa: E402

TARGET = TOP / "doc/source/internals/states.rst"
HEAD = """.. This file is made by tools/gen_states.py from nova_pyvirt/core/statemap.py.

States of a domain
==================
A domain's state changes only as below. Another step - QEMU has taken it by itself - is followed,
and told in the log as an error.

Diagram
-------
Each line is a way from one state to another; the numbers lead to the table.

.. code-block:: none

"""
TABLE = """
Steps
-----
The event is what subscribers of VIR_DOMAIN_EVENT_ID_LIFECYCLE get: its number and its detail's.

.. list-table::
   :header-rows: 1
   :widths: 5 15 30 35 15

   * - No.
     - From
     - To (reason)
     - When
     - Event
"""


def text() -> str:
    """The whole page."""
    return HEAD + "".join(_lines()) + TABLE + "".join(map(_row, range(len(STEPS)), STEPS))


def _lines() -> list[str]:
    lines = []
    for source in State:
        for target in State:
            numbers = [
                str(number)
                for number, step in enumerate(STEPS, 1)
                if (step.source, step.target) == (source, target)
            ]
            if numbers:
                lines.append(f"    {source.name:<12} --> {target.name:<12} {','.join(numbers)}\n")
    return lines


def _row(number: int, step: Step) -> str:
    told = "" if step.told is None else f"{step.told[0].name}, {step.told[1]}"
    cells = (
        str(number + 1),
        step.source.name,
        f"{step.target.name} ({step.reason.name})",
        step.cause,
        told or "\\-",
    )
    first, *rest = cells
    return f"   * - {first}\n" + "".join(f"     - {cell}\n" for cell in rest)


if __name__ == "__main__":
    TARGET.write_text(text())
