# SPDX-License-Identifier: Apache-2.0
"""QEMU's own namespace in a domain: options, capabilities and properties passed through."""

import re

from lxml import etree

from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.kinds import Int, Refusal, UInt, Value, Word, enum
from nova_pyvirt.model.xmlbind import Element, children, field

URI = "http://libvirt.org/schemas/domain/qemu/1.0"
_NS = "{" + URI + "}"


_NAME = re.compile(r"[A-Za-z0-9_]+\Z")


def _internal(detail: str) -> Refusal:
    return Refusal(detail, Code.INTERNAL_ERROR, From.QEMU)


def _bad(detail: str) -> Refusal:
    return Refusal(detail, domain=From.QEMU)


_VALUE = "invalid value '%s' of 'value' attribute of 'qemu:property'"
_VALUES = {
    "signed": Value(_VALUE, Int(64), domain=From.QEMU),
    "unsigned": Value(_VALUE, UInt(64), domain=From.QEMU),
    "bool": Word(_VALUE, "true", "false", code=Code.XML_ERROR, domain=From.QEMU),
}


class QemuArg(Element):
    """<qemu:arg>."""

    TAG = "qemu:arg"
    value = field("@value", required=_internal("No qemu command-line argument specified"))


class QemuEnv(Element):
    """<qemu:env>."""

    TAG = "qemu:env"
    name = field("@name", required=_internal("No qemu environment name specified"))
    value = field("@value")

    def after_parse(self, node: etree._Element) -> None:
        first = self.name[:1]
        if not (first.isascii() and first.isalpha()) and first != "_":
            detail = "Invalid environment name, it must begin with a letter or underscore"
            raise _internal(detail).error()
        if not _NAME.match(self.name):
            detail = "Invalid environment name, it must contain only alphanumerics and underscore"
            raise _internal(detail).error()


class QemuCommandline(Element):
    """<qemu:commandline>."""

    TAG = "qemu:commandline"
    KEEP = False
    args = children(f"{_NS}arg", QemuArg)
    env = children(f"{_NS}env", QemuEnv)


class QemuCapability(Element):
    """<qemu:add> and <qemu:del>."""

    TAG = "qemu:add"
    capability = field("@capability", required=_internal("missing capability name"))


class QemuCapabilityGone(QemuCapability):
    """<qemu:del>."""

    TAG = "qemu:del"


class QemuCapabilities(Element):
    """<qemu:capabilities>."""

    TAG = "qemu:capabilities"
    KEEP = False
    added = children(f"{_NS}add", QemuCapability)
    removed = children(f"{_NS}del", QemuCapabilityGone)


class QemuProperty(Element):
    """<qemu:property>."""

    TAG = "qemu:property"
    name = field("@name", required=_bad("missing 'name' attribute for qemu:property"))
    type = field("@type", enum("string", "signed", "unsigned", "bool", "remove"), required=True)
    value = field("@value")

    def after_parse(self, node: etree._Element) -> None:
        if self.name == "id":
            raise _bad("property with name 'id' can't be overridden").error()
        if self.value is None and self.type != "remove":
            raise _bad("missing 'value' attribute for 'qemu:property'").error()
        if self.value is not None and self.type == "remove":
            detail = (
                "setting 'value' attribute of 'qemu:property' doesn't make sense with 'remove' type"
            )
            raise _bad(detail).error()
        kind = _VALUES.get(self.type)
        if kind is not None:
            kind.parse(self.value, "value", "property")


class QemuFrontend(Element):
    """<qemu:frontend>."""

    TAG = "qemu:frontend"
    properties = children(f"{_NS}property", QemuProperty)


class QemuOverrideDevice(Element):
    """<qemu:device>: properties of the device with that alias."""

    TAG = "qemu:device"
    alias = field("@alias", required=_bad("missing 'alias' attribute for qemu:device"))
    frontends = children(f"{_NS}frontend", QemuFrontend)


class QemuOverride(Element):
    """<qemu:override>."""

    TAG = "qemu:override"
    KEEP = False
    devices = children(f"{_NS}device", QemuOverrideDevice)


class QemuDeprecation(Element):
    """<qemu:deprecation>."""

    TAG = "qemu:deprecation"
    KEEP = False
    behavior = field("@behavior", blank=True)
