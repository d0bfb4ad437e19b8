# SPDX-License-Identifier: Apache-2.0
"""Refusing flag bits as the QEMU driver does (virCheckFlags; the error's domain is QEMU's)."""

from nova_pyvirt import errors
from nova_pyvirt.errors import From


def check_flags(flags: int, supported: int, function: str) -> None:
    """:raises libvirtError: INVALID_ARG for bits outside `supported`"""
    errors.check_flags(flags, supported, function, domain=From.QEMU)
