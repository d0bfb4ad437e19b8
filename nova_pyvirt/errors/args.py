# SPDX-License-Identifier: Apache-2.0
"""Refusal of bad arguments as libvirt words it: the function's own text, no prefix."""

from nova_pyvirt.errors.codes import Code, From, Level
from nova_pyvirt.errors.error import from_fields, libvirtError

_UINT_MAX = 0xFFFFFFFF


def invalid_arg(
    function: str, argument: str, text: str, *, domain: int = From.NONE
) -> libvirtError:
    """VIR_ERR_INVALID_ARG as virReportInvalidArg makes it: str1 = function, str2 = argument."""
    nine = (
        int(Code.INVALID_ARG),
        int(domain),
        text,
        int(Level.ERROR),
        function,
        argument,
        None,
        0,
        0,
    )
    return from_fields(nine)


def check_flags(flags: int, supported: int, function: str, *, domain: int = From.NONE) -> None:
    """Refuses bits outside `supported`, those beyond 32 too (virCheckFlags).

    :param function: libvirt's C function that checks, e.g. ``qemuConnectBaselineCPU``
    """
    if not 0 <= flags <= _UINT_MAX:
        text = f"unsupported use of long flags in function {function}"
        raise invalid_arg(function, "flags", text, domain=domain)
    unknown = flags & ~supported
    if unknown:
        text = f"unsupported flags (0x{unknown:x}) in function {function}"
        raise invalid_arg(function, "flags", text, domain=domain)
