# SPDX-License-Identifier: Apache-2.0
"""Character devices: back-ends, ports, channels, consoles; the monitor."""

from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.context import CommandContext, escape
from nova_pyvirt.hypervisors.qemu.command.devices.guest import (
    Args,
    Guest,
    Props,
    device,
    object_,
    option,
)
from nova_pyvirt.model.devices.chardev import Backend, Channel, Serial

_CHANNELS = "/var/lib/libvirt/qemu/channel/target"
_VDAGENT = "com.redhat.spice.0"
#: names of D-Bus channels whose use is known
_DBUS = {"redirdev": "org.qemu.usbredir"}


def monitor(ctx: CommandContext) -> Args:
    """The QMP monitor: on a socket that already listens, so that no connection is too early."""
    where = f"path={escape(ctx.lib_dir)}/monitor.sock"
    if ctx.monitor_fd is not None:
        where = f"fd={ctx.monitor_fd}"
    return [
        "-chardev",
        f"socket,id=charmonitor,{where},server=on,wait=off",
        "-mon",
        "chardev=charmonitor,id=monitor,mode=control",
    ]


def serials(guest: Guest) -> Args:
    """Serial ports."""
    spice = any(g.type == "spice" for g in guest.devices.graphics)
    args: Args = []
    for serial in guest.devices.serials:
        if serial.type == "spiceport" and not spice:
            continue
        args += backend(guest, serial, f"char{serial.alias}")
        args += device(serial_props(guest, serial))
    return args


def serial_props(guest: Guest, serial: Serial) -> Props:
    """The properties of a serial port."""
    index = serial.port if serial.target_model == "isa-serial" else None
    return {
        "driver": serial.target_model,
        "chardev": f"char{serial.alias}",
        "id": serial.alias,
        "index": index,
        **guest.place(serial),
    }


def parallels(guest: Guest) -> Args:
    """Parallel ports."""
    args: Args = []
    for item in guest.devices.parallels:
        args += backend(guest, item, f"char{item.alias}")
        chardev = f"char{item.alias}"
        args += device({"driver": "isa-parallel", "chardev": chardev, "id": item.alias})
    return args


def channels(guest: Guest) -> Args:
    """Channels: ports of virtio-serial, or addresses on the guest's user network."""
    args: Args = []
    for item in guest.devices.channels:
        args += backend(guest, item, f"char{item.alias}")
        if item.target_type == "guestfwd":
            rule = f"tcp:{item.target_address}:{item.target_port}-chardev:char{item.alias}"
            netdev = {"type": "user", "guestfwd": [{"str": rule}], "id": item.alias}
            args += option("-netdev", netdev)
        else:
            args += device(channel_props(guest, item))
    return args


def channel_props(guest: Guest, channel: Channel) -> Props:
    """The properties of a virtio-serial port.

    :raises libvirtError: CONFIG_UNSUPPORTED for another name of SPICE's agent
    """
    spice = channel.type == "spicevmc"
    if spice and channel.target_name not in (None, _VDAGENT):
        detail = f"Unsupported spicevmc target name '{channel.target_name}'"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    return {
        "driver": "virtserialport",
        **guest.place(channel),
        "chardev": f"char{channel.alias}",
        "id": channel.alias,
        "name": channel.target_name or (_VDAGENT if spice else None),
    }


def consoles(guest: Guest) -> Args:
    """Consoles of their own; one that mirrors a serial port is that port."""
    args: Args = []
    for item in guest.devices.consoles:
        if item.target_type != "virtio":
            continue
        args += backend(guest, item, f"char{item.alias}")
        args += device({
            "driver": "virtconsole", **guest.place(item), "chardev": f"char{item.alias}",
            "id": item.alias,
        })  # fmt: skip
    return args


def backend(guest: Guest, item: Any, ident: str) -> Args:
    """-chardev of a back-end, with the objects and descriptors it needs.

    :raises libvirtError: CONFIG_UNSUPPORTED for a back-end QEMU can't have here
    """
    args: Args = []
    alias = getattr(item, "alias", None) or ident
    make = _BACKENDS.get(item.type)
    if make is None:
        raise errors.error(Code.CONFIG_UNSUPPORTED, f"unsupported chardev '{item.type}'")
    if item.type == "tcp" and item.sources and item.sources[0].tls:
        source = item.sources[0]
        args += object_(
            "tls-creds-x509", f"obj{ident}_tls0", dir=guest.ctx.tls_dir,
            endpoint="server" if source.mode == "bind" else "client", verify_peer=True,
        )  # fmt: skip
    before, words = make(guest, item, ident, alias)
    args += before
    if item.log_file:
        path, append = item.log_file, item.log_append
        fds = guest.fds(f"{alias}-log")
        if fds:
            more, path = guest.fdset(fds, f"{alias}-log")
            args, append = args + more, True
        words.append(f"logfile={escape(path)}")
        if append is not None:
            words.append(f"logappend={'on' if append else 'off'}")
    return [*args, "-chardev", ",".join(words)]


