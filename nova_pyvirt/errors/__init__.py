# SPDX-License-Identifier: Apache-2.0
"""libvirt's errors: codes, domains, levels, libvirtError, the per-thread last error."""

from nova_pyvirt.errors.args import check_flags, invalid_arg
from nova_pyvirt.errors.codes import MESSAGES, Code, From, Level
from nova_pyvirt.errors.error import (
    ErrorTuple,
    error,
    fields,
    from_fields,
    last_error,
    libvirtError,
    set_last_error,
    system_error,
)

__all__ = [
    "MESSAGES",
    "Code",
    "ErrorTuple",
    "From",
    "Level",
    "check_flags",
    "error",
    "fields",
    "from_fields",
    "invalid_arg",
    "last_error",
    "libvirtError",
    "set_last_error",
    "system_error",
]
