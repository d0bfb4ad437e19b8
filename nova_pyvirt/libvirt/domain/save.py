# SPDX-License-Identifier: Apache-2.0
"""A domain's state in files: save, managed save, core dump."""

from typing import Any, Final

from nova_pyvirt.libvirt.call import Int, Str, bind
from nova_pyvirt.libvirt.convert import hinted
from nova_pyvirt.libvirt.domain.shapes import stopped
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.util.native import os

#: VIR_DOMAIN_SAVE_PARAM_*, and their types
SAVE_PARAMS: Final[dict[str, type]] = {"file": str, "dxml": str}


def absolute(path: Any) -> Any:
    """A path as the driver, whose directory may be another, understands it."""
    if isinstance(path, str) and not path.startswith("/"):
        return f"{os.getcwd()}/{path}"
    return path


_DOMAIN_SAVE: Int = bind("virDomainSave", stopped)
_DOMAIN_SAVE_FLAGS: Int = bind("virDomainSaveFlags")
_SAVE_PARAMS: Int = bind("virDomainSaveParams")
_DOMAIN_MANAGED_SAVE: Int = bind("virDomainManagedSave", stopped)
_DOMAIN_MANAGED_SAVE_REMOVE: Int = bind("virDomainManagedSaveRemove")
_DOMAIN_MANAGED_SAVE_GET_XML_DESC: Str = bind("virDomainManagedSaveGetXMLDesc")
_DOMAIN_MANAGED_SAVE_DEFINE_XML: Int = bind("virDomainManagedSaveDefineXML")
_DOMAIN_HAS_MANAGED_SAVE_IMAGE: Int = bind("virDomainHasManagedSaveImage")
_DOMAIN_CORE_DUMP: Int = bind("virDomainCoreDump")
_DOMAIN_CORE_DUMP_WITH_FORMAT: Int = bind("virDomainCoreDumpWithFormat")


class Save(Owned):
    """Methods of virDomain."""

    def save(self, to: str) -> int:
        """virDomainSave (libvirt 0.0.3; domain:hibernate)."""
        return _DOMAIN_SAVE(self, absolute(to))

    def saveFlags(self, to: str, dxml: str | None = None, flags: int = 0) -> int:
        """virDomainSaveFlags (libvirt 0.9.4; domain:hibernate)."""
        return _DOMAIN_SAVE_FLAGS(self, absolute(to), dxml, flags)

    def saveParams(self, params: dict[str, Any], flags: int = 0) -> int:
        """virDomainSaveParams (libvirt 8.4.0; domain:hibernate).

        :param params: VIR_DOMAIN_SAVE_PARAM_*
        """
        return _SAVE_PARAMS(self, hinted(params, SAVE_PARAMS), flags)

    def managedSave(self, flags: int = 0) -> int:
        """virDomainManagedSave (libvirt 0.8.0; domain:hibernate)."""
        return _DOMAIN_MANAGED_SAVE(self, flags)

    def managedSaveRemove(self, flags: int = 0) -> int:
        """virDomainManagedSaveRemove (libvirt 0.8.0; domain:hibernate)."""
        return _DOMAIN_MANAGED_SAVE_REMOVE(self, flags)

    def managedSaveGetXMLDesc(self, flags: int = 0) -> str:
        """virDomainManagedSaveGetXMLDesc (libvirt 3.7.0; domain:read)."""
        return _DOMAIN_MANAGED_SAVE_GET_XML_DESC(self, flags)

    def managedSaveDefineXML(self, dxml: str | None, flags: int = 0) -> int:
        """virDomainManagedSaveDefineXML (libvirt 3.7.0; domain:write, domain:hibernate)."""
        return _DOMAIN_MANAGED_SAVE_DEFINE_XML(self, dxml, flags)

    def hasManagedSaveImage(self, flags: int = 0) -> int:
        """virDomainHasManagedSaveImage (libvirt 0.8.0; domain:read)."""
        return _DOMAIN_HAS_MANAGED_SAVE_IMAGE(self, flags)

    def coreDump(self, to: str, flags: int = 0) -> int:
        """virDomainCoreDump (libvirt 0.1.9; domain:core-dump)."""
        return _DOMAIN_CORE_DUMP(self, absolute(to), flags)

    def coreDumpWithFormat(self, to: str, dumpformat: int, flags: int = 0) -> int:
        """virDomainCoreDumpWithFormat (libvirt 1.2.3; domain:core-dump)."""
        return _DOMAIN_CORE_DUMP_WITH_FORMAT(self, absolute(to), dumpformat, flags)
