# SPDX-License-Identifier: Apache-2.0
"""Controllers, displays, input and the small devices."""

from collections.abc import Mapping
from typing import Any

from nova_pyvirt.hypervisors.qemu.command.context import pci_props, props
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.domain import Domain

Buses = Mapping[int, str]
#: order of controllers on the command line
_ORDER = ("pci", "usb", "scsi", "ide", "sata", "virtio-serial", "ccid")
_USB = {"piix3-uhci": "piix3-usb-uhci", "piix4-uhci": "piix4-usb-uhci", "ehci": "usb-ehci",
        "nec-xhci": "nec-usb-xhci", "ich9-ehci1": "ich9-usb-ehci1"}  # fmt: skip
_SCSI = {"virtio-scsi": "virtio-scsi-pci", "lsilogic": "lsi"}
_VIDEO = {"cirrus": "cirrus-vga", "vga": "VGA", "vmvga": "vmware-svga", "bochs": "bochs-display",
          "qxl": "qxl-vga", "ramfb": "ramfb"}  # fmt: skip


def controllers(domain: Domain, buses: Buses) -> list[str]:
    """-device of the controllers that the machine doesn't bring."""
    args: list[str] = []
    found = sorted(
        (c for c in domain.devices.controllers if c.type in _ORDER),
        key=lambda c: _ORDER.index(c.type),
    )
    for controller in found:
        values = _controller(controller)
        if values is not None:
            where = pci_props(controller.address, buses) if controller.address else {}
            args += ["-device", props(**values, **where)]
    return args


def _controller(controller: Controller) -> dict[str, Any] | None:
    kind, ident = controller.type, controller.alias
    if kind == "usb" and controller.model != "none":
        driver = _USB.get(controller.model, controller.model)
        ports = {"p2": controller.ports, "p3": controller.ports}
        return {"driver": driver, **ports, "id": ident}
    if kind == "scsi":
        iothread = f"iothread{controller.iothread}" if controller.iothread else None
        driver = _SCSI.get(controller.model, controller.model)
        return {
            "driver": driver,
            "iothread": iothread,
            "id": ident,
            "num_queues": controller.queues,
        }
    if kind == "virtio-serial":
        return {"driver": "virtio-serial-pci", "id": ident, "max_ports": controller.ports}
    if kind == "sata" and controller.index:
        return {"driver": "ahci", "id": ident}
    if kind == "pci" and controller.index:
        return _bridge(controller)
    return None


def _bridge(controller: Controller) -> dict[str, Any]:
    if controller.model == "pcie-root-port":
        port = controller.target_port
        return {
            "driver": controller.pci_model_name or "pcie-root-port",
            "port": port,
            "chassis": controller.chassis,
            "id": controller.alias,
        }
    if controller.model == "pci-bridge":
        return {"driver": "pci-bridge", "chassis_nr": controller.chassis_nr, "id": controller.alias}
    return {"driver": controller.pci_model_name or controller.model, "id": controller.alias}


def inputs(domain: Domain, buses: Buses) -> list[str]:
    """-device of tablets, mice and keyboards; PS/2 ones come with the machine."""
    args: list[str] = []
    for item in domain.devices.inputs:
        if item.bus == "usb":
            driver = {"keyboard": "usb-kbd"}.get(item.type, f"usb-{item.type}")
            port = item.address.port if item.address is not None else None
            args += ["-device", props(driver=driver, id=item.alias, bus="usb.0", port=port)]
        elif item.bus == "virtio":
            where = pci_props(item.address, buses)
            args += ["-device", props(driver=f"virtio-{item.type}-pci", id=item.alias, **where)]
    return args


def audio(domain: Domain) -> list[str]:
    """-audiodev."""
    args: list[str] = []
    for item in domain.devices.audios:
        args += ["-audiodev", props(id=f"audio{item.id or 1}", driver=item.type)]
    return args


