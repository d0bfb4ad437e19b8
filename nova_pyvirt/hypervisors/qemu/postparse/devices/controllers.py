# SPDX-License-Identifier: Apache-2.0
"""Controllers: their indexes, models, and those that other devices need."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.postparse.machine import is_i440fx, is_q35
from nova_pyvirt.model.devices.common import Address
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.domain import Domain

USB2 = ("ich9-ehci1", "ich9-uhci1", "ich9-uhci2", "ich9-uhci3")
#: first port of a companion on its master
_MASTER_PORTS = {"ich9-uhci1": 0, "ich9-uhci2": 2, "ich9-uhci3": 4}
_XHCI_PORTS = 15
_ROOTS = ("pci-root", "pcie-root")


def sort(domain: Domain) -> None:
    """The order of a list into which controllers were put by type and index."""
    placed: list[Controller] = []
    for controller in domain.devices.controllers:
        insert(placed, controller)
    domain.devices.controllers = placed


def insert(controllers: list[Controller], new: Controller) -> None:
    """Puts a controller behind those of its type with lower indexes."""
    at = None
    for place in range(len(controllers) - 1, -1, -1):
        other = controllers[place]
        if other.type != new.type:
            continue
        if new.index is None:
            at = place + 1
            break
        index = -1 if other.index is None else other.index
        companion = new.master is None and other.master is not None and index == new.index
        if index > new.index or companion:
            at = place
        elif at is None:
            at = place + 1
    controllers.insert(len(controllers) if at is None else at, new)


def find(domain: Domain, kind: str, index: int) -> Controller | None:
    """The controller of that type and index."""
    for controller in domain.devices.controllers:
        if controller.type == kind and controller.index == index:
            found: Controller = controller
            return found
    return None


def maybe_add(domain: Domain, kind: str, index: int, model: str | None = None) -> Controller | None:
    """Adds a controller unless there is one; the new one, or None."""
    if find(domain, kind, index) is not None:
        return None
    controller = Controller(type=kind, index=index, model=model)
    domain.devices.controllers.append(controller)
    return controller


def assign_indexes(domain: Domain) -> None:
    """Indexes for controllers without; USB 2 companions share one."""
    controllers = domain.devices.controllers
    for place, controller in enumerate(controllers):
        if controller.index is not None:
            continue
        if controller.type == "usb" and controller.model in USB2:
            controller.index = _companion_index(controllers, place)
        if controller.index is None:
            used = {c.index for c in controllers if c.type == controller.type}
            controller.index = next(i for i in range(len(used) + 1) if i not in used)


def _companion_index(controllers: list[Controller], place: int) -> int | None:
    own = controllers[place]
    before = next((c for c in reversed(controllers[:place]) if c.type == "usb"), None)
    if before is None or before.model not in USB2:
        return None
    taken = any(
        c.type == "usb" and c.index == before.index and c.model == own.model for c in controllers
    )
    return None if taken else before.index


def add_default_usb(domain: Domain, model: str | None) -> None:
    """A USB bus, unless there is one or none is wanted."""
    maybe_add(domain, "usb", 0, model)


def add_root(domain: Domain, model: str) -> None:
    """The machine's own PCI bus.

    :raises libvirtError: XML_ERROR when the definition gives it another kind
    """
    root = find(domain, "pci", 0)
    if root is None:
        domain.devices.controllers.append(Controller(type="pci", index=0, model=model))
    elif root.model != model:
        raise errors.error(
            Code.XML_ERROR,
            f"The PCI controller with index='0' must be model='{model}' for this machine type, but"
            f" model='{root.model or '(null)'}' was found instead",
            domain=From.QEMU,
        )


def complete(domain: Domain, caps: QemuCaps) -> None:
    """Models, and what a model can't have."""
    for controller in domain.devices.controllers:
        _complete_one(domain, controller, caps)


def _complete_one(domain: Domain, controller: Controller, caps: QemuCaps) -> None:
    if controller.type == "scsi":
        controller.model = _scsi_model(controller.model, caps)
        if controller.iothread and not controller.model.startswith("virtio"):
            detail = "'iothread' attribute only supported for virtio scsi controllers"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
    elif controller.iothread:
        detail = "'iothread' attribute only supported for virtio scsi controllers"
        raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
    elif controller.type == "usb":
        _complete_usb(controller, caps)
    elif controller.type == "pci":
        _check_pci(domain, controller)


