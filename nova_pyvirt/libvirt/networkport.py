# SPDX-License-Identifier: Apache-2.0
"""virNetworkPort."""

from typing import Any

from nova_pyvirt.libvirt import uuids
from nova_pyvirt.libvirt.call import Dict, Int, Str, bind, typed
from nova_pyvirt.libvirt.convert import check_dict, like
from nova_pyvirt.libvirt.objects import Object, check_handle
from nova_pyvirt.libvirt.refs import ref_of

_GET_XML_DESC: Str = bind("virNetworkPortGetXMLDesc")
_DELETE: Int = bind("virNetworkPortDelete")
_GET_PARAMETERS: Dict = bind("virNetworkPortGetParameters")
_OLD_PARAMETERS: Dict = bind("virNetworkPortGetParameters", typed)
_SET_PARAMETERS: Int = bind("virNetworkPortSetParameters")


class virNetworkPort(Object):
    """A port of a virtual network."""

    _kind = "virNetworkPort"

    def __init__(self, net: Any, _obj: object | None = None) -> None:
        self._net = net
        self._conn = net.connect()
        self._o = check_handle(_obj)

    def connect(self) -> Any:
        """The virConnect."""
        return self._conn

    def network(self) -> Any:
        """The virNetwork."""
        return self._net

    def UUID(self) -> bytes:
        """Sixteen bytes."""
        uuid: bytes = ref_of(self, "virNetworkPortGetUUID").uuid
        return uuid

    def UUIDString(self) -> str:
        """The UUID with dashes."""
        return uuids.show(ref_of(self, "virNetworkPortGetUUIDString").uuid)

    def XMLDesc(self, flags: int = 0) -> str:
        """virNetworkPortGetXMLDesc (libvirt 5.5.0; network-port:read)."""
        return _GET_XML_DESC(self, flags)

    def delete(self, flags: int = 0) -> int:
        """virNetworkPortDelete (libvirt 5.5.0; network-port:delete)."""
        return _DELETE(self, flags)

    def parameters(self, flags: int = 0) -> dict[str, Any]:
        """virNetworkPortGetParameters (libvirt 5.5.0; network-port:read)."""
        return _GET_PARAMETERS(self, flags)

    def setParameters(self, params: dict[str, Any], flags: int = 0) -> int:
        """virNetworkPortSetParameters (libvirt 5.5.0; network-port:write).

        :param params: some of what :meth:`parameters` shows, which is read first
        """
        check_dict(params)
        known = _OLD_PARAMETERS(self, flags)
        return _SET_PARAMETERS(self, like(params, known), flags)
