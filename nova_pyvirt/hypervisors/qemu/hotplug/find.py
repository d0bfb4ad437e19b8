# SPDX-License-Identifier: Apache-2.0
"""The device of a definition that a description means (virDomain*Find in domain_conf.c)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import Device
from nova_pyvirt.model.devices.interface import Interface
from nova_pyvirt.model.domain import Domain

#: lists of character devices
CHARS: Final = ("serials", "parallels", "consoles", "channels")
#: what of a back-end is compared, by type
_SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "file": ("path", "append"), "pty": ("path",), "dev": ("path",), "pipe": ("path",),
    "nmdm": ("master", "slave"), "tcp": ("mode", "host", "service"), "unix": ("mode", "path"),
    "udp": ("mode", "host", "service"), "spiceport": ("channel",), "dbus": ("channel",),
    "qemu-vdagent": ("clipboard", "mouse"),
}  # fmt: skip
_SHMEM: Final = ("name", "size", "model", "role", "server", "server_path", "msi", "vectors")
_MEMORY: Final = (
    "model",
    "node",
    "size",
    "block",
    "requested",
    "page_size",
    "source_nodes",
    "path",
)


def find(definition: Domain, name: str, match: Any) -> Any | None:
    """The first device of a list that is the one described.

    :param match: a description with its defaults
    :raises libvirtError: see find_interface()
    """
    if name == "interfaces":
        return find_interface(definition, match)
    test = _TESTS.get(name, _same)
    for device in definition.devices.__dict__.get(name) or []:
        if test(match, device):
            return device
    return None


def by_alias(definition: Domain, alias: str) -> tuple[str, Device]:
    """The list and the device with an alias.

    :raises libvirtError: INTERNAL_ERROR when there is none
    """
    for name, value in definition.devices.__dict__.items():
        for device in value if isinstance(value, list) else [value]:
            if isinstance(device, Device) and device.alias == alias:
                return name, device
    detail = f"no device found with alias {alias}"
    raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)


def find_interface(definition: Domain, match: Interface) -> Interface:
    """By MAC, guest address and alias, as far as they are given (virDomainNetFindIdx).

    :raises libvirtError: DEVICE_MISSING, OPERATION_FAILED when several would do
    """
    mac = match.mac
    place = match.address if match.address is not None and match.address.type == "pci" else None
    if place is not None and not any(place.key()):
        place = None
    found = [
        nic
        for nic in definition.devices.interfaces
        if (not mac or nic.mac == mac)
        and (place is None or (nic.address is not None and nic.address.key() == place.key()))
        and (not match.alias or not nic.alias or nic.alias == match.alias)
    ]
    if len(found) == 1:
        only: Interface = found[0]
        return only
    if found:
        several = f"multiple devices matching MAC address {mac} found"
        detail = several if mac else "multiple matching devices found"
        raise errors.error(Code.OPERATION_FAILED, detail, domain=From.DOMAIN)
    text = "(<null>)"
    where = "{:04x}:{:02x}:{:02x}.{:x}".format(*place.key()) if place is not None else text
    raise errors.error(
        Code.DEVICE_MISSING,
        f"no device found at address '{where}' matching MAC address '{mac or text}' and alias"
        f" '{match.alias or text}'",
        domain=From.DOMAIN,
    )


def same_place(match: Device, device: Device) -> bool:
    """Is the address that is asked for, if any, the device's?"""
    wanted, has = match.address, device.address
    if wanted is None or wanted.type == "none":
        return True
    return has is not None and _place(wanted) == _place(has)


def is_at(match: Device, device: Device) -> bool:
    """Have both the same address, or both none?"""
    wanted, has = match.address, device.address
    if wanted is None or has is None:
        return wanted is has
    return _place(wanted) == _place(has)


def _place(address: Any) -> dict[str, Any]:
    values = {k: v for k, v in address.__dict__.items() if v and k != "multifunction"}
    return {k: str(v) for k, v in values.items()}


def same_source(match: Any, device: Any) -> bool:
    """Are two character devices connected to the same (virDomainChrSourceDefIsEqual)?"""
    if match.type != device.type or match.protocol != device.protocol:
        return False
    names = _SOURCES.get(match.type, ())
    count = 2 if match.type == "udp" else 1
    return [_ends(match, names, n) for n in range(count)] == [
        _ends(device, names, n) for n in range(count)
    ]


