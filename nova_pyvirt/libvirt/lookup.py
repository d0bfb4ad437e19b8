# SPDX-License-Identifier: Apache-2.0
"""UUIDs given to lookups."""

from typing import Any

from nova_pyvirt.api import row
from nova_pyvirt.api.refusals import origin_of, refuse
from nova_pyvirt.errors import libvirtError, set_last_error
from nova_pyvirt.libvirt import uuids
from nova_pyvirt.libvirt.call import fail
from nova_pyvirt.libvirt.convert import string
from nova_pyvirt.libvirt.errors import invalid_object


def _raw(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        name = type(value).__name__
        raise TypeError(f"a bytes-like object is required, not '{name}'")
    return bytes(value)


def by_uuid(uuid: Any, function: str) -> bytes:
    """Sixteen bytes, or a string that is as long in UTF-8.

    :raises libvirtError: of no code for another length, as libvirt-python does
    """
    if isinstance(uuid, str):
        uuid = uuid.encode()
    raw = b"" if uuid is None else _raw(uuid)
    if len(raw) != 16:
        set_last_error(None)
        raise libvirtError(f"{function}() failed")
    return raw


def uuid_of(obj: Any, text: Any, function: str) -> bytes:
    """The bytes of a UUID as text.

    :raises libvirtError: INVALID_ARG "Invalid UUID"
    """
    value = string(text, function, 2)
    set_last_error(None)
    data = row(function)
    if obj._o is None:
        raise fail(obj, invalid_object(obj._kind, function, origin_of(data)))
    if value is None:
        raise fail(obj, refuse(data, "uuidstr", f"uuidstr in {function} must not be NULL"))
    uuid = uuids.parse(value)
    if uuid is None:
        raise fail(obj, refuse(data, "uuidstr", "Invalid UUID"))
    return uuid
