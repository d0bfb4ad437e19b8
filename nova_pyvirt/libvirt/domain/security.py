# SPDX-License-Identifier: Apache-2.0
"""Security labels and confidential guests."""

from typing import Any

from nova_pyvirt.libvirt.call import Dict, Int, List, bind
from nova_pyvirt.libvirt.convert import hinted
from nova_pyvirt.libvirt.domain.shapes import label, labels
from nova_pyvirt.libvirt.objects import Owned

_DOMAIN_GET_SECURITY_LABEL: List = bind("virDomainGetSecurityLabel", label)
_DOMAIN_GET_SECURITY_LABEL_LIST: List = bind("virDomainGetSecurityLabelList", labels)
_DOMAIN_GET_LAUNCH_SECURITY_INFO: Dict = bind("virDomainGetLaunchSecurityInfo")
_SET_LAUNCH_SECURITY_STATE: Int = bind("virDomainSetLaunchSecurityState")


class Security(Owned):
    """Methods of virDomain."""

    def securityLabel(self) -> list[Any]:
        """virDomainGetSecurityLabel (libvirt 0.6.1; domain:read)."""
        return _DOMAIN_GET_SECURITY_LABEL(self)

    def securityLabelList(self) -> list[Any]:
        """virDomainGetSecurityLabelList (libvirt 0.10.0; domain:read)."""
        return _DOMAIN_GET_SECURITY_LABEL_LIST(self)

    def launchSecurityInfo(self, flags: int = 0) -> dict[str, Any]:
        """virDomainGetLaunchSecurityInfo (libvirt 4.5.0; domain:read)."""
        return _DOMAIN_GET_LAUNCH_SECURITY_INFO(self, flags)

    def setLaunchSecurityState(self, params: dict[str, Any], flags: int = 0) -> int:
        """virDomainSetLaunchSecurityState (libvirt 8.0.0; domain:write).

        :param params: VIR_DOMAIN_LAUNCH_SECURITY_*
        """
        return _SET_LAUNCH_SECURITY_STATE(self, hinted(params, {}) or None, flags)
