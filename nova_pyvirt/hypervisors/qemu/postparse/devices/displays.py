# SPDX-License-Identifier: Apache-2.0
"""Displays, adapters, sound back-ends."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.model.devices.graphics import Graphics, Listen
from nova_pyvirt.model.devices.sound import Audio
from nova_pyvirt.model.devices.video import Video
from nova_pyvirt.model.domain import Domain

_VRAM = {"vga": 16384, "cirrus": 16384, "vmvga": 16384, "bochs": 16384, "qxl": 65536}
_QXL_RAM, _QXL_VGAMEM = 65536, 16384


def prepare(domain: Domain) -> None:
    """Listens and ports as the parser reads them; the primary adapter comes first.

    :raises libvirtError: CONFIG_UNSUPPORTED for attributes that contradict each other
    """
    for graphics in domain.devices.graphics:
        if graphics.type in ("vnc", "spice"):
            _listens(graphics)
            _ports(graphics, live=domain.id is not None)
    devices = domain.devices
    primary = [v for v in devices.videos if v.primary]
    if len(primary) > 1:
        detail = "Only one primary video device is supported"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)
    for video in devices.videos:
        video.primary = video.primary or None
    devices.videos = primary + [v for v in devices.videos if not v.primary]


def _listens(graphics: Graphics) -> None:
    for listen in graphics.listens:
        if listen.type == "socket" and graphics.type not in ("vnc", "spice"):
            detail = f"listen type 'socket' is not available for graphics type '{graphics.type}'"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)
        if listen.network and listen.type != "network":
            detail = "'network' attribute is valid only for listen type 'network'"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        if listen.socket and listen.type != "socket":
            detail = "'socket' attribute is valid only for listen type 'socket'"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
    socket = graphics.socket if graphics.type == "vnc" else None
    if not graphics.listens:
        kind = "socket" if socket else "address"
        address = None if socket else graphics.listen or None
        graphics.listens.append(Listen(type=kind, socket=socket, address=address))
        return
    first = graphics.listens[0]
    if socket and first.type in ("address", "network"):
        graphics.listens[0] = Listen(type="socket", socket=socket)
    elif first.type == "address":
        _must_match("listen", graphics.listen, "address", first.address)
        first.address = first.address or graphics.listen
    elif first.type == "socket":
        _must_match("socket", socket, "socket", first.socket)
        first.socket = first.socket or socket


def _must_match(old: str, given: str | None, new: str, value: str | None) -> None:
    if given is not None and value is not None and given != value:
        detail = (
            f"graphics '{old}' attribute '{given}' must match '{new}' attribute of first listen"
            f" element (found '{value}')"
        )
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)


def _ports(graphics: Graphics, *, live: bool) -> None:
    port = graphics.port
    if graphics.type == "vnc":
        wanted = graphics.autoport
        graphics.autoport = port in (None, "-1") if wanted is None else wanted
        if graphics.autoport and not live:
            graphics.port = "-1"
        return
    if port == "-1" and graphics.tls_port == "-1":
        graphics.autoport = True
    graphics.autoport = bool(graphics.autoport)
    if graphics.autoport and not live:
        graphics.port = graphics.tls_port = None


def complete(domain: Domain, caps: QemuCaps) -> None:
    """Models and memory of adapters; SPICE that listens nowhere."""
    for video in domain.devices.videos:
        complete_video(video, caps)
    for graphics in domain.devices.graphics:
        if graphics.type == "spice" and graphics.listen_type == "address":
            nowhere = graphics.port in (None, "0") and graphics.tls_port in (None, "0")
            if nowhere and not graphics.autoport:
                graphics.listens[0] = Listen(type="none")


def complete_video(video: Video, caps: QemuCaps) -> None:
    """The defaults of one adapter."""
    if video.model in (None, "default"):
        video.model = "cirrus" if caps.has("cirrus-vga") else "vga"
    model = video.model
    if model == "none":
        return
    video.heads = video.heads or 1
    if model == "qxl":
        video.vgamem = video.vgamem or _QXL_VGAMEM
        video.ram = _power(video.ram or _QXL_RAM)
    if model != "qxl":
        video.ram = video.vgamem = video.vram64 = None
    vram = video.vram or _VRAM.get(model)
    video.vram = _power(vram) if vram else None


def _power(number: int) -> int:
    """The next power of two."""
    return 1 << (number - 1).bit_length()


def add_video(domain: Domain, caps: QemuCaps) -> None:
    """A display needs an adapter; the first one is primary."""
    videos = domain.devices.videos
    if domain.devices.graphics and not videos:
        videos.append(Video())
    if not videos:
        return
    if videos[0].model == "none":
        videos[0] = Video(model="none", alias=videos[0].alias)
        return
    videos[0].primary = True
    complete_video(videos[0], caps)


def add_audio(domain: Domain) -> None:
    """The back-end that the last display implies."""
    devices = domain.devices
    if devices.audios:
        return
    kind: str | None = None if devices.graphics else "none"
    for graphics in devices.graphics:
        if graphics.type in ("vnc", "spice", "sdl"):
            kind = {"vnc": "none", "spice": "spice"}.get(graphics.type)
    if kind is not None:
        devices.audios.append(Audio(id=1, type=kind))
