# SPDX-License-Identifier: Apache-2.0
"""QEMU's own namespace in a domain: options, capabilities and properties passed through."""

from nova_pyvirt.model.kinds import enum
from nova_pyvirt.model.xmlbind import Element, children, field

URI = "http://libvirt.org/schemas/domain/qemu/1.0"
_NS = "{" + URI + "}"


class QemuArg(Element):
    """<qemu:arg>."""

    TAG = "qemu:arg"
    value = field("@value")


class QemuEnv(Element):
    """<qemu:env>."""

    TAG = "qemu:env"
    name = field("@name")
    value = field("@value")


class QemuCommandline(Element):
    """<qemu:commandline>."""

    TAG = "qemu:commandline"
    KEEP = False
    args = children(f"{_NS}arg", QemuArg)
    env = children(f"{_NS}env", QemuEnv)


class QemuCapability(Element):
    """<qemu:add> and <qemu:del>."""

    TAG = "qemu:add"
    capability = field("@capability")


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
    name = field("@name")
    type = field("@type", enum("string", "signed", "unsigned", "bool", "remove"))
    value = field("@value")


class QemuFrontend(Element):
    """<qemu:frontend>."""

    TAG = "qemu:frontend"
    properties = children(f"{_NS}property", QemuProperty)


class QemuOverrideDevice(Element):
    """<qemu:device>: properties of the device with that alias."""

    TAG = "qemu:device"
    alias = field("@alias")
    frontends = children(f"{_NS}frontend", QemuFrontend)


class QemuOverride(Element):
    """<qemu:override>."""

    TAG = "qemu:override"
    KEEP = False
    devices = children(f"{_NS}device", QemuOverrideDevice)


class QemuDeprecation(Element):
    """<qemu:deprecation>."""

    TAG = "qemu:deprecation"
    behavior = field("@behavior")
