# SPDX-License-Identifier: Apache-2.0
"""A definition's CPU against the one that a running guest has (virCPUx86UpdateLive)."""

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.qemu.caps.cpu import x86
from nova_pyvirt.hypervisors.qemu.caps.cpu.cpudef import CpuDef
from nova_pyvirt.hypervisors.qemu.caps.cpunames import UNKNOWN_TO_QEMU


def update(guest: CpuDef, enabled: int, disabled: int) -> None:
    """What QEMU has added becomes required, what it could not give becomes disabled.

    :param enabled: bits (x86.Map) that the guest sees
    :param disabled: bits that were asked for in vain
    :raises libvirtError: OPERATION_FAILED when the definition's check is "full" and they differ
    """
    known = x86.get()
    wanted = x86.wanted(guest)
    model = known.models.get(guest.model or "")
    whatever = guest.mode in ("host-passthrough", "maximum")
    refused = x86.wanted(guest, "disable") if whatever else 0
    added, missing = [], []
    for feature in known.features.values():
        if feature.name in UNKNOWN_TO_QEMU:
            continue
        mask = feature.mask
        expected = wanted & mask == mask
        unwanted = not expected and (not whatever or refused & mask == mask)
        if unwanted and enabled & mask == mask:
            added.append(feature.name)
        if disabled & mask == mask or (expected and enabled & mask != mask):
            missing.append(feature.name)
    gone = [name for name in (model.removed if model else ()) if name not in guest.features]
    if guest.check == "full":
        _refuse(added, missing)
        if disabled:
            raise _mismatch("")
    else:
        guest.features.update(dict.fromkeys(added, "require"))
        guest.features.update(dict.fromkeys(missing, "disable"))
    for name in gone:
        guest.features.setdefault(name, "disable")


def _refuse(added: list[str], missing: list[str]) -> None:
    parts = [
        f"{what} features: {','.join(names)}"
        for what, names in (("extra", added), ("missing", missing))
        if names
    ]
    if parts:
        raise _mismatch(f": {', '.join(parts)}")


def _mismatch(why: str) -> Exception:
    text = f"guest CPU doesn't match specification{why}"
    return error(Code.OPERATION_FAILED, text, domain=From.CPU)
