# SPDX-License-Identifier: Apache-2.0
"""Displays, adapters and sound (virDomainGraphicsDefValidate, ...VideoDefValidate, ...)."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.caps.cache import SPICE_TLS
from nova_pyvirt.hypervisors.qemu.validate.common import (
    bad_xml,
    no_virtio_options,
    unsupported,
    unsupported_domain,
)
from nova_pyvirt.model.devices.graphics import Graphics
from nova_pyvirt.model.devices.video import Video
from nova_pyvirt.model.domain import Domain

_VIDEO_FLAGS = {"vga": "VGA", "cirrus": "cirrus-vga", "vmvga": "vmware-svga", "qxl": "qxl",
                "virtio": "virtio-gpu", "bochs": "bochs-display", "ramfb": "ramfb"}  # fmt: skip
_SECONDARY = ("qxl", "virtio")
_VNC_PASSWORD = 8
_MAX_RAM = 0xFFFFFFFF // 1024


def check(domain: Domain, caps: QemuCaps) -> None:
    """:raises libvirtError: XML_ERROR, CONFIG_UNSUPPORTED"""
    for graphics in domain.devices.graphics:
        _graphics(domain, graphics, caps)
    for number, video in enumerate(domain.devices.videos):
        _video(domain, video, caps, first=number == 0)
        _video_memory(video)
    _audio(domain)


def _graphics(domain: Domain, item: Graphics, caps: QemuCaps) -> None:
    for listen in item.listens:
        if listen.type == "network" and not listen.network:
            raise bad_xml("'network' attribute is required for listen type 'network'")
    if item.type in ("rdp", "desktop"):
        raise unsupported(f"{item.type} graphics are not supported with this QEMU")
    kinds = [g.type for g in domain.devices.graphics]
    if item.type == "egl-headless":
        if not set(kinds) <= {"egl-headless", "vnc", "spice"}:
            raise unsupported(
                "graphics type 'egl-headless' is only supported with one of: 'vnc', 'spice'"
                " graphics types"
            )
    if item.type == "spice" and item.gl is not None and item.gl.enable and "egl-headless" in kinds:
        raise unsupported("multiple OpenGL displays are not supported by QEMU")
    if item.type == "dbus":
        _dbus(domain, item)
    elif item.type == "vnc":
        password = item.password
        if password and len(password.encode()) > _VNC_PASSWORD:
            raise unsupported(
                f"VNC password is {len(password.encode())} characters long, only 8 permitted"
            )
    elif item.type == "spice":
        _spice(item, caps)


def _dbus(domain: Domain, item: Graphics) -> None:
    if item.p2p and item.dbus_address:
        raise bad_xml("D-Bus p2p with an address is not supported")
    if item.audio_id:
        audio = next((a for a in domain.devices.audios if a.id == item.audio_id), None)
        if audio is not None and audio.type != "dbus":
            raise unsupported("The associated audio is not of 'dbus' kind.")


def _spice(item: Graphics, caps: QemuCaps) -> None:
    tls = int(item.tls_port or 0)
    listens = item.listen_type in ("address", "network")
    if listens and not item.autoport and tls > 0 and not caps.has(SPICE_TLS):
        raise unsupported(
            "spice TLS port set in XML configuration, but TLS is disabled in qemu.conf"
        )
    if item.gl is not None and item.gl.enable and not caps.has("spice-gl"):
        raise unsupported("This QEMU doesn't support spice OpenGL")


def _video(domain: Domain, item: Video, caps: QemuCaps, *, first: bool) -> None:
    if item.model == "none" and len(domain.devices.videos) > 1:
        raise unsupported_domain(
            "a 'none' video type must be the only video device defined for the domain"
        )
    if item.model in ("none",):
        return
    if item.driver_name == "vhostuser" and item.model != "virtio":
        raise unsupported_domain("'vhostuser' driver is only supported with 'virtio' device")
    if item.rendernode and item.driver_name != "vhostuser":
        raise unsupported_domain("unsupported rendernode accel attribute without 'vhostuser'")
    if item.model != "virtio":
        no_virtio_options(item)
    if item.x is not None and not (item.x and item.y):
        raise unsupported_domain("video resolution values must be greater than 0")
    if item.model == "ramfb" and item.address is not None:
        raise unsupported_domain("address not supported for video type ramfb")
    flag = _VIDEO_FLAGS.get(item.model)
    if flag is None or not (caps.has(flag) or item.model == "virtio"):
        raise unsupported(f"domain configuration does not support video model '{item.model}'")
    if not first and item.model not in _SECONDARY:
        raise unsupported(f"video type '{item.model}' is only valid as primary video device")
    if (item.heads or 1) > 1 and item.model not in ("qxl", "virtio"):
        raise unsupported(f"video type '{item.model}' doesn't support multiple 'heads'")
    if item.accel2d:
        raise unsupported("qemu does not support the accel2d setting")
    if item.accel3d and item.model != "virtio":
        raise unsupported("3d acceleration is supported only with 'virtio' video device")
    if item.accel3d and item.driver_name != "vhostuser":
        if not (caps.has("virtio-gpu.virgl") or caps.has("virtio-vga-gl")
                or caps.has("virtio-gpu-gl-pci")):  # fmt: skip
            raise unsupported("3d acceleration is not supported by this QEMU binary")


def _video_memory(item: Video) -> None:
    for name in ("vram", "ram"):
        if (getattr(item, name) or 0) > _MAX_RAM and item.model == "qxl":
            detail = f"value for '{name}' must be less than '{_MAX_RAM}'"
            raise errors.error(Code.OVERFLOW, detail)
    if item.model == "qxl" and item.vgamem:
        if item.vgamem < 1024:
            raise unsupported("value for 'vgamem' must be at least 1 MiB (1024 KiB)")
        if item.vgamem & (item.vgamem - 1):
            raise unsupported("value for 'vgamem' must be power of two")
    if item.model in ("vga", "vmvga") and item.vram and item.vram < 1024:
        raise unsupported("value for 'vram' must be at least 1 MiB (1024 KiB)")
    if item.x and item.model not in ("vga", "qxl", "virtio", "bochs"):
        raise errors.error(Code.XML_ERROR, "model resolution is not supported")


def _audio(domain: Domain) -> None:
    devices = domain.devices
    seen: set[int] = set()
    spice = any(g.type == "spice" for g in devices.graphics)
    for item in devices.audios:
        if item.id in seen:
            raise bad_xml(f"audio ID {item.id} is used multiple times")
        seen.add(item.id)
        if item.type == "spice" and not spice:
            raise unsupported("Spice audio is not supported without spice graphics")
    for sound in devices.sounds:
        if sound.audio_id and sound.audio_id not in seen:
            raise bad_xml(f"no audio device with ID {sound.audio_id}")
        if sound.model == "ich7":
            detail = f"sound card model '{sound.model}' is not supported by qemu"
            raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.QEMU)
    for graphics in devices.graphics:
        if graphics.type == "vnc" and graphics.audio_id and graphics.audio_id not in seen:
            raise bad_xml(f"no audio device with ID {graphics.audio_id}")
