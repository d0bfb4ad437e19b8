# SPDX-License-Identifier: Apache-2.0
"""Displays: -vnc, -spice, -display (qemuBuildGraphicsCommandLine)."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.context import escape
from nova_pyvirt.hypervisors.qemu.command.devices.audio import audio_id
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args, Guest, object_
from nova_pyvirt.model.devices.graphics import Graphics

_DBUS = "/run/libvirt/qemu/dbus"
#: VNC's certificates among QEMU's objects
_VNC_TLS = "vnc-tls-creds0"
_VNC_FIRST, _VNC_LAST = 5900, 65535
#: SPICE's channels in libvirt's order
_CHANNELS = ("main", "display", "inputs", "cursor", "playback", "record", "smartcard", "usbredir")


def graphics(guest: Guest) -> Args:
    """All displays.

    :raises libvirtError: CONFIG_UNSUPPORTED for ports and channels that can't be
    """
    args: Args = []
    kinds = [item.type for item in guest.devices.graphics if item.type in _MAKERS]
    if len(kinds) > len(set(kinds)):
        detail = (
            "only 1 graphics device of each type (sdl, vnc, spice, headless, dbus) is supported"
        )
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    for item in guest.devices.graphics:
        make = _MAKERS.get(item.type)
        if make is None:
            detail = f"unsupported graphics type '{item.type}'"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
        args += make(guest, item)
    return args


def _number(port: str | None) -> int:
    return int(port) if port else 0


def _vnc(guest: Guest, item: Graphics) -> Args:
    kind, address = item.listen_type, item.listen_address
    if address is None and kind == "address":
        address = guest.ctx.vnc_listen
    if kind == "socket":
        path = item.listen_socket or f"{guest.ctx.lib_dir}/vnc.sock"
        words = [f"vnc=unix:{escape(path)}"]
    elif kind == "none":
        words = ["none"]
    else:
        port = _number(item.port)
        if item.autoport and port <= 0:
            port = _VNC_FIRST
        if not item.autoport and not _VNC_FIRST <= port <= _VNC_LAST:
            detail = "vnc port must be in range [5900,65535]"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
        host = f"[{address}]" if ":" in (address or "") else address or ""
        words = [f"{host}:{port - _VNC_FIRST}"]
        if _number(item.websocket):
            words.append(f"websocket={item.websocket}")
    if item.share_policy:
        words.append(f"share={item.share_policy}")
    if item.password or guest.ctx.vnc_password:
        words.append("password=on")
    creds: Args = []
    if guest.ctx.vnc_tls is not None:
        creds = object_(
            "tls-creds-x509", _VNC_TLS, dir=guest.ctx.vnc_tls, endpoint="server",
            verify_peer=guest.ctx.vnc_tls_verify,
        )  # fmt: skip
        words.append(f"tls-creds={_VNC_TLS}")
    if guest.ctx.vnc_sasl:
        words.append("sasl=on")
    if item.power_control is not None:
        words.append(f"power-control={'on' if item.power_control else 'off'}")
    words.append(f"audiodev={audio_id(guest, item.audio_id)}")
    return [*creds, "-vnc", ",".join(words), *_keymap(item)]


def _keymap(item: Graphics) -> Args:
    return ["-k", item.keymap] if item.keymap else []


def _spice(guest: Guest, item: Graphics) -> Args:
    words, secure, insecure = _spice_listen(guest, item)
    if guest.ctx.spice_sasl:
        words.append("sasl=on")
    if item.mouse:
        words.append(f"agent-mouse={'on' if item.mouse == 'client' else 'off'}")
    if not item.password and not guest.ctx.spice_password:
        words.append("disable-ticketing=on")
    if secure:
        words.append(f"x509-dir={escape(guest.ctx.spice_tls_dir or guest.ctx.tls_dir)}")
    words += _spice_channels(item, secure=secure, insecure=insecure)
    for name, value in (
        ("image-compression", item.image),
        ("jpeg-wan-compression", item.jpeg),
        ("zlib-glz-wan-compression", item.zlib),
        ("playback-compression", None if item.playback is None else _on(item.playback)),
        ("streaming-video", item.streaming),
        ("disable-copy-paste", "on" if item.clipboard is False else None),
        ("disable-agent-file-xfer", "on" if item.filetransfer is False else None),
    ):
        if value is not None:
            words.append(f"{name}={value}")
    if item.gl is not None and item.gl.enable:
        words.append("gl=on")
        if item.gl.rendernode:
            words.append(f"rendernode={escape(item.gl.rendernode)}")
    words.append("seamless-migration=on")
    return ["-spice", ",".join(words), *_keymap(item)]


def _on(value: bool) -> str:
    return "on" if value else "off"


def _spice_listen(guest: Guest, item: Graphics) -> tuple[list[str], bool, bool]:
    """Where it listens; are there encrypted and plain connections?"""
    if item.listen_type == "socket":
        path = item.listen_socket or f"{guest.ctx.lib_dir}/spice.sock"
        return ["unix", f"addr={escape(path)}"], False, True
    if item.listen_type == "none":
        return ["port=0"], False, True
    port, tls = _number(item.port), _number(item.tls_port)
    if item.autoport and guest.ctx.standalone and port <= 0:
        port = _VNC_FIRST
        tls = tls if tls > 0 else (_VNC_FIRST + 1 if _needs_tls(item) else 0)
    words = []
    if port > 0:
        words.append(f"port={port}")
    if tls > 0:
        words.append(f"tls-port={tls}")
    address = item.listen_address or guest.ctx.spice_listen
    if words and address:
        words.append(f"addr={address}")
    return words, tls > 0, port > 0


def _needs_tls(item: Graphics) -> bool:
    return item.default_mode == "secure" or any(c.mode == "secure" for c in item.channels)


def _spice_channels(item: Graphics, *, secure: bool, insecure: bool) -> list[str]:
    modes = {c.name: c.mode for c in item.channels}
    wanted = [("default", item.default_mode)] + [(n, modes.get(n)) for n in _CHANNELS]
    words = []
    for name, mode in wanted:
        if mode in (None, "any"):
            continue
        if not (secure if mode == "secure" else insecure):
            kind = "TLS" if mode == "secure" else "plaintext"
            subject = (
                f"defaultMode {mode} requested" if name == "default" else f"{mode} channels set"
            )
            detail = f"spice {subject} in XML configuration, but {kind} connection is not available"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
        words.append(f"{'tls' if mode == 'secure' else 'plaintext'}-channel={name}")
    return words


def _sdl(guest: Guest, item: Graphics) -> Args:
    args: Args = ["-full-screen"] if item.fullscreen else []
    gl = ""
    if item.gl is not None and item.gl.enable is not None:
        gl = f",gl={_on(item.gl.enable)}"
    return [*args, "-display", f"sdl{gl}"]


def _egl(guest: Guest, item: Graphics) -> Args:
    node = item.gl.rendernode if item.gl is not None else None
    return ["-display", "egl-headless" + (f",rendernode={escape(node)}" if node else "")]


def _dbus(guest: Guest, item: Graphics) -> Args:
    words = ["dbus"]
    if item.p2p:
        words.append("p2p=on")
    else:
        address = item.dbus_address or f"unix:path={_DBUS}/{guest.ctx.short_name}-dbus.sock"
        words.append(f"addr={escape(address)}")
    if item.gl is not None:
        if item.gl.enable is not None:
            words.append(f"gl={_on(item.gl.enable)}")
        if item.gl.rendernode:
            words.append(f"rendernode={escape(item.gl.rendernode)}")
    if item.audio_id:
        words.append(f"audiodev={audio_id(guest, item.audio_id)}")
    return ["-display", ",".join(words)]


_MAKERS = {"vnc": _vnc, "spice": _spice, "sdl": _sdl, "egl-headless": _egl, "dbus": _dbus}
