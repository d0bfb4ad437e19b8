# SPDX-License-Identifier: Apache-2.0
"""What QEMU would trip over, seen before anything has been made: it costs microseconds here and a
process there. Where libvirt sees it first too, the error is libvirt's.
"""

from nova_pyvirt.hypervisors.qemu.host import hostdevs, needs
from nova_pyvirt.hypervisors.qemu.start.context import Start
from nova_pyvirt.hypervisors.qemu.start.prepare_domain import channel_dir
from nova_pyvirt.model.devices.graphics import Graphics
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os


def check(start: Start) -> None:
    """:raises libvirtError: the first thing that is missing, busy or out of reach"""
    definition = start.definition
    for interface in definition.devices.interfaces:
        needs.check_interface(interface)
    hostdevs.check(definition)
    for disk in definition.devices.disks:
        needs.check_secrets(disk, start.state.secrets)
    for graphics in definition.devices.graphics:
        _display(graphics)
    devices = definition.devices
    for device in (*devices.serials, *devices.parallels, *devices.channels, *devices.consoles):
        needs.check_chardev(device, made=channel_dir(start))
    _devices(definition)


def _display(graphics: Graphics) -> None:
    """The ports that the definition names; chosen ones are free."""
    if graphics.type not in ("vnc", "spice") or graphics.socket:
        return
    address = graphics.listen or "127.0.0.1"
    kind = graphics.type.upper()
    for what, port in (
        ("port", graphics.port),
        ("TLS port", graphics.tls_port),
        ("websocket port", graphics.websocket),
    ):
        if port not in (None, "-1", "0") and not needs.bindable(address, int(port)):
            raise needs.refused(f"{kind} {what} {port} on {address} is in use")


def _devices(definition: Domain) -> None:
    for rng in definition.devices.rngs:
        backend = rng.backend
        if backend is not None and backend.model == "random" and backend.path:
            needs.check_exists(backend.path)
    for filesystem in definition.devices.filesystems:
        directory = filesystem.source_dir
        if directory and not os.path.isdir(directory):
            raise needs.refused(f"filesystem source directory '{directory}' does not exist")
