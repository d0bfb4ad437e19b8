# SPDX-License-Identifier: Apache-2.0
"""Domains in files."""

from typing import Any

from nova_pyvirt.libvirt.call import Int, Str, bind
from nova_pyvirt.libvirt.connect.base import Base
from nova_pyvirt.libvirt.convert import hinted
from nova_pyvirt.libvirt.domain.save import SAVE_PARAMS, absolute

_DOMAIN_RESTORE: Int = bind("virDomainRestore")
_DOMAIN_RESTORE_FLAGS: Int = bind("virDomainRestoreFlags")
_DOMAIN_RESTORE_PARAMS: Int = bind("virDomainRestoreParams")
_DOMAIN_SAVE_IMAGE_GET_XML_DESC: Str = bind("virDomainSaveImageGetXMLDesc")
_DOMAIN_SAVE_IMAGE_DEFINE_XML: Int = bind("virDomainSaveImageDefineXML")


class Saved(Base):
    """Methods of virConnect."""

    def restore(self, frm: str) -> int:
        """virDomainRestore (libvirt 0.0.3; domain:start, domain:write)."""
        return _DOMAIN_RESTORE(self, absolute(frm))

    def restoreFlags(self, frm: str, dxml: str | None = None, flags: int = 0) -> int:
        """virDomainRestoreFlags (libvirt 0.9.4; domain:start, domain:write)."""
        return _DOMAIN_RESTORE_FLAGS(self, absolute(frm), dxml, flags)

    def restoreParams(self, params: dict[str, Any], flags: int = 0) -> int:
        """virDomainRestoreParams (libvirt 8.4.0; domain:start).

        :param params: VIR_DOMAIN_SAVE_PARAM_*
        """
        return _DOMAIN_RESTORE_PARAMS(self, hinted(params, SAVE_PARAMS), flags)

    def saveImageGetXMLDesc(self, file: str, flags: int = 0) -> str:
        """virDomainSaveImageGetXMLDesc (libvirt 0.9.4; domain:write)."""
        return _DOMAIN_SAVE_IMAGE_GET_XML_DESC(self, absolute(file), flags)

    def saveImageDefineXML(self, file: str, dxml: str, flags: int = 0) -> int:
        """virDomainSaveImageDefineXML (libvirt 0.9.4; domain:write, domain:hibernate)."""
        return _DOMAIN_SAVE_IMAGE_DEFINE_XML(self, absolute(file), dxml, flags)
