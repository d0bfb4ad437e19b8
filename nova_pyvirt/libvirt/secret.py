# SPDX-License-Identifier: Apache-2.0
"""virSecret."""

from nova_pyvirt.libvirt import uuids
from nova_pyvirt.libvirt.call import Bytes, Int, Str, bind
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.libvirt.refs import ref_of

_SECRET_GET_XML_DESC: Str = bind("virSecretGetXMLDesc")
_SECRET_SET_VALUE: Int = bind("virSecretSetValue")
_SECRET_GET_VALUE: Bytes = bind("virSecretGetValue")
_SECRET_UNDEFINE: Int = bind("virSecretUndefine")


class virSecret(Owned):
    """A secret kept by the host."""

    _kind = "virSecret"

    def UUID(self) -> bytes:
        """Sixteen bytes."""
        value: bytes = ref_of(self, "virSecretGetUUID").uuid
        return value

    def UUIDString(self) -> str:
        """The UUID with dashes."""
        value: str = uuids.show(ref_of(self, "virSecretGetUUIDString").uuid)
        return value

    def usageType(self) -> int:
        """As the object was made."""
        value: int = ref_of(self, "virSecretGetUsageType").usage_type
        return value

    def usageID(self) -> str:
        """As the object was made."""
        value: str = ref_of(self, "virSecretGetUsageID").usage_id
        return value

    def XMLDesc(self, flags: int = 0) -> str:
        """virSecretGetXMLDesc (libvirt 0.7.1; secret:read)."""
        return _SECRET_GET_XML_DESC(self, flags)

    def setValue(self, value: bytes | str, flags: int = 0) -> int:
        """virSecretSetValue (libvirt 0.7.1; secret:write).

        :param value: the secret; text is taken as UTF-8
        """
        if isinstance(value, str):
            value = value.encode()
        elif value is not None:
            value = bytes(memoryview(value))
        return _SECRET_SET_VALUE(self, value, flags)

    def value(self, flags: int = 0) -> bytes:
        """virSecretGetValue (libvirt 0.7.1; secret:read-secure)."""
        return _SECRET_GET_VALUE(self, flags)

    def undefine(self) -> int:
        """virSecretUndefine (libvirt 0.7.1; secret:delete)."""
        return _SECRET_UNDEFINE(self)
