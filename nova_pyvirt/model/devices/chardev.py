# SPDX-License-Identifier: Apache-2.0
"""Character devices: <serial>, <parallel>, <console>, <channel> over any back-end."""

import ipaddress
from typing import Any, ClassVar

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import Device, Reconnect, SecurityLabel, check_labels
from nova_pyvirt.model.kinds import ON_OFF, YES_NO, Refusal, Value, Word, enum, uint
from nova_pyvirt.model.xmlbind import Context, Element, child, children, field

BACKENDS = Word(
    "unknown type presented to host for character device: %s",
    "null", "vc", "pty", "dev", "file", "pipe", "stdio", "udp", "tcp", "unix", "spicevmc",
    "spiceport", "nmdm", "qemu-vdagent", "dbus",
)  # fmt: skip
_PATHS = ("file", "pty", "dev", "pipe", "unix")
_SOCKETS = ("unix", "udp", "tcp")


class CharSource(Element):
    """<source>; what it says depends on the back-end."""

    TAG = "source"
    KEEP = False
    BY = "../type"
    mode = field("@mode", enum("bind", "connect"), of=_SOCKETS)
    host = field("@host", of=("udp", "tcp"))
    service = field("@service", of=("udp", "tcp"))
    path = field("@path", of=_PATHS)
    append = field("@append", ON_OFF, of=("file",))
    channel = field("@channel", of=("spiceport", "dbus"))
    master = field("@master", of=("nmdm",))
    slave = field("@slave", of=("nmdm",))
    tls = field("@tls", YES_NO, of=("tcp",))
    clipboard = field("clipboard/@copypaste", YES_NO, required=True, of=("qemu-vdagent",))
    mouse = field(
        "mouse/@mode", enum("server", "client", "any"), required=True, of=("qemu-vdagent",)
    )
    reconnect = child("reconnect", Reconnect, of=("unix", "tcp"))
    seclabels = children("seclabel", SecurityLabel)


def _shows_source(device: Any, ctx: Context) -> bool:
    """Which pseudo-terminal it is says a running guest only."""
    if device.type in ("null", "vc", "stdio", "spicevmc"):
        return False
    source = device.sources[0]
    if device.type == "unix" and source.path is None and not source.seclabels:
        return False
    return device.type != "pty" or (source.path is not None and not ctx.inactive)


class Backend(Element):
    """What a character device is connected to; also a part of other devices."""

    BY = "type"
    type = field("@type", BACKENDS)
    sources = children("source", CharSource, show=_shows_source)
    protocol = field(
        "protocol/@type",
        Word("Unknown protocol '%s'", "raw", "telnet", "telnets", "tls"),
        once=Refusal("only one protocol element is allowed for character device"),
        of=("tcp",),
    )
    log_file = field(
        "log/@file", once=Refusal("only one log element is allowed for character device")
    )
    log_append = field("log/@append", ON_OFF)

    @property
    def source(self) -> CharSource:
        """The first <source>, made when there is none."""
        if not self.sources:
            self.sources.append(CharSource())
        found: CharSource = self.sources[0]
        return found

    def backend_after_parse(self) -> None:
        """What a back-end must have, and what it doesn't."""
        if len(self.sources) > (2 if self.type == "udp" else 1):
            count = "two source elements are" if self.type == "udp" else "one source element is"
            detail = f"only {count} allowed for character device"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        for source in self.sources:
            check_labels(source.seclabels)
            if self.type in _SOCKETS:
                source.mode = source.mode or "connect"
        if self.log_file is None:
            self.log_append = None
        self.protocol = (self.protocol or "raw") if self.type == "tcp" else None

    def _first(self, name: str) -> Any:
        return getattr(self.sources[0], name) if self.sources else None


def _delegate(name: str) -> property:
    def get(self: Backend) -> Any:
        return self._first(name)

    def put(self: Backend, value: Any) -> None:
        setattr(self.source, name, value)

    return property(get, put, doc=f"``{name}`` of the first <source>.")


