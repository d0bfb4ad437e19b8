# SPDX-License-Identifier: Apache-2.0
"""<graphics>: how somebody outside sees the guest."""

import datetime
import re
from typing import Any

from lxml import etree

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.model.devices.common import shallow
from nova_pyvirt.model.kinds import (
    ON_OFF,
    YES_NO,
    Int,
    Kind,
    Loose,
    Positive,
    Refusal,
    enum,
    invalid,
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


_CHANNELS = ("main", "display", "inputs", "cursor", "playback", "record", "smartcard", "usbredir")


class SpiceChannel(Element):
    """<channel>: is one of SPICE's channels encrypted?"""

    TAG = "channel"
    name = field(
        "@name",
        enum(*_CHANNELS),
        required=True,
    )
    mode = field("@mode", _MODES, required=True)


class GL(Element):
    """<gl>."""

    TAG = "gl"
    KEEP = False
    BY = "../type"
    enable = field("@enable", YES_NO, required=True, of=("sdl", "spice", "dbus"))
    rendernode = field("@rendernode", of=("spice", "egl-headless", "dbus"))


class Port(Int):
    """A TCP port, kept as text; -1 means "any". What isn't a number is kept for Graphics to refuse."""

    def parse(self, text: str, attribute: str, element: str) -> Any:
        return str(self._number(text)) if self.fits(text) else text

    def fits(self, text: str) -> bool:
        """Is it a number?"""
        return -self.limit <= self._number(text) < self.limit


_PORT = Port()
_VNC, _SPICE, _LOCAL = ("vnc",), ("spice",), ("sdl", "desktop")
_NETWORK = ("vnc", "rdp", "spice")
_VALID_TO = re.compile(
    r"\s*([+-]?\d+)-\s*([+-]?\d+)-\s*([+-]?\d+)T\s*([+-]?\d+):\s*([+-]?\d+):\s*([+-]?\d+)\Z"
)


def _needed(path: str, kind: Kind, of: tuple[str, ...] = _SPICE) -> Any:
    """The one attribute of an element."""
    return field(path, kind, required=True, of=of)


class Graphics(Element):
    """A display. Ports are text; "-1" or None wants one chosen. What another type of display has
    is dropped."""

    TAG = "graphics"
    BY = "type"
    type = field(
        "@type",
        enum("sdl", "vnc", "rdp", "desktop", "spice", "egl-headless", "dbus"),
        required=True,
    )
    display = field("@display", of=_LOCAL)
    xauth = field("@xauth", of=("sdl",))
    fullscreen = field("@fullscreen", YES_NO, of=_LOCAL)
    p2p = field("@p2p", YES_NO, of=("dbus",))
    dbus_address = field("@address", of=("dbus",))
    socket = field("@socket", of=_VNC)
    port = field("@port", _PORT, of=_NETWORK)
    tls_port = field("@tlsPort", _PORT, of=_SPICE)
    autoport = field("@autoport", Loose(YES_NO), of=_NETWORK)
    websocket = field("@websocket", _PORT, of=_VNC)
    listen = field("@listen", of=_NETWORK)
    keymap = field("@keymap", of=("vnc", "spice"))
    default_mode = field("@defaultMode", _MODES, of=_SPICE)
    share_policy = field("@sharePolicy", enum("allow-exclusive", "force-shared", "ignore"), of=_VNC)
    power_control = field("@powerControl", YES_NO, of=_VNC)
    password = field("@passwd", secret=True, of=("vnc", "spice"))
    password_valid_to = field("@passwdValidTo", of=("vnc", "spice"))
    connected = field("@connected", of=("vnc", "spice"))
    listens = children("listen", Listen, of=_NETWORK)
    channels = children("channel", SpiceChannel, of=_SPICE)
    image = _needed("image/@compression", enum("auto_glz", "auto_lz", "quic", "glz", "lz", "off"))
    jpeg = _needed("jpeg/@compression", enum("auto", "never", "always"))
    zlib = _needed("zlib/@compression", enum("auto", "never", "always"))
    playback = _needed("playback/@compression", ON_OFF)
    streaming = _needed("streaming/@mode", enum("filter", "all", "off"))
    mouse = _needed("mouse/@mode", enum("server", "client"))
    clipboard = _needed("clipboard/@copypaste", YES_NO)
    filetransfer = _needed("filetransfer/@enable", YES_NO)
    gl = child("gl", GL, of=("sdl", "spice", "egl-headless", "dbus"))
    audio_id = _needed("audio/@id", Positive(), ("vnc", "dbus"))

    def after_parse(self, node: etree._Element) -> None:
        self._check_ports(node)
        last = {channel.name: channel for channel in self.channels}
        self.channels = [last[name] for name in _CHANNELS if name in last]
        try:
            self._check_password()
        except libvirtError:
            if self.password is not None:
                raise
            # nobody needs it; what is good is kept, as it is shown without the password too
            self.password_valid_to = self.connected = None

    def _check_password(self) -> None:
        if self.password_valid_to is not None:
            self.password_valid_to = _moment(self.password_valid_to)
        if self.connected not in (None, "fail", "disconnect", "keep"):
            detail = f"unknown connected value {self.connected}"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()
        if self.type == "vnc" and self.connected not in (None, "keep"):
            detail = "VNC supports connected='keep' only"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()

    def _check_ports(self, node: etree._Element) -> None:
        for name, attribute in (("port", "port"), ("tls_port", "tlsPort"), ("websocket",) * 2):
            text = self.__dict__.get(name)
            if text is None or _PORT.fits(text):
                continue
            if name == "port" and self.type != "spice":
                detail = f"cannot parse {self.type} port {text}"
                raise Refusal(detail, Code.INTERNAL_ERROR).error()
            raise invalid(text, attribute, "graphics", " Expected integer value")
        if self.type == "spice" and node.get("autoport") not in (None, "yes", "no"):
            raise invalid(str(node.get("autoport")), "autoport", "graphics")

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
        """How it listens first: "address", "network", "socket" or "none"."""
        return self.listens[0].type if self.listens else None

    @listen_type.setter
    def listen_type(self, value: str | None) -> None:
        self.first_listen().type = value

    @property
    def listen_address(self) -> str | None:
        """The address it listens on first."""
        return self.listens[0].address if self.listens else None

    @listen_address.setter
    def listen_address(self, value: str | None) -> None:
        self.first_listen().address = value

    @property
    def listen_network(self) -> str | None:
        """The network whose address it listens on first."""
        return self.listens[0].network if self.listens else None

    @property
    def listen_socket(self) -> str | None:
        """The path of the socket it listens on first."""
        return self.listens[0].socket if self.listens else None

    @listen_socket.setter
    def listen_socket(self, value: str | None) -> None:
        self.first_listen().socket = value


def _moment(text: str) -> str:
    """When a password ends, as libvirt writes it (UTC).

    :raises libvirtError: INTERNAL_ERROR
    """
    found = _VALID_TO.match(text)
    if found is None:
        detail = f"cannot parse password validity time '{text}', expect YYYY-MM-DDTHH:MM:SS"
        raise Refusal(detail, Code.INTERNAL_ERROR).error()
    try:
        return datetime.datetime(*map(int, found.groups())).isoformat()  # type: ignore[arg-type]
    except ValueError:
        detail = f"there is no such time as '{text}'"
        raise Refusal(detail, Code.INTERNAL_ERROR).error() from None
