# SPDX-License-Identifier: Apache-2.0
"""What the descriptions of all devices of one guest share."""

import json
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.command.bootorder import bootindexes
from nova_pyvirt.hypervisors.qemu.command.context import NULL, CommandContext
from nova_pyvirt.hypervisors.qemu.postparse import is_i440fx, is_q35
from nova_pyvirt.model.devices.common import Address, Device
from nova_pyvirt.model.domain import Domain

Args = list[str]
Props = dict[str, Any]
_OFTEN_ONE_UNIT = ("lsilogic", "ncr53c90", "dc390", "am53c974")


def option(name: str, values: Props) -> Args:
    """An option with a JSON argument; None is left out."""
    found = {k: None if v is NULL else v for k, v in values.items() if v is not None}
    return [name, json.dumps(found, separators=(",", ":"))]


def device(values: Props) -> Args:
    """-device."""
    return option("-device", values)


def object_(kind: str, ident: str, **values: Any) -> Args:
    """-object; ``_`` in names stands for ``-``."""
    rest = {k.replace("_", "-"): v for k, v in values.items()}
    return option("-object", {"qom-type": kind, "id": ident, **rest})


def positive(value: int | None) -> int | None:
    """A number that is left out when it is zero."""
    return value or None


def on_off(value: bool | None) -> str | None:
    """A property that QEMU has as on, off or auto."""
    return None if value is None else "on" if value else "off"


class Guest:
    """A definition with addresses and aliases, and all that its devices' descriptions need.

    :ivar boot: boot index by id() of the device
    """

    def __init__(self, domain: Domain, caps: QemuCaps, ctx: CommandContext) -> None:
        self.domain = domain
        self.caps = caps
        self.ctx = ctx
        self.boot = bootindexes(domain)
        self._fdsets = 0

    @property
    def devices(self) -> Any:
        """The domain's devices."""
        return self.domain.devices

    def bootindex(self, item: Device) -> int | None:
        """When the device is asked at boot; None = never."""
        return self.boot.get(id(item))

    def controller(self, kind: str, index: int) -> Any:
        """:raises libvirtError: INTERNAL_ERROR when it isn't there"""
        for found in self.devices.controllers:
            if found.type == kind and found.index == index:
                return found
        detail = f"Could not find {kind} controller with index {index} required for device"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)

    def place(self, item: Device, bus: str | None = None) -> Props:
        """The properties that say where a device is.

        :param bus: of a disk's drive address
        """
        where = item.address
        if where is None:
            return {}
        find = {
            "pci": self._pci,
            "usb": self._usb,
            "virtio-serial": self._serial,
        }.get(where.type)
        if find is not None:
            return find(where, item)
        if where.type == "drive":
            return self.drive(where, bus or "")
        if where.type == "isa":
            return {"iobase": where.iobase or 0, "irq": positive(where.irq)}
        if where.type == "spapr-vio":
            return {"reg": where.reg}
        if where.type == "dimm":
            return {"slot": where.slot, "addr": positive(where.base)}
        return {}

    def _pci(self, where: Address, item: Device) -> Props:
        _, bus, slot, function = where.key()
        addr = f"0x{slot:x}" + (f".0x{function:x}" if function else "")
        return {
            "bus": self.pci_bus(bus),
            "multifunction": where.multifunction,
            "addr": addr,
            "acpi-index": positive(item.acpi_index),
        }

    def pci_bus(self, number: int) -> str:
        """The name of a PCI bus."""
        found = self.controller("pci", number)
        alias = str(found.alias)
        if alias.startswith("ua-") and found.model in ("pci-root", "pcie-root"):
            return "pci.0" if found.model == "pci-root" else "pcie.0"
        return alias

    def _usb(self, where: Address, item: Device) -> Props:
        return {"bus": f"{self.controller('usb', where.bus or 0).alias}.0", "port": where.port}

    def _serial(self, where: Address, item: Device) -> Props:
        alias = self.controller("virtio-serial", where.controller).alias
        return {"bus": f"{alias}.{where.bus or 0}", "nr": int(where.port or 0)}

    def drive(self, where: Address, bus: str) -> Props:
        """A place on a disk controller."""
        controller, unit = where.controller or 0, where.unit or 0
        if bus == "ide":
            built_in = is_i440fx(self.domain)
            alias = "ide" if built_in else self.controller("ide", controller).alias
            return {"bus": f"{alias}.{where.bus or 0}", "unit": unit}
        if bus == "sata":
            built_in = is_q35(self.domain) and controller == 0
            alias = "ide" if built_in else self.controller("sata", controller).alias
            return {"bus": f"{alias}.{unit}"}
        if bus == "fdc":
            return {"unit": unit}
        found = self.controller("scsi", controller)
        if found.model in _OFTEN_ONE_UNIT:
            return {"bus": f"{found.alias}.{where.bus or 0}", "scsi-id": unit}
        return {
            "bus": f"{found.alias}.0",
            "channel": where.bus or 0,
            "scsi-id": where.target or 0,
            "lun": unit,
        }

    def virtio(self, item: Any, base: str, model: str | None, *, suffix: bool = True) -> Props:
        """driver and the virtio options.

        :param base: the driver without its bus
        :param suffix: does the driver's name end with the bus?
        :raises libvirtError: INTERNAL_ERROR for a device that isn't on PCI
        """
        if item.address is None or item.address.type != "pci":
            detail = f"Unexpected address type for '{base}'"
            raise errors.error(Code.INTERNAL_ERROR, detail)
        name = f"{base}-pci" if suffix else base
        if self.caps.has("virtio-pci-non-transitional"):
            if model == "virtio-transitional":
                name += "-transitional"
            elif model == "virtio-non-transitional":
                name += "-non-transitional"
        found: Props = {"driver": name}
        if item.VIRTIO:
            found |= {
                "iommu_platform": item.iommu,
                "ats": item.ats,
                "packed": item.packed,
                "page-per-vq": item.page_per_vq,
            }
        return found

    def rom(self, item: Device) -> Props:
        """:raises libvirtError: CONFIG_UNSUPPORTED off PCI"""
        if item.rom_enabled is None and item.rom_bar is None and not item.rom_file:
            return {}
        if item.address is None or item.address.type != "pci":
            detail = "ROM tuning is only supported for PCI devices"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
        if item.rom_enabled is False:
            return {"romfile": ""}
        bar = None if item.rom_bar is None else int(item.rom_bar)
        return {"rombar": bar, "romfile": item.rom_file}

    def fds(self, name: str) -> list[int]:
        """Descriptors that QEMU gets under a name; see CommandContext.fds."""
        return list(self.ctx.fds.get(name, ()))

    def fdset(self, fds: list[int], opaque: str) -> tuple[Args, str]:
        """-add-fd for some descriptors, and the path by which QEMU opens them."""
        number = self._fdsets
        self._fdsets += 1
        args: Args = []
        for fd in fds:
            args += ["-add-fd", f"set={number},fd={fd},opaque={opaque}"]
        return args, f"/dev/fdset/{number}"
