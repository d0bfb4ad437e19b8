# SPDX-License-Identifier: Apache-2.0
"""access_drivers = ["polkit"]: polkit decides on each access of local users (aclpolkit.html)."""

from typing import Any, Final
from uuid import UUID

from nova_pyvirt.daemon.acl import Policy
from nova_pyvirt.daemon.polkit import Authority
from nova_pyvirt.wire.idl import Procedure

_PREFIX: Final = "org.libvirt.api"
#: attributes of refs: what rules call them, after the object's own prefix
_DETAILS: Final = {"name": "name", "mac": "macaddr", "key": "key"}
_PREFIXES: Final = {"storage_pool": "pool", "storage_vol": "vol"}


class PolkitPolicy(Policy):
    """Asks polkit each time; root may do everything, who has no process here nothing."""

    def __init__(self, driver: str) -> None:
        super().__init__(default_allow=False)
        self._driver = driver
        self._authority = Authority()

    def might(self, peer: Any, proc: Procedure) -> bool:
        """Polkit's rules can't be asked in general."""
        return peer.uid == 0 or bool(peer.uid is not None and peer.started)

    def allows(self, peer: Any, kind: str, ref: Any, permission: str) -> bool:
        if peer.uid == 0:
            return True
        if peer.uid is None or not peer.started:
            return False
        action = f"{_PREFIX}.{kind}.{permission}".replace("_", "-")
        process = (peer.pid, peer.started, peer.uid)
        return self._authority.allows(process, action, self._details(kind, ref))

    def _details(self, kind: str, ref: Any) -> dict[str, str]:
        """What polkit's rules may look at."""
        prefix = _PREFIXES.get(kind, kind)
        made = {"connect_driver": self._driver}
        for attribute, name in _DETAILS.items():
            value = ref if isinstance(ref, str) else getattr(ref, attribute, None)
            if value and (attribute == "name" or not isinstance(ref, str)):
                made[f"{prefix}_{name}"] = value
        uuid = getattr(ref, "uuid", None)
        if uuid is not None:
            made[f"{prefix}_uuid"] = str(UUID(bytes=uuid))
        if kind == "storage_vol" and hasattr(ref, "pool"):
            made["pool_name"] = ref.pool
        return made
