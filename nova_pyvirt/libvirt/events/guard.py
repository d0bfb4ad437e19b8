# SPDX-License-Identifier: Apache-2.0
"""Calling what users registered."""

import sys
from collections.abc import Callable
from typing import Any


def guarded(callback: Callable[..., object], *args: Any) -> None:
    """callback(*args); what it raises is printed, as libvirt-python does, and harms nobody else."""
    try:
        callback(*args)
    except Exception:  # noqa: BLE001 - the user's code: anything may come
        sys.excepthook(*sys.exc_info())