class CharDevice(Backend, Device):
    """What all of them have.

    :cvar SPICEVMC: the target that may have SPICE's agent behind
    """

    SPICEVMC: ClassVar[str] = ""
    tty = field("@tty", live=True)
    source_mode = _delegate("mode")
    source_path = _delegate("path")
    source_append = _delegate("append")
    source_host = _delegate("host")
    source_service = _delegate("service")
    source_tls = _delegate("tls")
    source_channel = _delegate("channel")

    def after_parse(self, node: etree._Element) -> None:
        if self.type is None:
            self.type = "pty"
        self.backend_after_parse()
        if self.type == "spicevmc" and getattr(self, "target_type", None) != self.SPICEVMC:
            detail = "spicevmc device type only supports virtio"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)


_TARGET = "unknown target type '%s' specified for character device"


class _Port(Value):
    """A number; -1 wants one chosen."""

    def parse(self, text: str, attribute: str, element: str) -> Any:
        return None if text.strip() == "-1" else super().parse(text, attribute, element)


_PORT = _Port("Invalid port number: %s", uint())


class Serial(CharDevice):
    """<serial>."""

    TAG = "serial"
    SPICEVMC = "usb-serial"
    target_type = field(
        "target/@type",
        Word(_TARGET, "none", "isa-serial", "usb-serial", "pci-serial", "spapr-vio-serial",
             "system-serial", "sclp-serial", "isa-debug"),
    )  # fmt: skip
    port = field("target/@port", _PORT)
    target_model = field(
        "target/model/@name",
        Word("unknown target model '%s' specified for character device", "none", "isa-serial",
             "usb-serial", "pci-serial", "spapr-vty", "pl011", "sclpconsole", "sclplmconsole",
             "16550a", "isa-debugcon"),
        blank=True,
    )  # fmt: skip


class Parallel(CharDevice):
    """<parallel>."""

    TAG = "parallel"
    port = field("target/@port", _PORT)


class Console(CharDevice):
    """<console>: the first is the first serial port unless it says otherwise."""

    TAG = "console"
    target_type = field(
        "target/@type",
        Word(_TARGET, "none", "serial", "xen", "uml", "virtio", "lxc", "openvz", "sclp", "sclplm"),
    )
    port = field("target/@port", _PORT)


class Channel(CharDevice):
    """<channel>."""

    TAG = "channel"
    SPICEVMC = "virtio"
    target_type = field("target/@type", Word(_TARGET, "guestfwd", "virtio", "xen", "none"))
    target_address = field("target/@address", of=("guestfwd",))
    target_port = field("target/@port", uint(), of=("guestfwd",))
    target_name = field("target/@name", of=("virtio", "xen"))
    target_state = field("target/@state", live=True, of=("virtio", "xen"))

    def after_parse(self, node: etree._Element) -> None:
        super().after_parse(node)
        if self.target_type is None:
            if node.find("target") is not None:
                detail = _TARGET.replace("%s", "(null)")
                raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()
            raise Refusal("target type must be specified for channel device").error()
        if self.target_type == "guestfwd":
            self._check_forwarding()

    @classmethod
    def kinds_of(cls, node: etree._Element) -> tuple[str | None, ...]:
        """The type, and the target's."""
        target = node.find("target")
        return (node.get("type"), target.get("type") if target is not None else None)

    def _check_forwarding(self) -> None:
        if self.target_address is None:
            raise Refusal("guestfwd channel does not define a target address").error()
        try:
            address = ipaddress.ip_address(self.target_address)
        except ValueError:
            detail = (
                f"Cannot parse socket address '{self.target_address}': Name or service not known"
            )
            raise Refusal(detail, Code.SYSTEM_ERROR, From.NONE).error() from None
        if address.version != 4:
            detail = "guestfwd channel only supports IPv4 addresses"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()
        if self.target_port is None:
            raise Refusal("guestfwd channel does not define a target port").error()
