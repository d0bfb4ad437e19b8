# SPDX-License-Identifier: Apache-2.0
"""AMD's encrypted guests: what the host offers (qemuNodeGetSEVInfo)."""

from typing import Final

from nova_pyvirt.errors import Code, From, check_flags, error
from nova_pyvirt.hypervisors.qemu.caps.view import HostView
from nova_pyvirt.util.typed import Params, UInt

_STRING_OKAY: Final = 4
#: our name, QEMU's, class: VIR_NODE_SEV_*, in libvirt's order
_FIELDS: Final = (
    ("pdh", "pdh", str),
    ("cert-chain", "cert-chain", str),
    ("cpu0-id", "cpu0-id", str),
    ("cbitpos", "cbitpos", UInt),
    ("reduced-phys-bits", "reduced-phys-bits", UInt),
    ("max-guests", "max-guests", UInt),
    ("max-es-guests", "max-es-guests", UInt),
)


def of_host(view: HostView, flags: int) -> Params:
    """virNodeGetSEVInfo.

    :raises libvirtError: OPERATION_UNSUPPORTED where QEMU can't
    """
    binary = view.caps.default_emulator(view.caps.host_arch)
    caps = view.caps.get(binary) if binary else None
    if caps is None or caps.sev is None or not caps.has("sev-guest"):
        detail = "QEMU does not support SEV guest"
        raise error(Code.OPERATION_UNSUPPORTED, detail, domain=From.QEMU)
    check_flags(flags, _STRING_OKAY, "qemuGetSEVInfoToParams", domain=From.QEMU)
    found: Params = {}
    for name, key, kind in _FIELDS:
        if key in caps.sev:
            found[name] = kind(caps.sev[key])
    return found
