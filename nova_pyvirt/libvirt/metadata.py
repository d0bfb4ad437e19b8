# SPDX-License-Identifier: Apache-2.0
"""What libvirt checks about metadata of domains and networks before the driver is asked."""

from collections.abc import Sequence
from typing import Any, Final

from nova_pyvirt.api import Row, row
from nova_pyvirt.libvirt.checks import Test, refuse
from nova_pyvirt.libvirt.handle import ConnectionHandle

_DESCRIPTION: Final = 0
_TITLE: Final = 1
_ELEMENT: Final = 2


def _need_null(data: Row, name: str, value: Any) -> None:
    if value is not None:
        raise refuse(data, name, f"{name} in {data.function} must be NULL")


def _need_value(data: Row, name: str, value: Any) -> None:
    if value is None:
        raise refuse(data, name, f"{name} in {data.function} must not be NULL")


def check_get(function: str) -> Test:
    """(type, uri, flags)."""
    data = row(function)

    def test(conn: ConnectionHandle, args: Sequence[Any]) -> None:
        kind, uri = args[:2]
        if kind in (_TITLE, _DESCRIPTION):
            _need_null(data, "uri", uri)
        elif kind == _ELEMENT:
            _need_value(data, "uri", uri)

    return test


def check_set(function: str) -> Test:
    """(type, metadata, key, uri, flags)."""
    data = row(function)

    def test(conn: ConnectionHandle, args: Sequence[Any]) -> None:
        kind, metadata, key, uri = args[:4]
        if kind == _TITLE and metadata and "\n" in metadata:
            raise refuse(data, "metadata", "metadata title can't contain newlines")
        if kind in (_TITLE, _DESCRIPTION):
            _need_null(data, "uri", uri)
            _need_null(data, "key", key)
        elif kind == _ELEMENT:
            _need_value(data, "uri", uri)
            if metadata:
                _need_value(data, "key", key)

    return test
