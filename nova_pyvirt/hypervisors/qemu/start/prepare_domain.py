# SPDX-License-Identifier: Apache-2.0
"""Second stage: the live definition gets what only a run has (qemuProcessPrepareDomain)."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.ports import PortAllocator
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu import identity
from nova_pyvirt.hypervisors.qemu.prepare import prepare, settle_drivers, settle_tls
from nova_pyvirt.hypervisors.qemu.start.context import Start
from nova_pyvirt.model.devices.graphics import Graphics
from nova_pyvirt.model.security import SecLabel
from nova_pyvirt.util.breakpoints import reach

#: security drivers there are
_MODELS: Final = (None, "none", "dac")


def run(start: Start) -> None:
    """Aliases, display ports, labels, channel paths, block node numbers.

    :raises libvirtError: INTERNAL_ERROR when no port is free
    """
    with start.private.stage("prepare-domain"):
        nvram_dir = start.state.paths.nvram_dir
        settle_drivers(start.definition)
        prepare(start.definition, start.private.caps, start.state.view, nvram_dir)
        _security_label(start)
        for graphics in start.definition.devices.graphics:
            _listen(start, graphics)
            _ports(start, graphics)
        _channels(start)
        settle_tls(start.definition)
        _interfaces(start)
        _clock(start)
    reach("start-prepare-domain")


def _security_label(start: Start) -> None:
    """The owner of the guest's files, as the live XML shows it (virSecurityManagerGenLabel).

    :raises libvirtError: CONFIG_UNSUPPORTED for a security driver that isn't here
    """
    labels, confined = start.definition.seclabels, start.state.settings.default_confined
    for label in labels:
        if label.model not in _MODELS:
            detail = f"Security driver model '{label.model}' is not available"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.SECURITY)
    label = identity.dac_label(start.definition)
    mine = identity.default(start.state.settings)
    if mine is None or (label is None and not confined):
        return
    if label is None:
        label = SecLabel(type="dynamic", model="dac", relabel=True)
        start.definition.seclabels = [*labels, label]
    if label.type == "dynamic":
        label.label = mine.label()
    if label.relabel:
        label.imagelabel = label.label


def _ports(start: Start, graphics: Graphics) -> None:
    """Ports for a display that wants them chosen; named ones are taken as they are."""
    if graphics.type not in ("vnc", "spice") or graphics.listen_type in ("socket", "none"):
        return
    if graphics.type == "spice":
        _spice_ports(start, graphics)
    elif not graphics.socket:
        _vnc_ports(start, graphics)


def _vnc_ports(start: Start, graphics: Graphics) -> None:
    if graphics.autoport or graphics.port in (None, "-1"):
        graphics.port = _acquire(start, start.state.vnc_ports)
    else:
        _hold(start, graphics.port)
    if graphics.websocket == "-1":
        graphics.websocket = _acquire(start, start.state.websocket_ports)


def _spice_ports(start: Start, graphics: Graphics) -> None:
    """A plain port, an encrypted one, or both: what the channels need (qemuProcessSPICEAllocatePorts).

    :raises libvirtError: CONFIG_UNSUPPORTED for an encrypted port that was to be chosen
    """
    modes = [graphics.default_mode, *(channel.mode for channel in graphics.channels)]
    auto = bool(graphics.autoport)
    any_mode = graphics.default_mode in (None, "any")
    plain = any_mode or "insecure" in modes
    tls = start.state.settings.spice_tls
    secure = (auto and ("secure" in modes or (any_mode and tls))) or graphics.tls_port == "-1"
    if secure and not tls:
        raise errors.error(
            Code.CONFIG_UNSUPPORTED,
            "Auto allocation of spice TLS port requested but spice TLS is disabled in qemu.conf",
        )
    if (auto and plain) or graphics.port == "-1":
        graphics.port = _acquire(start, start.state.vnc_ports)
    if secure:
        graphics.tls_port = _acquire(start, start.state.vnc_ports)
    for port in (graphics.port, graphics.tls_port):
        if port and int(port) > 0:
            _hold(start, port)


def _acquire(start: Start, ports: PortAllocator) -> str:
    port = ports.acquire()
    start.private.undo.callback(ports.release, port)
    start.chosen.append(port)
    return str(port)


def _hold(start: Start, port: str) -> None:
    ports = start.state.vnc_ports
    ports.hold(int(port))
    start.private.undo.callback(ports.release, int(port))


def _listen(start: Start, graphics: Graphics) -> None:
    settings = start.state.settings
    if graphics.type == "spice":
        default, by_socket = settings.spice_listen, settings.spice_auto_unix_socket
    else:
        default, by_socket = settings.vnc_listen, settings.vnc_auto_unix_socket
    if graphics.type not in ("vnc", "spice") or graphics.listen_type not in (None, "address"):
        return
    if graphics.socket:
        return
    address = graphics.listen or graphics.listen_address
    if not address and by_socket:
        graphics.listen_type = "socket"
        graphics.listen_socket = f"{start.private.lib_dir}/{graphics.type}.sock"
        return
    address = address or default
    graphics.listen = graphics.listen_address = address
    graphics.listen_type = "address"


def _channels(start: Start) -> None:
    """Paths of unix channels that have none."""
    directory = channel_dir(start)
    for channel in start.definition.devices.channels:
        if channel.type == "unix" and not channel.source_path:
            channel.source_mode = "bind"
            channel.source_path = f"{directory}/{channel.target_name or channel.alias}"


def channel_dir(start: Start) -> str:
    """Where this run's channel sockets are."""
    run_dir = start.private.lib_dir.rpartition("/")[2]
    return f"{start.state.paths.channel_dir}/{run_dir}"


def _interfaces(start: Start) -> None:
    for number, interface in enumerate(start.definition.devices.interfaces):
        if interface.type in ("hostdev", "direct"):
            raise errors.error(
                Code.CONFIG_UNSUPPORTED,
                f"interface {number}: type '{interface.type}' is not available",
            )


def _clock(start: Start) -> None:
    clock = start.definition.clock
    if clock is not None and clock.offset == "variable":
        start.private.clock_base = int(clock.adjustment or 0)