def _ends(device: Any, names: tuple[str, ...], number: int) -> tuple[Any, ...]:
    source = device.sources[number] if number < len(device.sources) else None
    again = getattr(source, "reconnect", None)
    own = (again.enabled, again.timeout) if again is not None else (None, None)
    return (*(getattr(source, name, None) for name in names), *own)


def _same(match: Any, device: Any) -> bool:
    return same_place(match, device)


def _disk(match: Any, device: Any) -> bool:
    return bool(match.target == device.target)


def _controller(match: Any, device: Any) -> bool:
    return (match.type, match.index) == (device.type, device.index)


def _hostdev(match: Any, device: Any) -> bool:
    if (match.mode, match.type) != (device.mode, device.type):
        return False
    mine, other = match.source, device.source
    if match.type == "usb" and not (mine.address is not None and mine.address.device):
        return (mine.vendor, mine.product) == (other.vendor, other.product)
    if match.type == "scsi" and mine.protocol == "iscsi":
        hosts = [[(h.name, h.port) for h in s.hosts[:1]] for s in (mine, other)]
        return (mine.protocol, mine.name) == (other.protocol, other.name) and hosts[0] == hosts[1]
    names = ("adapter", "wwpn", "protocol", "block", "char", "interface")
    if any(getattr(mine, n, None) != getattr(other, n, None) for n in names):
        return False
    ends = [_host_place(s.address) for s in (mine, other)]
    return ends[0] == ends[1]


def _host_place(address: Any) -> dict[str, str]:
    if address is None:
        return {}
    return {k: str(v).lower() for k, v in address.__dict__.items() if v and k != "type"}


def _rng(match: Any, device: Any) -> bool:
    if any(getattr(match, n) != getattr(device, n) for n in ("model", "rate_bytes", "rate_period")):
        return False
    mine, other = match.backend, device.backend
    if (mine.model, mine.path) != (other.model, other.path):
        return False
    return (mine.model != "egd" or same_source(mine, other)) and same_place(match, device)


def _char(match: Any, device: Any) -> bool:
    if not same_source(match, device):
        return False
    if match.TAG == "channel":
        names: tuple[str, ...] = ("target_type", "target_name")
        if match.target_type == "guestfwd":
            names = ("target_type", "target_address", "target_port")
        return all(getattr(match, n) == getattr(device, n) for n in names)
    kind = getattr(match, "target_type", None) == getattr(device, "target_type", None)
    return bool(match.port == device.port) and (match.TAG != "serial" or kind)


def _shmem(match: Any, device: Any) -> bool:
    return all(getattr(match, n) == getattr(device, n) for n in _SHMEM) and same_place(
        match, device
    )


def _memory(match: Any, device: Any) -> bool:
    if any(getattr(match, n) != getattr(device, n) for n in _MEMORY):
        return False
    return same_place(match, device) and match.alias in (None, device.alias)


def _redirdev(match: Any, device: Any) -> bool:
    if match.bus != device.bus or not same_source(match, device):
        return False
    return same_place(match, device) and match.alias in (None, device.alias)


def _sound(match: Any, device: Any) -> bool:
    codecs = [[c.type for c in d.codecs] for d in (match, device)]
    same = match.model == device.model and codecs[0] == codecs[1]
    return same and same_place(match, device)


def _input(match: Any, device: Any) -> bool:
    if (match.type, match.bus) != (device.type, device.bus):
        return False
    if match.type == "passthrough" and match.source_evdev != device.source_evdev:
        return False
    return same_place(match, device)


def _filesystem(match: Any, device: Any) -> bool:
    if match.target and match.target != device.target:
        return False
    return same_place(match, device) and match.alias in (None, device.alias)


def _lease(match: Any, device: Any) -> bool:
    return (match.key, match.lockspace) == (device.key, device.lockspace)


def _graphics(match: Any, device: Any) -> bool:
    return bool(match.type == device.type)


_TESTS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "disks": _disk,
    "controllers": _controller,
    "hostdevs": _hostdev,
    "rngs": _rng,
    "shmems": _shmem,
    "memories": _memory,
    "redirdevs": _redirdev,
    "sounds": _sound,
    "inputs": _input,
    "filesystems": _filesystem,
    "leases": _lease,
    "graphics": _graphics,
} | dict.fromkeys(CHARS, _char)
