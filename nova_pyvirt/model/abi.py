# SPDX-License-Identifier: Apache-2.0
"""Is a definition the same machine to the guest as another one? (virDomainDefCheckABIStability)

What the guest can see is data here: a path in the model, and libvirt's words for a difference
(%(target)s, %(source)s). What it can't see (images, networks, host devices' addresses) may differ.
"""

from collections.abc import Sequence
from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.features import Features
from nova_pyvirt.model.xmlbind import Element

#: (path from the element, name in "Target NAME X does not match source Y")
Rules = Sequence[tuple[str, str]]

_DOMAIN: Final[Rules] = (
    ("type", "domain virt type"),
    ("uuid", "domain uuid"),
    ("genid", "domain genid"),
    ("name", "domain name '"),
    ("memory", "domain max memory"),
    ("max_memory", "maximum memory size '"),
    ("max_memory_slots", "domain memory slots count '"),
    ("vcpu_max", "domain vCPU max"),
    ("vcpu_count", "domain vCPU count"),
    ("os.type", "domain OS type"),
    ("os.arch", "domain architecture"),
    ("os.machine", "domain machine type"),
    ("os.smbios_mode", "domain SMBIOS mode"),
)
_CPU: Final[Rules] = (
    ("mode", "CPU mode"),
    ("check", "CPU check"),
    ("model", "CPU model"),
    ("vendor", "CPU vendor"),
    ("model_vendor_id", "CPU vendor id"),
    ("sockets", "CPU sockets"),
    ("dies", "CPU dies"),
    ("cores", "CPU cores"),
    ("threads", "CPU threads"),
    ("cache_level", "CPU cache level"),
    ("cache_mode", "CPU cache mode"),
    ("maxphysaddr_mode", "CPU maxphysaddr mode"),
    ("maxphysaddr_bits", "CPU maxphysaddr bits"),
)
_ADDRESS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "pci": ("PCI address", ("domain", "bus", "slot", "function")),
    "drive": ("drive address", ("controller", "bus", "unit")),
    "virtio-serial": ("virtio serial address", ("controller", "bus", "port")),
    "ccid": ("ccid address", ("controller", "slot")),
    "isa": ("isa address", ("iobase", "irq")),
    "dimm": ("dimm slot", ("slot", "base")),
}
_VIRTIO: Final[Rules] = (
    ("iommu", "device iommu option '"),
    ("ats", "device ats option '"),
    ("packed", "device packed option '"),
    ("page_per_vq", "device page_per_vq option '"),
)
#: list in <devices>: name in "Target domain NAME count", rules for each
_DEVICES: Final[dict[str, tuple[str, Rules]]] = {
    "disks": (
        "disk",
        (
            ("device", "disk device"),
            ("bus", "disk bus"),
            ("target", "disk"),
            ("serial", "disk serial"),
            ("wwn", "disk wwn '"),
            ("readonly", "disk access mode"),
            ("model", "disk model"),
            ("rotation_rate", "disk rotation rate"),
            ("queues", "disk queue count"),
            ("queue_size", "disk queue size"),
        ),
    ),
    "controllers": (
        "controller",
        (
            ("type", "controller type"),
            ("index", "controller index"),
            ("model", "controller model"),
            ("ports", "controller ports"),
            ("vectors", "controller vectors"),
        ),
    ),
    "filesystems": (
        "filesystem",
        (("target", "filesystem guest target"), ("readonly", "filesystem access mode")),
    ),
    "interfaces": (
        "net card",
        (
            ("mac", "network card mac"),
            ("model", "network card model"),
            ("mtu", "network card MTU"),
        ),
    ),
    "inputs": (
        "input device",
        (("type", "input device type"), ("bus", "input device bus"), ("model", "input model")),
    ),
    "sounds": ("sound card", (("model", "sound card model"),)),
    "videos": (
        "video card",
        (
            ("model", "video card model"),
            ("ram", "video card ram"),
            ("vram", "video card vram"),
            ("vram64", "video card vram64"),
            ("vgamem", "video card vgamem"),
            ("heads", "video card heads"),
            ("accel2d", "video card 2d accel"),
            ("accel3d", "video card 3d accel"),
        ),
    ),
    "hostdevs": (
        "host device",
        (("mode", "host device mode"), ("type", "host device subsystem")),
    ),
    "smartcards": ("smartcard", ()),
    "serials": (
        "serial port",
        (
            ("target_type", "serial type"),
            ("target_model", "serial model"),
            ("port", "serial port"),
        ),
    ),
    "parallels": ("parallel port", (("port", "parallel port"),)),
    "channels": (
        "channel",
        (("target_type", "channel type"), ("target_name", "channel name")),
    ),
    "consoles": ("console", (("target_type", "console type"),)),
    "hubs": ("hub device", (("type", "hub device type"),)),
    "redirdevs": (
        "redirected devices",
        (("bus", "redirected device bus"), ("type", "redirected device source type")),
    ),
    "watchdogs": ("watchdog", (("model", "watchdog model"),)),
    "rngs": ("RNG device", (("model", "RNG model '"),)),
    "tpms": ("TPM device", (("model", "TPM device model"), ("version", "TPM version"))),
    "panics": ("panic device", (("model", "panic model '"),)),
    "shmems": (
        "shmem device",
        (
            ("role", "shared memory role '"),
            ("model", "shared memory model '"),
            ("size", "shared memory size '"),
        ),
    ),
    "memories": (
        "memory device",
        (
            ("model", "memory device model '"),
            ("node", "memory device targetNode '"),
            ("size", "memory device size '"),
        ),
    ),
    "cryptos": ("crypto device", (("model", "crypto model '"),)),
}
#: single devices: name, rules
_SINGLES: Final[dict[str, tuple[str, Rules]]] = {
    "memballoon": (
        "memory balloon",
        (
            ("model", "balloon model"),
            ("autodeflate", "balloon autodeflate attribute value '"),
            ("free_page_reporting", "balloon freePageReporting attribute value '"),
        ),
    ),
    "iommu": ("IOMMU device", (("model", "IOMMU device model '"),)),
    "vsock": ("vsock device", (("model", "vsock device model '"),)),
    "nvram": ("NVRAM device", ()),
    "redirfilter": ("USB redirection filter", ()),
}


