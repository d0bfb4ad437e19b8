# SPDX-License-Identifier: Apache-2.0
"""<redirdev> and <smartcard>: devices behind a character back-end."""

from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.chardev import BACKENDS, Backend
from nova_pyvirt.model.devices.common import Device
from nova_pyvirt.model.kinds import Refusal, Word, enum
from nova_pyvirt.model.xmlbind import Element, children, field

_DEVICE_TYPES = Word("unknown redirdev character device type '%s'", *BACKENDS.words)


class Redirdev(Backend, Device):
    """<redirdev>: a USB device from elsewhere."""

    TAG = "redirdev"
    FIRST = ("bus",)
    type = field("@type", _DEVICE_TYPES)
    bus = field("@bus", Word("unknown redirdev bus '%s'", "usb"))

    def after_parse(self, node: etree._Element) -> None:
        self.bus = self.bus or "usb"
        if self.type is None:
            detail = "missing type in redirdev"
            raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
        self.backend_after_parse()
        if self.address is not None and self.address.type not in ("none", "usb"):
            detail = "Invalid address for a USB device"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        if self.type == "dbus" and not self.source.channel:
            self.source.channel = "org.qemu.usbredir"


class Certificate(Element):
    """<certificate>."""

    TAG = "certificate"
    name = field(".")


class Smartcard(Backend, Device):
    """<smartcard>."""

    TAG = "smartcard"
    FIRST = ("mode",)
    mode = field("@mode", enum("host", "host-certificates", "passthrough"), required=True)
    certificates = children("certificate", Certificate)
    database: Any = field("database")

    def after_parse(self, node: etree._Element) -> None:
        if self.mode == "host-certificates":
            if len(self.certificates) != 3:
                detail = "host-certificates mode needs exactly three certificates"
                raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
            if self.database and not self.database.startswith("/"):
                raise Refusal(f"expecting absolute path: {self.database}").error()
        elif self.mode == "passthrough":
            if self.type is None:
                detail = "passthrough mode requires a character device type attribute"
                raise Refusal(detail).error()
            self.backend_after_parse()
        if self.mode != "passthrough":
            self.type, self.sources = None, []
            self.protocol = self.log_file = self.log_append = None