Words = tuple[Args, list[str]]


def _plain(guest: Guest, item: Backend, ident: str, alias: str) -> Words:
    return [], [str(item.type), f"id={ident}"]


def _dev(guest: Guest, item: Backend, ident: str, alias: str) -> Words:
    kind = "parallel" if ident.startswith("charparallel") else "serial"
    return [], [kind, f"id={ident}", f"path={escape(item.source.path or '')}"]


def _pipe(guest: Guest, item: Backend, ident: str, alias: str) -> Words:
    return [], ["pipe", f"id={ident}", f"path={escape(item.source.path or '')}"]


def _file(guest: Guest, item: Backend, ident: str, alias: str) -> Words:
    path, append = item.source.path or "", item.source.append
    args: Args = []
    fds = guest.fds(f"{alias}-source")
    if fds:
        args, path = guest.fdset(fds, f"{alias}-source")
        append = True
    words = ["file", f"id={ident}", f"path={escape(path)}"]
    if append is not None:
        words.append(f"append={'on' if append else 'off'}")
    return args, words


def _udp(guest: Guest, item: Backend, ident: str, alias: str) -> Words:
    to = next((s for s in item.sources if s.mode != "bind"), None)
    at = next((s for s in item.sources if s.mode == "bind"), None)
    return [], [
        "udp",
        f"id={ident}",
        f"host={escape(to.host or '') if to else ''}",
        f"port={to.service if to else ''}",
        f"localaddr={escape(at.host or '') if at else ''}",
        f"localport={at.service or '0' if at else '0'}",
    ]


def _tcp(guest: Guest, item: Backend, ident: str, alias: str) -> Words:
    source = item.source
    words = ["socket", f"id={ident}", f"host={escape(source.host or '')}",
             f"port={escape(source.service or '')}"]  # fmt: skip
    if item.protocol == "telnet":
        words.append("telnet=on")
    words += _listen(source)
    if source.tls:
        words.append(f"tls-creds=obj{ident}_tls0")
    return [], words


def _unix(guest: Guest, item: Backend, ident: str, alias: str) -> Words:
    source = item.source
    fds = guest.fds(alias)
    path = source.path
    if not path and guest.ctx.standalone:
        name = getattr(item, "target_name", None) or alias
        path = f"{_CHANNELS}/{guest.ctx.lib_dir.rpartition('/')[2]}/{name}"
    where = f"fd={fds[0]}" if fds else f"path={escape(path or '')}"
    return [], ["socket", f"id={ident}", where, *_listen(source)]


def _listen(source: Any) -> list[str]:
    words = ["server=on", "wait=off"] if source.mode == "bind" else []
    again = source.reconnect
    if again is not None and again.enabled is not None:
        words.append(f"reconnect={again.timeout if again.enabled else 0}")
    return words


def _spicevmc(guest: Guest, item: Backend, ident: str, alias: str) -> Words:
    name = {"redirdev": "usbredir", "smartcard": "smartcard"}.get(item.TAG, "vdagent")
    return [], ["spicevmc", f"id={ident}", f"name={name}"]


def _named(guest: Guest, item: Backend, ident: str, alias: str) -> Words:
    name = item.source.channel or _DBUS.get(item.TAG, "")
    return [], [str(item.type), f"id={ident}", f"name={escape(name)}"]


def _vdagent(guest: Guest, item: Backend, ident: str, alias: str) -> Words:
    words = ["qemu-vdagent", f"id={ident}", "name=vdagent"]
    source = item.source
    if source.clipboard is not None:
        words.append(f"clipboard={'on' if source.clipboard else 'off'}")
    mouse = {"client": "on", "server": "off"}.get(source.mouse)
    if mouse:
        words.append(f"mouse={mouse}")
    return [], words


_BACKENDS = {
    "null": _plain, "vc": _plain, "pty": _plain, "stdio": _plain, "dev": _dev, "pipe": _pipe,
    "file": _file, "udp": _udp, "tcp": _tcp, "unix": _unix, "spicevmc": _spicevmc,
    "spiceport": _named, "dbus": _named, "qemu-vdagent": _vdagent,
}  # fmt: skip
