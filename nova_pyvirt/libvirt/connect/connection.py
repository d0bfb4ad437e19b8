# SPDX-License-Identifier: Apache-2.0
"""virConnect."""

from types import TracebackType
from typing import Any

from nova_pyvirt.core.stream import Stream
from nova_pyvirt.errors import ErrorTuple, set_last_error
from nova_pyvirt.libvirt.call import checked, fail
from nova_pyvirt.libvirt.connect.domains import Domains
from nova_pyvirt.libvirt.connect.events import Events
from nova_pyvirt.libvirt.connect.host import Host
from nova_pyvirt.libvirt.connect.interfaces import Interfaces
from nova_pyvirt.libvirt.connect.networks import Networks
from nova_pyvirt.libvirt.connect.nodedevices import NodeDevices
from nova_pyvirt.libvirt.connect.nwfilters import NWFilters
from nova_pyvirt.libvirt.connect.saved import Saved
from nova_pyvirt.libvirt.connect.secrets import Secrets
from nova_pyvirt.libvirt.connect.storage import Storage
from nova_pyvirt.libvirt.errors import invalid_object
from nova_pyvirt.libvirt.handle import Handle
from nova_pyvirt.libvirt.stream import virStream
from nova_pyvirt.util.native import offload

_STREAM_NEW = checked("virStreamNew")
_NONBLOCK = 1


class virConnect(
    Domains,
    Saved,
    Host,
    Networks,
    Storage,
    NodeDevices,
    Secrets,
    NWFilters,
    Interfaces,
    Events,
):
    """A connection to a hypervisor; made by open(), openReadOnly() and openAuth()."""

    def __del__(self) -> None:
        handle, self._o = self.__dict__.get("_o"), None
        if handle is not None:
            handle.free()

    def __enter__(self) -> "virConnect":
        return self

    def __exit__(
        self,
        exc_type_: type[BaseException] | None,
        exc_value_: BaseException | None,
        traceback_: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> int:
        """virConnectClose (libvirt 0.0.3).

        :returns: 1 when objects or callbacks still hold the connection, else 0: it is closed
        """
        set_last_error(None)
        handle = self._o
        if handle is None:
            raise fail(self, invalid_object("virConnect", "virConnectClose", 0))
        self._o = None
        return int(offload(handle.release, handle))

    def newStream(self, flags: int = 0) -> virStream:
        """virStreamNew (libvirt 0.7.2).

        :param flags: VIR_STREAM_NONBLOCK
        """
        args = _STREAM_NEW(self, flags)
        handle = self._o
        return virStream(self, handle and Handle(handle.conn, Stream(bool(args[0] & _NONBLOCK))))

    def virConnGetLastError(self) -> Any:
        """The connection's last error as libvirt's nine fields, None when there is none."""
        return None if self._o is None else self._o.conn.err

    def virConnResetLastError(self) -> None:
        """Forgets the connection's last error."""
        if self._o is not None:
            none: ErrorTuple | None = None
            self._o.conn.err = none