def graphics(domain: Domain) -> list[str]:
    """-vnc, -spice."""
    args: list[str] = []
    audiodev = f",audiodev=audio{domain.devices.audios[0].id}" if domain.devices.audios else ""
    for item in domain.devices.graphics:
        listen = item.listen_address or item.listen or "127.0.0.1"
        if item.type == "vnc":
            socket = item.listen_socket or item.socket
            if socket:
                where = f"vnc=unix:{socket}"
            else:
                host = f"[{listen}]" if ":" in listen else listen
                where = f"{host}:{max(int(item.port or 5900) - 5900, 0)}"
            if item.websocket:
                where += f",websocket={item.websocket}"
            if item.password:
                where += ",password=on"
            if item.share_policy:
                where += f",share={item.share_policy}"
            args += ["-vnc", where.removeprefix("vnc=") + audiodev]
            if item.keymap:
                args += ["-k", item.keymap]
        elif item.type == "spice":
            password = "" if item.password else ",disable-ticketing=on"
            args += [
                "-spice",
                f"port={item.port or 0},addr={listen}{password},seamless-migration=on",
            ]
    return args


def videos(domain: Domain, buses: Buses) -> list[str]:
    """-device of display adapters."""
    args: list[str] = []
    for number, item in enumerate(domain.devices.videos):
        if item.model == "none":
            continue
        where = pci_props(item.address, buses)
        values: dict[str, Any] = {"driver": _VIDEO.get(item.model, item.model), "id": item.alias}
        if item.model == "virtio":
            values["driver"] = "virtio-vga" if number == 0 else "virtio-gpu-pci"
            values["max_outputs"] = item.heads
        elif item.model == "qxl":
            values["driver"] = "qxl-vga" if number == 0 else "qxl"
            values |= {
                "max_outputs": item.heads,
                "ram_size": (item.ram or 0) << 10,
                "vram_size": (item.vram or 0) << 10,
                "vram64_size_mb": (item.vram64 or 0) >> 10,
                "vgamem_mb": (item.vgamem or 0) >> 10,
            }
        elif item.model in ("vga", "vmvga"):
            values["vgamem_mb"] = (item.vram or 16384) >> 10
        args += ["-device", props(**values, **where)]
    return args


def watchdogs(domain: Domain, buses: Buses) -> list[str]:
    """-device and -watchdog-action."""
    args: list[str] = []
    for item in domain.devices.watchdogs:
        where = pci_props(item.address, buses) if item.address is not None else {}
        args += ["-device", props(driver=item.model, id=item.alias, **where)]
        action = {"dump": "pause"}.get(item.action, item.action) or "reset"
        args += ["-watchdog-action", action]
    return args


def balloon(domain: Domain, buses: Buses) -> list[str]:
    """-device of the memory balloon."""
    item = domain.devices.memballoon
    if item is None or item.model == "none":
        return []
    values = {
        "driver": "virtio-balloon-pci",
        "id": item.alias,
        "deflate_on_oom": item.autodeflate,
        "free_page_reporting": item.free_page_reporting,
    }
    return ["-device", props(**values, **pci_props(item.address, buses))]


def rngs(domain: Domain, buses: Buses) -> list[str]:
    """-object and -device of random number generators."""
    args: list[str] = []
    for item in domain.devices.rngs:
        if item.backend.model == "builtin":
            args += ["-object", props(qom_type="rng-builtin", id=f"obj{item.alias}")]
        else:
            path = item.backend.path or "/dev/urandom"
            args += ["-object", props(qom_type="rng-random", id=f"obj{item.alias}", filename=path)]
        values: dict[str, Any] = {
            "driver": "virtio-rng-pci",
            "rng": f"obj{item.alias}",
            "id": item.alias,
        }
        if item.rate_bytes:
            values |= {"max_bytes": item.rate_bytes, "period": item.rate_period or 1000}
        args += ["-device", props(**values, **pci_props(item.address, buses))]
    return args


def panics(domain: Domain) -> list[str]:
    """-device pvpanic."""
    args: list[str] = []
    for item in domain.devices.panics:
        if item.model in (None, "isa"):
            port = item.address.iobase if item.address is not None else None
            args += ["-device", props(driver="pvpanic", ioport=port)]
    return args
