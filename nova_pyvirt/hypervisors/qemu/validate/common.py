# SPDX-License-Identifier: Apache-2.0
"""Refusals."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From


def unsupported(detail: str) -> errors.libvirtError:
    """QEMU can't do that."""
    return errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.QEMU)


def unsupported_domain(detail: str) -> errors.libvirtError:
    """No driver can do that."""
    return errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)


def bad_xml(detail: str) -> errors.libvirtError:
    """The definition contradicts itself."""
    return errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)


def bad_detail(detail: str) -> errors.libvirtError:
    """The same, with libvirt's other code."""
    return errors.error(Code.XML_DETAIL, detail, domain=From.DOMAIN)
