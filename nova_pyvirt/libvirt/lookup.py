# SPDX-License-Identifier: Apache-2.0
"""UUIDs given to lookups."""

from typing import Any

from nova_pyvirt.api import row
from nova_pyvirt.errors import libvirtError, set_last_error
from nova_pyvirt.libvirt import uuids
from nova_pyvirt.libvirt.call import fail
from nova_pyvirt.libvirt.checks import refuse
from nova_pyvirt.libvirt.convert import string
from nova_pyvirt.libvirt.errors import invalid_object


def by_uuid(uuid: Any, function: str) -> bytes:
    """Sixteen bytes, or a string that is as long in UTF-8.

    :raises libvirtError: of no code for another length, as libvirt-python does
    """
    if isinstance(uuid, str):
        uuid = uuid.encode()
    if not isinstance(uuid, bytes | bytearray | memoryview | None):
        name = type(uuid).__name__
        raise TypeError(
            f"{function}() argument 2 must be str, read-only bytes-like object or None, not {name}"
        )
    if uuid is None or len(uuid) != 16:
        set_last_error(None)
        raise libvirtError(f"{function}() failed")
    return bytes(uuid)


def uuid_of(obj: Any, text: Any, function: str) -> bytes:
    """The bytes of a UUID as text.

    :raises libvirtError: INVALID_ARG "Invalid UUID"
    """
    value = string(text, function, 2)
    set_last_error(None)
    data = row(function)
    if obj._o is None:
        raise fail(obj, invalid_object(obj._kind, function, 20))
    if value is None:
        raise fail(obj, refuse(data, "uuidstr", f"uuidstr in {function} must not be NULL"))
    uuid = uuids.parse(value)
    if uuid is None:
        raise fail(obj, refuse(data, "uuidstr", "Invalid UUID"))
    return uuid
