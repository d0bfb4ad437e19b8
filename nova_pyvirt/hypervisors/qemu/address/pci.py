# SPDX-License-Identifier: Apache-2.0
"""Slots of PCI buses: what is taken, what comes next, which bridges are needed."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import Address
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.domain import Domain

_SLOTS = 32


class PCIBuses:
    """The buses of one domain.

    :param express: pcie.0 with root ports (q35), else pci.0 with bridges (pc)
    """

    def __init__(self, domain: Domain, *, express: bool) -> None:
        self._domain = domain
        self._express = express
        self._used: dict[tuple[int, int], set[int]] = {}
        self._ports: list[int] = []
        self._bridges: list[int] = [] if express else [0]
        for slot in (0, 0x1F) if express else (0, 1):
            self._used[(0, slot)] = set()
        for controller in domain.devices.controllers:
            if controller.type == "pci" and controller.index:
                self._known(controller)

    def _known(self, controller: Controller) -> None:
        if controller.model in ("pcie-root-port", "pcie-switch-downstream-port"):
            self._ports.append(controller.index)
        elif controller.model in ("pci-bridge", "pcie-to-pci-bridge", "dmi-to-pci-bridge"):
            self._bridges.append(controller.index)
        if controller.address is not None:
            self.reserve(controller.address)

    def taken(self, address: Address) -> bool:
        """Is that slot in use?"""
        _, bus, slot, _ = address.key()
        return (bus, slot) in self._used

    def reserve(self, address: Address) -> None:
        """:raises libvirtError: XML_ERROR when two devices want one place"""
        _, bus, slot, function = address.key()
        functions = self._used.setdefault((bus, slot), set())
        if function in functions:
            raise errors.error(
                Code.XML_ERROR,
                f"Attempted double use of PCI Address 0000:{bus:02x}:{slot:02x}.{function:x}",
                domain=From.NONE,
            )
        functions.add(function)

    def prepare(self, legacy: list[bool], *, spare: bool) -> None:
        """Adds the controllers that so many devices need.

        :param legacy: one entry a device, in order: does it need conventional PCI?
        :param spare: one more root port, for a later hot-plug
        """
        if not self._express:
            self._prepare_bridges(len(legacy))
            return
        free = sum((port, 0) not in self._used for port in self._ports)
        bridge = None
        for conventional in legacy:
            if not conventional and free:
                free -= 1
            elif not conventional:
                self._add_root_port()
            elif not self._bridges:
                if free:
                    free -= 1
                else:
                    self._add_root_port()
                bridge = Controller(
                    type="pci", index=self._next(), model="pcie-to-pci-bridge",
                    pci_model_name="pcie-pci-bridge",
                )  # fmt: skip
                self._domain.devices.controllers.append(bridge)
                self._bridges.append(bridge.index)
        if bridge is not None:
            # PCI controllers get their places before all other devices
            bridge.address = self.take(legacy=False)
        if spare:
            self._add_root_port()

    def _prepare_bridges(self, devices: int) -> None:
        room = sum(
            1 for bus in self._bridges for slot in range(0 if bus == 0 else 1, _SLOTS)
            if (bus, slot) not in self._used
        )  # fmt: skip
        while room <= devices:
            index = self._next()
            controller = Controller(type="pci", index=index, model="pci-bridge",
                                    pci_model_name="pci-bridge", chassis_nr=index)  # fmt: skip
            controller.address = self._slot_on(self._bridges)
            self._domain.devices.controllers.append(controller)
            self._bridges.append(index)
            room += _SLOTS - 2

    def take(self, *, legacy: bool) -> Address:
        """The next free place for a device.

        :raises libvirtError: INTERNAL_ERROR when there is none
        """
        if self._express and not legacy:
            for port in self._ports:
                if (port, 0) not in self._used:
                    address = Address(type="pci", domain=0, bus=port, slot=0, function=0)
                    self.reserve(address)
                    return address
        return self._slot_on(self._bridges)

    def _slot_on(self, buses: list[int]) -> Address:
        for bus in buses:
            for slot in range(1, _SLOTS):
                if (bus, slot) not in self._used:
                    address = Address(type="pci", domain=0, bus=bus, slot=slot, function=0)
                    self.reserve(address)
                    return address
        raise errors.error(Code.INTERNAL_ERROR, "No more available PCI slots", domain=From.NONE)

    def _next(self) -> int:
        return 1 + max(int(c.index) for c in self._domain.devices.controllers if c.type == "pci")

    def _add_root_port(self) -> int:
        """A root port on a function of the first slot with room; returns its bus."""
        slot, function = self._port_place()
        index = self._next()
        port = Controller(
            type="pci", index=index, model="pcie-root-port", pci_model_name="pcie-root-port",
            chassis=index, target_port=f"0x{slot << 3 | function:x}",
        )  # fmt: skip
        port.address = Address(
            type="pci", domain=0, bus=0, slot=slot, function=function,
            multifunction=True if function == 0 else None,
        )  # fmt: skip
        self.reserve(port.address)
        self._domain.devices.controllers.append(port)
        self._ports.append(index)
        return int(index)

    def _port_place(self) -> tuple[int, int]:
        own = {
            c.address.slot for c in self._domain.devices.controllers
            if c.type == "pci" and c.model == "pcie-root-port" and c.address is not None
        }  # fmt: skip
        for slot in range(1, 0x1F):
            functions = self._used.get((0, slot))
            if functions is None:
                return slot, 0
            if slot in own and len(functions) < 8:
                return slot, next(f for f in range(8) if f not in functions)
        raise errors.error(Code.INTERNAL_ERROR, "No more available PCI slots", domain=From.NONE)
