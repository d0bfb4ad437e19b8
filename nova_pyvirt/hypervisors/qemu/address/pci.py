# SPDX-License-Identifier: Apache-2.0
"""Slots of PCI buses: what fits where, what is taken, what comes next (virDomainPCIAddressSet)."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import Address

#: what a device is, or a bus accepts
AUTO, HOTPLUG, AGGREGATE, INTEGRATED = 1, 2, 4, 8
PCI, PCIE = 0x10, 0x20
ROOT_PORT, UPSTREAM, DOWNSTREAM = 0x40, 0x80, 0x100
DMI_BRIDGE, PCIE_PCI_BRIDGE, PCI_EXPANDER, PCIE_EXPANDER, PCI_BRIDGE = (
    0x200, 0x400, 0x800, 0x1000, 0x2000,
)  # fmt: skip
_TYPES = 0x3FF0
_ENDPOINT = PCI | PCIE
_LAST = 31

#: how a PCI controller itself is connected
CONNECT = {
    "pci-bridge": PCI_BRIDGE,
    "pci-expander-bus": PCI_EXPANDER,
    "pcie-expander-bus": PCIE_EXPANDER,
    "dmi-to-pci-bridge": DMI_BRIDGE,
    "pcie-to-pci-bridge": PCIE_PCI_BRIDGE,
    "pcie-root-port": ROOT_PORT | AGGREGATE,
    "pcie-switch-upstream-port": UPSTREAM,
    "pcie-switch-downstream-port": DOWNSTREAM,
}
_NAMES = (
    (PCI, "standard PCI device"),
    (PCIE, "PCI Express device"),
    (ROOT_PORT, "pcie-root-port"),
    (UPSTREAM, "pcie-switch-upstream-port"),
    (DOWNSTREAM, "pcie-switch-downstream-port"),
    (DMI_BRIDGE, "dmi-to-pci-bridge"),
    (PCIE_PCI_BRIDGE, "pcie-to-pci-bridge"),
    (PCI_EXPANDER, "pci-expander-bus"),
    (PCIE_EXPANDER, "pcie-expander-bus"),
    (PCI_BRIDGE, "pci-bridge"),
)
_PORT = AUTO | PCIE | UPSTREAM | PCIE_PCI_BRIDGE
#: model -> what it accepts, first and last slot, does hot-plug depend on the configuration?
_BUSES: dict[str, tuple[int, int, int, bool]] = {
    "pci-root": (AUTO | PCI | PCI_BRIDGE | PCI_EXPANDER, 1, _LAST, True),
    "pci-bridge": (AUTO | PCI | PCI_BRIDGE, 1, _LAST, True),
    "pci-expander-bus": (AUTO | PCI | PCI_BRIDGE, 0, _LAST, True),
    "pcie-root": (PCIE | ROOT_PORT | DMI_BRIDGE | PCIE_EXPANDER, 1, _LAST, False),
    "dmi-to-pci-bridge": (PCI | PCI_BRIDGE, 0, _LAST, False),
    "pcie-to-pci-bridge": (AUTO | PCI | PCI_BRIDGE, 1, _LAST, True),
    "pcie-root-port": (_PORT, 0, 0, True),
    "pcie-switch-downstream-port": (_PORT, 0, 0, True),
    "pcie-switch-upstream-port": (DOWNSTREAM, 0, _LAST, False),
    "pcie-expander-bus": (ROOT_PORT | DMI_BRIDGE, 0, _LAST, False),
}


class Bus:
    """One bus."""

    def __init__(self, model: str | None, *, hotplug: bool = True) -> None:
        self.model = model or ""
        found = _BUSES.get(self.model)
        if found is None:
            detail = "PCI controller model was not set correctly"
            raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
        flags, self.first, self.last, pluggable = found
        self.flags = flags | (HOTPLUG if hotplug and pluggable else 0)
        self.slots: dict[int, set[int]] = {}
        self.aggregates: set[int] = set()


class PCISet:
    """The buses of one domain.

    :param growing: the first pass: buses are added as they are needed
    """

    def __init__(self, buses: list[Bus], *, growing: bool) -> None:
        self.buses = buses
        self.growing = growing

    def in_use(self, bus: int, slot: int) -> bool:
        """Is anything in that slot?"""
        return bool(self.buses[bus].slots.get(slot))

    def reserve(self, key: tuple[int, int, int, int], flags: int, *, given: bool) -> None:
        """Takes one function.

        :param given: the definition says so; else it was chosen
        :raises libvirtError: XML_ERROR or INTERNAL_ERROR when it can't be there, or isn't alone
        """
        _, number, slot, function = key
        if self.growing:
            self._grow(number, flags)
        self._validate(key, flags, given=given)
        bus = self.buses[number]
        functions = bus.slots.setdefault(slot, set())
        if function in functions:
            raise _error(f"Attempted double use of PCI Address {text(key)}", given=given)
        if not functions and flags & AGGREGATE:
            bus.aggregates.add(slot)
        functions.add(function)

    def take_function(self, flags: int, function: int) -> Address:
        """The next free slot, for one function of it."""
        for number, bus in enumerate(self.buses):
            place = _free(bus, flags, number)
            if place is not None:
                return self._taken((0, number, place[0], function), flags)
        return self._on_new_bus(flags, function)

    def take(self, flags: int) -> Address:
        """The next free place for a device.

        :raises libvirtError: INTERNAL_ERROR when there is none, XML_ERROR when there is no bus
        """
        if not self.buses:
            raise errors.error(Code.XML_ERROR, "No PCI buses available", domain=From.DOMAIN)
        for number, bus in enumerate(self.buses):
            place = _free(bus, flags, number)
            if place is not None:
                return self._taken((0, number, *place), flags)
        return self._on_new_bus(flags, 0)

    def _on_new_bus(self, flags: int, function: int) -> Address:
        if not flags & _TYPES:
            detail = (
                "Cannot automatically add a new PCI bus for a device with connect flags"
                f" {flags:02x}"
            )
            raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
        if not self.growing:
            detail = "No more available PCI slots"
            raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
        number = self._grow(len(self.buses), flags)
        return self._taken((0, number, self.buses[number].first, function), flags)

    def _taken(self, key: tuple[int, int, int, int], flags: int) -> Address:
        self.reserve(key, flags, given=False)
        _, bus, slot, function = key
        return Address(type="pci", domain=0, bus=bus, slot=slot, function=function)

    def full(self) -> bool:
        """Is every slot of every bus in use?"""
        return all(
            all(bus.slots.get(slot) for slot in range(bus.first, bus.last + 1))
            for bus in self.buses
        )

    def _validate(self, key: tuple[int, int, int, int], flags: int, *, given: bool) -> None:
        domain, number, slot, _ = key
        where = text(key)
        if domain:
            raise _error(
                f"Invalid PCI address {where}. Only PCI domain 0 is available", given=given
            )
        if number >= len(self.buses):
            top = len(self.buses) - 1
            raise _error(
                f"Invalid PCI address {where}. Only PCI buses up to {top} are available",
                given=given,
            )
        bus = self.buses[number]
        problem = mismatch(bus, flags, number, where, given=given)
        if problem:
            raise _error(problem, given=given)
        if slot < bus.first:
            detail = f"Invalid PCI address {where}. slot must be >= {bus.first}"
            raise _error(detail, given=given)
        if slot > bus.last:
            detail = f"Invalid PCI address {where}. slot must be <= {bus.last}"
            raise _error(detail, given=given)

    def _grow(self, wanted: int, flags: int) -> int:
        """Adds buses until there is a bus `wanted`; the number of the one to use."""
        add = wanted - len(self.buses) + 1
        if add <= 0:
            return wanted
        if flags & PCI:
            model = "pci-bridge"
            if not any(bus.flags & PCI_BRIDGE for bus in self.buses):
                port = Bus("pcie-root-port")
                port.flags = PCIE_PCI_BRIDGE
                self.buses += [port, Bus("pcie-to-pci-bridge")]
                wanted = max(wanted, len(self.buses) - 1)
        elif flags & (PCIE | UPSTREAM):
            model = "pcie-root-port"
        else:
            name = next((n for bit, n in _NAMES[2:] if flags & bit), None)
            detail = (
                f"a PCI slot is needed to connect a PCI controller model='{name}', but none is"
                " available, and it cannot be automatically added"
            )
            raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
        while len(self.buses) <= wanted:
            self.buses.append(Bus(model))
        return wanted


def text(key: tuple[int, int, int, int]) -> str:
    """An address as messages show it."""
    return f"{key[0]:04x}:{key[1]:02x}:{key[2]:02x}.{key[3]:x}"


def _error(detail: str, *, given: bool) -> errors.libvirtError:
    code = Code.XML_ERROR if given else Code.INTERNAL_ERROR
    return errors.error(code, detail, domain=From.DOMAIN)


def mismatch(bus: Bus, flags: int, number: int, where: str, *, given: bool) -> str | None:
    """Why a device can't be on a bus; None when it can."""
    accepts = bus.flags
    if flags & INTEGRATED:
        if number:
            return f"The device at PCI address {where} needs to be an integrated device (bus=0)"
        accepts |= AUTO
    if given:
        if accepts & _ENDPOINT:
            accepts |= _ENDPOINT
        if flags & PCI_BRIDGE:
            flags |= PCI
    elif flags & AUTO and not accepts & AUTO:
        return (
            f"The device at PCI address {where} was auto-assigned this address, but the PCI"
            f" controller with index='{number}' doesn't allow auto-assignment"
        )
    if flags & HOTPLUG and not accepts & HOTPLUG:
        return (
            f"The device at PCI address {where} requires hotplug capability, but the PCI"
            f" controller with index='{number}' doesn't support hotplug"
        )
    if flags & accepts & _TYPES:
        return None
    name = next((n for bit, n in _NAMES if flags & bit), "device")
    return (
        f"The device at PCI address {where} cannot be plugged into the PCI controller with"
        f" index='{number}'. It requires a controller that accepts a {name}."
    )


def _free(bus: Bus, flags: int, number: int) -> tuple[int, int] | None:
    """The first free slot and function for a device on a bus."""
    if mismatch(bus, flags, number, "", given=False):
        return None
    for slot in range(bus.first, bus.last + 1):
        functions = bus.slots.get(slot)
        if not functions:
            return slot, 0
        if flags & AGGREGATE and slot in bus.aggregates and len(functions) < 8:
            return slot, next(f for f in range(8) if f not in functions)
    return None
