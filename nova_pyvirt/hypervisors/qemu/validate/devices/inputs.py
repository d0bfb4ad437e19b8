# SPDX-License-Identifier: Apache-2.0
"""Input devices and hubs (virDomainInputDefValidate)."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.validate.common import bad_xml, unsupported, unsupported_domain
from nova_pyvirt.model.devices.input import Input
from nova_pyvirt.model.domain import Domain


def check(domain: Domain, caps: QemuCaps) -> None:
    """:raises libvirtError: INTERNAL_ERROR, CONFIG_UNSUPPORTED"""
    for item in domain.devices.inputs:
        _check(item)
        transitional = item.model in ("virtio-transitional", "virtio-non-transitional")
        if transitional:
            raise unsupported(
                f"virtio (non-)transitional models are not supported for input type={item.type}"
            )
    for hub in domain.devices.hubs:
        if hub.type != "usb":
            raise unsupported(f"hub type {hub.type} not supported")


def _check(item: Input) -> None:
    if item.bus == "ps2" and item.type not in ("mouse", "keyboard"):
        detail = f"ps2 bus does not support {item.type} input device"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
    if item.bus in ("xen", "parallels"):
        detail = f"unsupported input bus {item.bus}"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
    if item.type == "passthrough" and item.bus != "virtio":
        raise unsupported_domain("only bus 'virtio' is supported for 'passthrough' input devices")
    if item.type == "evdev" and item.bus not in (None, "none"):
        raise unsupported_domain("input evdev doesn't support bus element")
    if item.type not in ("passthrough", "evdev") and item.source_evdev:
        raise unsupported_domain(
            "setting source evdev path only supported for passthrough input devices"
        )
    if item.model is not None and item.bus != "virtio":
        raise unsupported_domain(f"only bus 'virtio' is supported for input model '{item.model}'")
    if item.type == "evdev" and item.evdev is None:
        raise bad_xml("Missing evdev path for input device")