def _scsi_model(model: str | None, caps: QemuCaps) -> str:
    if model not in (None, "auto"):
        return str(model)
    return "lsilogic" if caps.has("lsi") else "virtio-scsi"


def _complete_usb(controller: Controller, caps: QemuCaps) -> None:
    if controller.master is None:
        controller.master = _MASTER_PORTS.get(controller.model)
    if controller.model is None and caps.has("piix3-usb-uhci"):
        controller.model = "piix3-uhci"
    if controller.model in ("qusb1", "qusb2"):
        raise errors.error(
            Code.CONFIG_UNSUPPORTED,
            f"USB controller model type '{controller.model}' is not supported in QEMU",
        )
    if controller.model in ("nec-xhci", "qemu-xhci") and (controller.ports or 0) > _XHCI_PORTS:
        raise errors.error(
            Code.CONFIG_UNSUPPORTED,
            f"'{controller.model}' controller only supports up to '{_XHCI_PORTS}' ports",
        )


def _check_pci(domain: Domain, controller: Controller) -> None:
    model = controller.model
    if model in _ROOTS and controller.index:
        detail = "pci-root and pcie-root controllers should have index 0"
        raise errors.error(Code.XML_ERROR, detail)
    if model == "pci-expander-bus" and not is_i440fx(domain):
        detail = "pci-expander-bus controllers are only supported on 440fx-based machinetypes"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    if model == "pcie-expander-bus" and not is_q35(domain):
        detail = "pcie-expander-bus controllers are not supported with this machine type"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    cells = len(domain.cpu.cells) if domain.cpu is not None else 0
    if controller.node is not None and controller.node >= cells:
        raise errors.error(
            Code.XML_ERROR,
            f"{model} with index {controller.index} is configured for a NUMA node"
            f" ({controller.node}) not present in the domain's <cpu><numa> array ({cells})",
        )


def check(domain: Domain) -> None:
    """:raises libvirtError: XML_ERROR for two of a type with one index"""
    seen: set[tuple[str, int]] = set()
    for controller in domain.devices.controllers:
        key = (controller.type, controller.index)
        if controller.type != "usb" and key in seen:
            detail = f"Multiple '{controller.type}' controllers with index '{controller.index}'"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        seen.add(key)


def add_needed(domain: Domain, caps: QemuCaps) -> None:
    """Controllers of buses that disks, channels, smartcards and host devices are on."""
    for kind in ("scsi", "fdc", "ide", "sata"):
        on = [d for d in domain.devices.disks if d.bus == kind]
        tops = [d.address.controller for d in on if d.address and d.address.type == "drive"]
        for index in range(max(tops, default=-1) + 1):
            maybe_add(domain, kind, index)
    _add_virtio_serial(domain)
    _add_ccid(domain)
    add_for_hostdevs(domain)
    for controller in domain.devices.controllers:
        if controller.type == "scsi" and controller.model is None:
            controller.model = _scsi_model(None, caps)


def _add_virtio_serial(domain: Domain) -> None:
    devices = domain.devices
    for device in (*devices.channels, *devices.consoles):
        if device.target_type == "virtio":
            where = device.address
            listed = where is not None and where.type == "virtio-serial"
            maybe_add(domain, "virtio-serial", where.controller if listed else 0)


def _add_ccid(domain: Domain) -> None:
    for card in domain.devices.smartcards:
        index = 0
        if card.address is None:
            slots = [
                c.address.slot
                for c in domain.devices.smartcards
                if c.address and c.address.type == "ccid" and not c.address.controller
            ]
            slot = max(slots, default=-1) + 1
            card.address = Address(type="ccid", controller=0, slot=slot)
        elif card.address.type == "ccid":
            index = card.address.controller
        maybe_add(domain, "ccid", index)


def add_for_hostdevs(domain: Domain) -> None:
    """SCSI controllers of host devices, once they are read and once they have their places."""
    top, model = -1, None
    for device in domain.devices.hostdevs:
        if device.mode == "subsystem" and device.type == "scsi":
            index = (device.address.controller or 0) if device.address is not None else 0
            if index > top:
                top = index
                known = find(domain, "scsi", index)
                model = known.model if known is not None and known.model else model
    for index in range(top + 1):
        maybe_add(domain, "scsi", index, model)
