# SPDX-License-Identifier: Apache-2.0
"""What the capability calls of a connection look at."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from nova_pyvirt.core.host import HostFs
from nova_pyvirt.hypervisors.qemu.caps.cache import CapsCache
from nova_pyvirt.hypervisors.qemu.caps.firmware import DEFAULT_LOADERS


@dataclass(frozen=True)
class SecurityModel:
    """A security driver in use. :ivar labels: domain type -> base label"""

    model: str
    doi: str = "0"
    labels: Mapping[str, str] = field(default_factory=dict)


def security_models(model: str, *, dac: tuple[int, int] | None = None) -> tuple[SecurityModel, ...]:
    """The models of a driver with security driver `model`, plus ownership changes.

    :param dac: uid and gid QEMU runs with; None for a session driver
    """
    found = [SecurityModel(model)]
    if dac is not None:
        label = f"+{dac[0]}:+{dac[1]}"
        found.append(SecurityModel("dac", "0", {"kvm": label, "qemu": label}))
    return tuple(found)


@dataclass(frozen=True)
class HostView:
    """One per driver state.

    :ivar host_uuid: as configured; None: the host's own
    :ivar security: the security models in use, the main one first
    :ivar privileged: is this the system driver?
    :ivar loaders: firmware images and their variables, qemu.conf's ``nvram``
    :ivar texts: documents as they were built last, each with the facts that it depends on
    """

    caps: CapsCache
    fs: HostFs = field(default_factory=HostFs)
    host_uuid: str | None = None
    host_uuid_source: str = "smbios"
    security: Sequence[SecurityModel] = (SecurityModel("none"),)
    privileged: bool = True
    loaders: Sequence[tuple[str, str]] = DEFAULT_LOADERS
    texts: dict[Hashable, tuple[object, str]] = field(default_factory=dict, repr=False)
