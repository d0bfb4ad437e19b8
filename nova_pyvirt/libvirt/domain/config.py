# SPDX-License-Identifier: Apache-2.0
"""A domain's definition: XML, autostart, name, metadata."""

from nova_pyvirt.libvirt.call import Int, Str, bind
from nova_pyvirt.libvirt.objects import Owned

_DOMAIN_GET_XML_DESC: Str = bind("virDomainGetXMLDesc")
_DOMAIN_GET_AUTOSTART: Int = bind("virDomainGetAutostart")
_DOMAIN_SET_AUTOSTART: Int = bind("virDomainSetAutostart")
_DOMAIN_GET_AUTOSTART_ONCE: Int = bind("virDomainGetAutostartOnce")
_DOMAIN_SET_AUTOSTART_ONCE: Int = bind("virDomainSetAutostartOnce")
_DOMAIN_RENAME: Int = bind("virDomainRename")
_GET_METADATA: Str = bind("virDomainGetMetadata")
_SET_METADATA: Int = bind("virDomainSetMetadata")


class Config(Owned):
    """Methods of virDomain."""

    def XMLDesc(self, flags: int = 0) -> str:
        """virDomainGetXMLDesc (libvirt 0.0.3; domain:read)."""
        return _DOMAIN_GET_XML_DESC(self, flags)

    def autostart(self) -> int:
        """virDomainGetAutostart (libvirt 0.2.1; domain:read)."""
        return _DOMAIN_GET_AUTOSTART(self)

    def setAutostart(self, autostart: int) -> int:
        """virDomainSetAutostart (libvirt 0.2.1; domain:write)."""
        return _DOMAIN_SET_AUTOSTART(self, autostart)

    def autostartOnce(self) -> int:
        """virDomainGetAutostartOnce (libvirt 11.2.0; domain:read)."""
        return _DOMAIN_GET_AUTOSTART_ONCE(self)

    def setAutostartOnce(self, autostart: int) -> int:
        """virDomainSetAutostartOnce (libvirt 11.2.0; domain:write)."""
        return _DOMAIN_SET_AUTOSTART_ONCE(self, autostart)

    def rename(self, new_name: str, flags: int = 0) -> int:
        """virDomainRename (libvirt 1.2.19; domain:write, domain:save)."""
        return _DOMAIN_RENAME(self, new_name, flags)

    def metadata(self, type: int, uri: str | None, flags: int = 0) -> str:
        """virDomainGetMetadata (libvirt 0.9.10; domain:read).

        :param type: VIR_DOMAIN_METADATA_*
        :param uri: the namespace of an ELEMENT, None otherwise
        """
        return _GET_METADATA(self, type, uri, flags)

    def setMetadata(
        self, type: int, metadata: str | None, key: str | None, uri: str | None, flags: int = 0
    ) -> int:
        """virDomainSetMetadata (libvirt 0.9.10; domain:write).

        :param type: VIR_DOMAIN_METADATA_*
        :param metadata: the text or element; None removes it
        :param key: the namespace's prefix, and
        :param uri: the namespace of an ELEMENT; None otherwise
        """
        return _SET_METADATA(self, type, metadata, key, uri, flags)
