# SPDX-License-Identifier: Apache-2.0
"""<graphics>: how somebody outside sees the guest."""

from typing import Any

from lxml import etree

from nova_pyvirt.errors import Code
from nova_pyvirt.model.devices.common import shallow
from nova_pyvirt.model.kinds import (
    ON_OFF,
    YES_NO,
    Int,
    Kind,
    Loose,
    Positive,
    Refusal,
    Word,
    enum,
    missing,
)
from nova_pyvirt.model.xmlbind import Context, Element, child, children, field

_MODES = enum("any", "secure", "insecure")


class Listen(Element):
    """<listen>: an address, a network's address, a socket, or none."""

    TAG = "listen"
    type = field("@type", enum("none", "address", "network", "socket"), required=True)
    address = field("@address")
    network = field("@network")
    socket = field("@socket")

    def before_format(self, ctx: Context) -> "Listen":
        """The address of a network is known of running guests only."""
        if self.type != "network" or not ctx.inactive:
            return self
        shown: Listen = shallow(self)
        shown.address = None
        return shown


class SpiceChannel(Element):
    """<channel>: is one of SPICE's channels encrypted?"""

    TAG = "channel"
    name = field(
        "@name",
        enum("main", "display", "inputs", "cursor", "playback", "record", "smartcard", "usbredir"),
        required=True,
    )
    mode = field("@mode", _MODES, required=True)


class GL(Element):
    """<gl>."""

    TAG = "gl"
    KEEP = False
    enable = field("@enable", YES_NO)
    rendernode = field("@rendernode")


class Port(Int):
    """A TCP port, kept as text; -1 means "any"."""

    def parse(self, text: str, attribute: str, element: str) -> Any:
        return str(super().parse(text, attribute, element))


_PORT = Port()


def _needed(path: str, kind: Kind) -> Any:
    """The one attribute of an element."""
    return field(path, kind, required=True)


class Graphics(Element):
    """A display. Ports are text; "-1" or None wants one chosen."""

    TAG = "graphics"
    type = field(
        "@type",
        enum("sdl", "vnc", "rdp", "desktop", "spice", "egl-headless", "dbus"),
        required=True,
    )
    display = field("@display")
    xauth = field("@xauth")
    fullscreen = field("@fullscreen", YES_NO)
    p2p = field("@p2p", YES_NO)
    dbus_address = field("@address")
    socket = field("@socket")
    port = field("@port", _PORT)
    tls_port = field("@tlsPort", _PORT)
    autoport = field("@autoport", Loose(YES_NO))
    websocket = field("@websocket", _PORT)
    listen = field("@listen")
    keymap = field("@keymap")
    default_mode = field("@defaultMode", _MODES)
    share_policy = field("@sharePolicy", enum("allow-exclusive", "force-shared", "ignore"))
    power_control = field("@powerControl", YES_NO)
    password = field("@passwd", secret=True)
    password_valid_to = field("@passwdValidTo")
    connected = field(
        "@connected", Word("unknown connected value %s", "fail", "disconnect", "keep")
    )
    listens = children("listen", Listen)
    channels = children("channel", SpiceChannel)
    image = _needed("image/@compression", enum("auto_glz", "auto_lz", "quic", "glz", "lz", "off"))
    jpeg = _needed("jpeg/@compression", enum("auto", "never", "always"))
    zlib = _needed("zlib/@compression", enum("auto", "never", "always"))
    playback = _needed("playback/@compression", ON_OFF)
    streaming = _needed("streaming/@mode", enum("filter", "all", "off"))
    mouse = _needed("mouse/@mode", enum("server", "client"))
    clipboard = _needed("clipboard/@copypaste", YES_NO)
    filetransfer = _needed("filetransfer/@enable", YES_NO)
    gl = child("gl", GL)
    audio_id = _needed("audio/@id", Positive())

    def after_parse(self, node: etree._Element) -> None:
        if self.listen == "":
            self.listen = None
        if self.type == "vnc" and self.connected not in (None, "keep"):
            detail = "VNC supports connected='keep' only"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()
        if self.type in ("spice", "sdl") and self.gl is not None and self.gl.enable is None:
            raise missing("enable", "gl")

    def before_format(self, ctx: Context) -> "Graphics":
        if self.type not in ("vnc", "spice"):
            return self
        shown: Graphics = shallow(self)
        kind = self.listen_type
        shown.socket = self.listen_socket if kind == "socket" and self.type == "vnc" else None
        shown.listen = self.listen_address if kind in ("address", "network") else None
        if kind == "network" and ctx.inactive:
            shown.listen = None
        if kind in ("socket", "none"):
            shown.port = shown.tls_port = shown.autoport = shown.websocket = None
        elif self.autoport and ctx.inactive:
            shown.port = "-1" if self.type == "vnc" else None
            if self.type == "spice":
                shown.tls_port = None
        return shown

    def first_listen(self) -> Listen:
        """The first <listen>, made when there is none."""
        if not self.listens:
            self.listens.append(Listen())
        found: Listen = self.listens[0]
        return found

    @property
    def listen_type(self) -> str | None:
        return self.listens[0].type if self.listens else None

    @listen_type.setter
    def listen_type(self, value: str | None) -> None:
        self.first_listen().type = value

    @property
    def listen_address(self) -> str | None:
        return self.listens[0].address if self.listens else None

    @listen_address.setter
    def listen_address(self, value: str | None) -> None:
        self.first_listen().address = value

    @property
    def listen_network(self) -> str | None:
        return self.listens[0].network if self.listens else None

    @property
    def listen_socket(self) -> str | None:
        return self.listens[0].socket if self.listens else None

    @listen_socket.setter
    def listen_socket(self, value: str | None) -> None:
        self.first_listen().socket = value
