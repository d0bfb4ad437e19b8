# SPDX-License-Identifier: Apache-2.0
"""QemuCaps to and from JSON, the form the disk cache keeps."""

import json
from dataclasses import asdict
from typing import Any

from nova_pyvirt.hypervisors.qemu.caps.types import (
    Accel,
    CpuDefinition,
    CpuModelInfo,
    CpuProperty,
    Machine,
    QemuCaps,
)

#: goes up when the form changes; a file of another form counts as absent
FORM = 1


def dump(caps: QemuCaps) -> str:
    """The text of a cache file."""
    plain = asdict(caps)
    plain["flags"] = sorted(caps.flags)
    return json.dumps({"form": FORM, "caps": plain}, indent=1)


def load(text: str) -> QemuCaps | None:
    """The capabilities in a cache file; None for anything that is no such file."""
    try:
        document = json.loads(text)
        if document["form"] != FORM:
            return None
        return _caps(document["caps"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _caps(plain: dict[str, Any]) -> QemuCaps:
    fields = dict(plain)
    fields["flags"] = frozenset(plain["flags"])
    fields["accels"] = {name: _accel(accel) for name, accel in plain["accels"].items()}
    fields["hyperv"] = None if plain["hyperv"] is None else tuple(plain["hyperv"])
    return QemuCaps(**fields)


def _accel(plain: dict[str, Any]) -> Accel:
    host = plain["host_cpu"]
    return Accel(
        machines=tuple(Machine(**machine) for machine in plain["machines"]),
        cpus=tuple(
            CpuDefinition(**{**cpu, "blockers": tuple(cpu["blockers"])}) for cpu in plain["cpus"]
        ),
        host_cpu=None
        if host is None
        else CpuModelInfo(
            host["name"],
            tuple(CpuProperty(**prop) for prop in host["properties"]),
            host["migratability"],
        ),
    )