def check(source: Domain, target: Domain, *, volatile: bool = True) -> None:
    """
    :param volatile: what changes while a guest runs must be the same too: its current memory
    :raises libvirtError: CONFIG_UNSUPPORTED naming the first difference
    """
    _rules(source, target, _DOMAIN)
    if volatile:
        _rules(source, target, (("current_memory", "domain current memory"),))
    _numa(source, target)
    _features(source, target)
    _timers(source, target)
    _cpu(source, target)
    if len(source.sysinfos) != len(target.sysinfos):
        raise _differ("Target domain count of sysinfo does not match source")
    for one, other in zip(source.sysinfos, target.sysinfos, strict=True):
        if _plain(one) != _plain(other):
            raise _differ("Target sysinfo does not match source")
    for attribute, (name, rules) in _DEVICES.items():
        _list(source, target, attribute, name, rules)
    for attribute, (name, rules) in _SINGLES.items():
        _single(source, target, attribute, name, rules)


def _rules(source: Any, target: Any, rules: Rules) -> None:
    for path, name in rules:
        one, other = _value(source, path), _value(target, path)
        if one != other:
            name, quote = (name[:-2], "'") if name.endswith(" '") else (name, "")
            raise _differ(
                f"Target {name} {quote}{_word(other)}{quote}"
                f" does not match source {quote}{_word(one)}{quote}"
            )


def _value(element: Any, path: str) -> Any:
    for step in path.split("."):
        element = getattr(element, step, None)
    return element


def _word(value: Any) -> str:
    return "(null)" if value is None else str(value)


def _list(source: Domain, target: Domain, attribute: str, name: str, rules: Rules) -> None:
    ours, theirs = getattr(source.devices, attribute), getattr(target.devices, attribute)
    if len(ours) != len(theirs):
        raise _differ(f"Target domain {name} count {len(theirs)} does not match source {len(ours)}")
    for one, other in zip(ours, theirs, strict=True):
        _rules(one, other, rules)
        _device(one, other)


def _single(source: Domain, target: Domain, attribute: str, name: str, rules: Rules) -> None:
    one, other = getattr(source.devices, attribute), getattr(target.devices, attribute)
    if (one is None) != (other is None):
        raise _differ(
            f"Target domain {name} count {int(other is not None)} does not match source"
            f" {int(one is not None)}"
        )
    if one is not None:
        _rules(one, other, rules)
        _device(one, other)


