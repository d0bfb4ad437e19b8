# SPDX-License-Identifier: Apache-2.0
"""Calls that the object itself can answer: its name, its UUID."""

from typing import Any

from nova_pyvirt.errors import set_last_error
from nova_pyvirt.libvirt.call import fail
from nova_pyvirt.libvirt.errors import invalid_object


def ref_of(obj: Any, function: str) -> Any:
    """The ref of an object that is still there.

    :param function: C function of the call, for the error
    """
    set_last_error(None)
    handle = obj._o
    if handle is None:
        raise fail(obj, invalid_object(obj._kind, function, 0))
    return handle.ref
