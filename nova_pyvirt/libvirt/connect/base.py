# SPDX-License-Identifier: Apache-2.0
"""What virConnect's methods share."""

from typing import Any

from nova_pyvirt.libvirt.handle import ConnectionHandle
from nova_pyvirt.libvirt.objects import check_handle


class Base:
    """A connection.

    :ivar _o: the handle; None after close()
    """

    _kind = "virConnect"
    _o: ConnectionHandle | None

    def __init__(self, _obj: object | None = None) -> None:
        handle = check_handle(_obj)
        self._o = handle.conn

    def c_pointer(self) -> Any:
        """A number that tells one connection from another."""
        return 0 if self._o is None else id(self._o)
