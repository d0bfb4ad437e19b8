# SPDX-License-Identifier: Apache-2.0
"""Secrets."""

from nova_pyvirt.libvirt.call import Int, Ref, Refs, Strs, bind
from nova_pyvirt.libvirt.connect.base import Base
from nova_pyvirt.libvirt.lookup import by_uuid, uuid_of
from nova_pyvirt.libvirt.secret import virSecret

_SECRET_LOOKUP_BY_UUID: Ref = bind("virSecretLookupByUUID")
_SECRET_LOOKUP_BY_USAGE: Ref = bind("virSecretLookupByUsage")
_CONNECT_NUM_OF_SECRETS: Int = bind("virConnectNumOfSecrets")
_CONNECT_LIST_SECRETS: Strs = bind("virConnectListSecrets")
_CONNECT_LIST_ALL_SECRETS: Refs = bind("virConnectListAllSecrets")
_SECRET_DEFINE_XML: Ref = bind("virSecretDefineXML")


class Secrets(Base):
    """Methods of virConnect."""

    def secretLookupByUUID(self, uuid: bytes) -> virSecret:
        """virSecretLookupByUUID (libvirt 0.7.1; secret:getattr).

        :param uuid: sixteen bytes
        """
        return virSecret(self, _SECRET_LOOKUP_BY_UUID(self, by_uuid(uuid, "virSecretLookupByUUID")))

    def secretLookupByUUIDString(self, uuidstr: str) -> virSecret:
        """virSecretLookupByUUIDString (libvirt 0.7.1; secret:getattr)."""
        uuid = uuid_of(self, uuidstr, "virSecretLookupByUUIDString")
        return virSecret(self, _SECRET_LOOKUP_BY_UUID(self, uuid))

    def secretLookupByUsage(self, usageType: int, usageID: str) -> virSecret:
        """virSecretLookupByUsage (libvirt 0.7.1; secret:getattr)."""
        return virSecret(self, _SECRET_LOOKUP_BY_USAGE(self, usageType, usageID))

    def numOfSecrets(self) -> int:
        """virConnectNumOfSecrets (libvirt 0.7.1; connect:search-secrets)."""
        return _CONNECT_NUM_OF_SECRETS(self)

    def listSecrets(self) -> list[str]:
        """virConnectListSecrets (libvirt 0.7.1; connect:search-secrets)."""
        return _CONNECT_LIST_SECRETS(self)

    def listAllSecrets(self, flags: int = 0) -> list[virSecret]:
        """virConnectListAllSecrets (libvirt 0.10.2; connect:search-secrets)."""
        return [virSecret(self, ref) for ref in _CONNECT_LIST_ALL_SECRETS(self, flags)]

    def secretDefineXML(self, xml: str, flags: int = 0) -> virSecret:
        """virSecretDefineXML (libvirt 0.7.1; secret:write, secret:save)."""
        return virSecret(self, _SECRET_DEFINE_XML(self, xml, flags))
