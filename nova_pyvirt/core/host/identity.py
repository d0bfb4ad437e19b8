# SPDX-License-Identifier: Apache-2.0
"""Who the host is: its name and its UUID; what it can do with itself."""

import re
import uuid
from functools import cache

from nova_pyvirt.core.host.sysfs import HostFs
from nova_pyvirt.util.native import os, socket

_DMI = ("sys/devices/virtual/dmi/id/product_uuid", "sys/class/dmi/id/product_uuid")


def hostname() -> str:
    """virConnectGetHostname: canonical where the resolver knows it and it is not localhost."""
    name = os.uname().nodename
    if name.startswith("localhost") or "." in name:
        return name
    try:
        # bytes: a text would be taken through IDNA, which costs more than the answer
        found = socket.getaddrinfo(
            os.fsencode(name), None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME
        )
    except OSError:
        return name
    canonical = found[0][3] if found else ""
    return name if not canonical or canonical.startswith("localhost") else str(canonical)


@cache
def boot_id() -> str:
    """The kernel's name of this boot: start times and pids mean nothing after another one."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "unknown"


def _valid(text: str | None) -> str | None:
    """A UUID in canonical form; None for none, a broken one or one of equal digits."""
    if not text:
        return None
    try:
        value = uuid.UUID(text.strip())
    except ValueError:
        return None
    return None if len(set(value.bytes)) == 1 else str(value)


def host_uuid(fs: HostFs, configured: str | None = None, source: str = "smbios") -> str:
    """The host's UUID: as configured, of the firmware, of the installation, else a random one.

    :param configured: libvirtd.conf's host_uuid or our own option
    :param source: libvirtd.conf's host_uuid_source: ``machine-id`` skips the firmware

    libvirt invents a new UUID on each start of a host whose firmware has none; the installation's
    machine id stays the same, which is what nova needs to know its host again.
    """
    candidates = [configured]
    if source != "machine-id":
        candidates += [fs.read(name) for name in _DMI]
    candidates.append(fs.read("etc/machine-id"))
    found = next((valid for valid in map(_valid, candidates) if valid), None)
    return found or str(uuid.uuid4())


def libvirtd_uuid(fs: HostFs, path: str = "etc/libvirt/libvirtd.conf") -> tuple[str | None, str]:
    """host_uuid and host_uuid_source of libvirt's daemon configuration."""
    text = fs.read(path) or ""
    values = dict(re.findall(r'^\s*(host_uuid(?:_source)?)\s*=\s*"([^"]*)"', text, re.MULTILINE))
    return values.get("host_uuid"), values.get("host_uuid_source", "smbios")


def has_iommu(fs: HostFs) -> bool:
    return bool(fs.entries("sys/kernel/iommu_groups"))


def suspend_targets(fs: HostFs) -> list[str]:
    """How systemd can put the host to sleep; none without systemd."""
    if not fs.exists("run/systemd/system"):
        return []
    states = (fs.read("sys/power/state") or "").split()
    found = [
        name
        for state, name in (("mem", "suspend_mem"), ("disk", "suspend_disk"))
        if state in states
    ]
    return [*found, "suspend_hybrid"] if len(found) == 2 else found