def _device(one: Any, other: Any) -> None:
    """What every device has: address, ACPI index, virtio options."""
    if getattr(one, "VIRTIO", False):
        _rules(one, other, _VIRTIO)
    ours, theirs = getattr(one, "address", None), getattr(other, "address", None)
    kinds = [at.type if at is not None else "none" for at in (ours, theirs)]
    if kinds[0] != kinds[1]:
        raise _differ(f"Target device address type {kinds[1]} does not match source {kinds[0]}")
    name, parts = _ADDRESS.get(kinds[0], ("", ()))
    places = [tuple(getattr(at, part) or 0 for part in parts) for at in (ours, theirs) if at]
    if parts and places[0] != places[1]:
        text = [_place(kinds[0], place) for place in places]
        raise _differ(f"Target device {name} {text[1]} does not match source {text[0]}")
    if getattr(one, "acpi_index", None) != getattr(other, "acpi_index", None):
        raise _differ(
            f"Target ACPI index '{other.acpi_index or 0}' does not match source"
            f" '{one.acpi_index or 0}'"
        )


def _place(kind: str, place: tuple[Any, ...]) -> str:
    if kind == "pci":
        return "{:04x}:{:02x}:{:02x}.{:d}".format(*(int(part) for part in place))
    return ":".join(str(part) for part in place)


def _features(source: Domain, target: Domain) -> None:
    ours, theirs = source.features or Features(), target.features or Features()
    for item in Features._fields.values():
        one, other = getattr(ours, item.name), getattr(theirs, item.name)
        if isinstance(one, Element) or isinstance(other, Element):
            one, other = _plain(one), _plain(other)
        if one != other:
            raise _differ(
                f"State of feature '{item.tag or item.name}' differs: source: '{_state(one)}',"
                f" destination: '{_state(other)}'"
            )


def _state(value: Any) -> str:
    if value is None or value is False:
        return "default"
    return "on" if value is True else str(value)


def _timers(source: Domain, target: Domain) -> None:
    ours, theirs = ([*d.clock.timers] if d.clock else [] for d in (source, target))
    if len(ours) != len(theirs):
        raise _differ("Target domain timers do not match source")
    for one, other in zip(ours, theirs, strict=True):
        _rules(one, other, (("name", "timer"), ("present", "timer presence '")))
        if one.name == "tsc":
            _rules(one, other, (("frequency", "TSC frequency"), ("mode", "TSC mode")))


def _cpu(source: Domain, target: Domain) -> None:
    one, other = source.cpu, target.cpu
    if (one is None) != (other is None):
        raise _differ("Target CPU does not match source", domain=From.CPU)
    if one is None or other is None:
        return
    try:
        _rules(one, other, _CPU)
    except errors.libvirtError as exc:
        raise _differ(exc.get_str2() or "", domain=From.CPU) from None
    ours, theirs = ({f.name: f.policy for f in cpu.features} for cpu in (one, other))
    if len(ours) != len(theirs):
        text = f"Target CPU feature count {len(theirs)} does not match source {len(ours)}"
        raise _differ(text, domain=From.CPU)
    for name, policy in ours.items():
        if name not in theirs:
            raise _differ(f"Target CPU feature {name} is missing", domain=From.CPU)
        if theirs[name] != policy:
            text = f"Target CPU feature policy {theirs[name]} does not match source {policy}"
            raise _differ(text, domain=From.CPU)


def _numa(source: Domain, target: Domain) -> None:
    ours, theirs = (list(d.cpu.cells) if d.cpu is not None else [] for d in (source, target))
    if len(ours) != len(theirs):
        raise _differ(
            f"Target NUMA node count '{len(theirs)}' doesn't match source '{len(ours)}'",
            domain=From.DOMAIN,
        )
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if one.memory != other.memory:
            raise _differ(
                f"Size of target NUMA node {number} ({other.memory}) doesn't match source"
                f" ({one.memory})"
            )
        if one.cpus != other.cpus:
            raise _differ(f"Processor mask of target NUMA node {number} doesn't match source")


def _plain(element: Any) -> Any:
    """An element as comparable data."""
    if isinstance(element, Element):
        values = {name: _plain(getattr(element, name)) for name in type(element)._fields}
        return {name: value for name, value in values.items() if value not in (None, False, [])}
    if isinstance(element, list):
        return [_plain(item) for item in element]
    return element


def _differ(detail: str, *, domain: int = From.DOMAIN) -> errors.libvirtError:
    return errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=domain)
