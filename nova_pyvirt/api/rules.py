# SPDX-License-Identifier: Apache-2.0
"""Checks that one public function makes of its own, after those of its row (libvirt-domain.c,
libvirt-host.c, libvirt-network.c).
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from nova_pyvirt.api.calls import Row
from nova_pyvirt.api.constants import constant, flags
from nova_pyvirt.api.refusals import refuse
from nova_pyvirt.errors import Code, From, error

Rule = Callable[[Row, Sequence[Any]], None]

_DESCRIPTION: Final = 0
_TITLE: Final = 1
_ELEMENT: Final = 2
_CODESETS: Final = 10
#: KiB that bytes can't count
_TOO_LARGE: Final = (2**63 - 1) // 1024
_COPY: Final = flags("VIR_DOMAIN_BLOCK_REBASE_COPY")
_COPY_ONLY: Final = flags(
    "VIR_DOMAIN_BLOCK_REBASE_SHALLOW+VIR_DOMAIN_BLOCK_REBASE_REUSE_EXT"
    "+VIR_DOMAIN_BLOCK_REBASE_COPY_RAW+VIR_DOMAIN_BLOCK_REBASE_COPY_DEV"
)


def _need_null(row: Row, name: str, value: Any) -> None:
    if value is not None:
        raise refuse(row, name, f"{name} in {row.function} must be NULL")


def _need_value(row: Row, name: str, value: Any) -> None:
    if value is None:
        raise refuse(row, name, f"{name} in {row.function} must not be NULL")


def _get_metadata(row: Row, args: Sequence[Any]) -> None:
    """(type, uri, flags)."""
    kind, uri = args[:2]
    if kind in (_TITLE, _DESCRIPTION):
        _need_null(row, "uri", uri)
    elif kind == _ELEMENT:
        _need_value(row, "uri", uri)


def _set_metadata(row: Row, args: Sequence[Any]) -> None:
    """(type, metadata, key, uri, flags)."""
    kind, metadata, key, uri = args[:4]
    if kind == _TITLE and metadata and "\n" in metadata:
        raise refuse(row, "metadata", "metadata title can't contain newlines")
    if kind in (_TITLE, _DESCRIPTION):
        _need_null(row, "uri", uri)
        _need_null(row, "key", key)
    elif kind == _ELEMENT:
        _need_value(row, "uri", uri)
        if metadata:
            _need_value(row, "key", key)


def _only_minus_one(shown: str) -> Rule:
    """Refuses negative numbers but -1 (all processors, all cells)."""

    def check(row: Row, args: Sequence[Any]) -> None:
        if args[0] < -1:
            text = f"{shown} in {row.function} only accepts -1 as a negative value"
            raise refuse(row, "cpuNum", text)

    return check


def _core_dump_format(row: Row, args: Sequence[Any]) -> None:
    """(to, dumpformat, flags)."""
    if args[1] > int(constant("VIR_DOMAIN_CORE_DUMP_FORMAT_WIN_DMP")):
        raise refuse(row, "flags", f"dumpformat '{args[1]}' is not supported")


def _send_key(row: Row, args: Sequence[Any]) -> None:
    """(codeset, holdtime, keycodes, flags)."""
    if args[0] >= _CODESETS:
        raise refuse(row, "codeset", f"Unsupported codeset '{args[0]}'")
    if not args[2]:
        raise refuse(row, "nkeycodes", f"nkeycodes in {row.function} must be greater than zero")


def _lifecycle_action(row: Row, args: Sequence[Any]) -> None:
    """(type, action, flags)."""
    event, action = args[:2]
    text = None
    if event > int(constant("VIR_DOMAIN_LIFECYCLE_CRASH")):
        text = f"invalid lifecycle type '{event}'"
    elif action > int(constant("VIR_DOMAIN_LIFECYCLE_ACTION_COREDUMP_RESTART")):
        text = f"invalid lifecycle action '{action}'"
    if text:
        raise error(Code.INVALID_ARG, text, domain=From.DOMAIN)


def _memory_size(row: Row, args: Sequence[Any]) -> None:
    if args[0] >= _TOO_LARGE:
        raise error(Code.OVERFLOW, f"input too large: {args[0]}", domain=From.DOMAIN)


def _block_rebase(row: Row, args: Sequence[Any]) -> None:
    """(disk, base, bandwidth, flags)."""
    base, asked = args[1], args[3]
    if asked & _COPY:
        _need_value(row, "base", base)
    elif asked & _COPY_ONLY:
        raise refuse(row, "flags", "use of flags requires a copy job")


RULES: Final[dict[str, Rule]] = {
    "virDomainBlockRebase": _block_rebase,
    "virDomainCoreDumpWithFormat": _core_dump_format,
    "virDomainGetMetadata": _get_metadata,
    "virDomainSendKey": _send_key,
    "virDomainSetLifecycleAction": _lifecycle_action,
    "virDomainSetMaxMemory": _memory_size,
    "virDomainSetMemory": _memory_size,
    "virDomainSetMemoryFlags": _memory_size,
    "virDomainSetMetadata": _set_metadata,
    "virNetworkGetMetadata": _get_metadata,
    "virNetworkSetMetadata": _set_metadata,
    "virNodeGetCPUStats": _only_minus_one("cpuNum"),
    "virNodeGetMemoryStats": _only_minus_one("cellNum"),
}
