# SPDX-License-Identifier: Apache-2.0
"""Character devices (virDomainChrSourceDefValidate, qemuValidateDomainChrDef)."""

import re
from collections.abc import Iterator
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.validate.common import unsupported, unsupported_domain
from nova_pyvirt.model.devices.chardev import Backend, Serial
from nova_pyvirt.model.domain import Domain

_TARGETS = {"isa-serial": "isa", "usb-serial": "usb", "pci-serial": "pci",
            "spapr-vio-serial": "spapr-vio", "isa-debug": "isa"}  # fmt: skip
_MODELS = {"isa-serial": "isa-serial", "usb-serial": "usb-serial", "pci-serial": "pci-serial",
           "spapr-vty": "spapr-vio-serial", "pl011": "system-serial", "16550a": "system-serial",
           "sclpconsole": "sclp-serial", "sclplmconsole": "sclp-serial",
           "isa-debugcon": "isa-debug"}  # fmt: skip
_FOREIGN = ("spapr-vio-serial", "system-serial", "sclp-serial")
_NAME = re.compile(r"[a-zA-Z0-9_.\-]*\Z")


def check(domain: Domain, caps: QemuCaps) -> None:
    """:raises libvirtError: INTERNAL_ERROR, INVALID_ARG, CONFIG_UNSUPPORTED"""
    devices = domain.devices
    spice = any(g.type == "spice" for g in devices.graphics)
    for owner, backend in _backends(domain):
        named = owner.TAG != "channel" or owner.target_type not in ("virtio", "xen")
        check_source(backend, unix_path=named)
        if backend.type in ("spicevmc", "spiceport") and not spice:
            raise unsupported(f"chardev '{backend.type}' not supported without spice graphics")
    for serial in devices.serials:
        _serial(serial)
    for console in devices.consoles:
        if console.target_type not in ("serial", "virtio", "sclp", "sclplm"):
            raise unsupported(f"unsupported console target type {console.target_type}")
        if console.target_type in ("sclp", "sclplm"):
            raise unsupported(f"{console.target_type}console is not supported in this QEMU binary")


def _backends(domain: Domain) -> Iterator[tuple[Any, Backend]]:
    devices = domain.devices
    for item in (*devices.serials, *devices.parallels, *devices.channels, *devices.redirdevs):
        yield item, item
    for number, item in enumerate(devices.consoles):
        if number or item.target_type != "serial":
            yield item, item
    for item in devices.smartcards:
        if item.mode == "passthrough":
            yield item, item
    for item in devices.rngs:
        if item.backend.model == "egd":
            yield item, item.backend


def _internal(detail: str, domain: From = From.QEMU) -> errors.libvirtError:
    return errors.error(Code.INTERNAL_ERROR, detail, domain=domain)


def check_source(item: Backend, *, unix_path: bool = True) -> None:
    """
    :param unix_path: must a socket have a path?
    """
    source = item.sources[0] if item.sources else None
    kind = item.type
    pathless = source is None or source.path is None
    if pathless and (kind in ("file", "dev", "pipe") or (kind == "unix" and unix_path)):
        raise _internal("Missing source path attribute for char device", From.DOMAIN)
    if kind == "nmdm" and source is not None and (source.master is None) != (source.slave is None):
        detail = "Should define both master and slave path attributes for nmdm device"
        raise _internal(detail, From.DOMAIN)
    if kind == "tcp":
        if source is None or source.host is None:
            raise _internal("Missing source host attribute for char device", From.DOMAIN)
        if source.service is None:
            raise _internal("Missing source service attribute for char device", From.DOMAIN)
    if kind == "udp" and all(s.service is None for s in item.sources if s.mode != "bind"):
        raise _internal("Missing source service attribute for char device", From.DOMAIN)
    if kind in ("spiceport", "dbus"):
        _channel(item, source)
    again = source.reconnect if source is not None else None
    if again is not None and again.enabled is not None:
        if source is not None and source.mode == "bind":
            detail = "chardev reconnect is possible only for connect mode"
            raise _internal(detail, From.DOMAIN)
        if again.enabled and not again.timeout:
            detail = "chardev reconnect source timeout cannot be '0'"
            raise errors.error(Code.INVALID_ARG, detail)


def _channel(item: Backend, source: Any) -> None:
    name = source.channel if source is not None else None
    if name is None:
        if item.TAG == "redirdev" and item.type == "dbus":
            return
        raise unsupported_domain("Missing source channel attribute for char device")
    if _NAME.match(name) is None:
        detail = "Invalid character in source channel for char device"
        raise errors.error(Code.INVALID_ARG, detail, domain=From.DOMAIN)


def _serial(serial: Serial) -> None:
    kind, where = serial.target_type, serial.address
    expected = _TARGETS.get(kind)
    if where is not None and where.type not in (None, "none"):
        if expected is None:
            raise unsupported(f"Target type '{kind}' cannot have an associated address")
        if where.type != expected:
            raise unsupported(f"Target type '{kind}' requires address type '{expected}'")
    wanted = _MODELS.get(serial.target_model)
    if wanted is not None and wanted != kind:
        raise unsupported(f"Target model '{serial.target_model}' requires target type '{wanted}'")
    if kind in _FOREIGN:
        model = serial.target_model or {"spapr-vio-serial": "spapr-vty"}.get(kind, "none")
        raise unsupported(
            f"Serial device with target type '{kind}' and target model '{model}' not compatible"
            " with guest architecture or machine type"
        )
