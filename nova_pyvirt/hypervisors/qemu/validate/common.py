# SPDX-License-Identifier: Apache-2.0
"""Refusals."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import Device

#: options of virtio's driver -> how libvirt calls them
_VIRTIO = (
    ("iommu", "iommu driver option"),
    ("ats", "ats driver option"),
    ("packed", "packed driver option"),
    ("page_per_vq", "page_per_vq option"),
)


def no_virtio_options(device: Device) -> None:
    """:raises libvirtError: CONFIG_UNSUPPORTED for an option that only virtio has"""
    for name, words in _VIRTIO:
        if getattr(device, name) is not None:
            raise unsupported_domain(f"{words} is only supported for virtio devices")


def unsupported(detail: str) -> errors.libvirtError:
    """QEMU can't do that."""
    return errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.QEMU)


def unsupported_domain(detail: str) -> errors.libvirtError:
    """No driver can do that."""
    return errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)


def bad_xml(detail: str, domain: From = From.DOMAIN) -> errors.libvirtError:
    """The definition contradicts itself."""
    return errors.error(Code.XML_ERROR, detail, domain=domain)


def bad_detail(detail: str) -> errors.libvirtError:
    """The same, with libvirt's other code."""
    return errors.error(Code.XML_DETAIL, detail, domain=From.DOMAIN)
