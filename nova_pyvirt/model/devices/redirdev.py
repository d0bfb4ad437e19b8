# SPDX-License-Identifier: Apache-2.0
"""<redirdev> and <smartcard>: devices behind a character back-end."""

from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.chardev import Backend
from nova_pyvirt.model.devices.common import Device
from nova_pyvirt.model.kinds import enum
from nova_pyvirt.model.xmlbind import Element, children, field


class Redirdev(Backend, Device):
    """<redirdev>: a USB device from elsewhere."""

    TAG = "redirdev"
    bus = field("@bus", enum("usb"))

    def after_parse(self, node: etree._Element) -> None:
        self.bus = self.bus or "usb"
        if self.type is None:
            detail = "missing type in redirdev"
            raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
        self.backend_after_parse()
        if self.type == "dbus" and not self.source.channel:
            self.source.channel = "org.qemu.usbredir"


class Certificate(Element):
    """<certificate>."""

    TAG = "certificate"
    name = field(".")


class Smartcard(Backend, Device):
    """<smartcard>."""

    TAG = "smartcard"
    mode = field("@mode", enum("host", "host-certificates", "passthrough"))
    certificates = children("certificate", Certificate)
    database: Any = field("database")

    def after_parse(self, node: etree._Element) -> None:
        if self.mode == "host-certificates":
            if len(self.certificates) != 3:
                detail = "host-certificates mode needs exactly three certificates"
                raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        elif self.mode == "passthrough":
            self.backend_after_parse()
