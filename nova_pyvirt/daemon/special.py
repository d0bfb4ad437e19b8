# SPDX-License-Identifier: Apache-2.0
"""Handlers of calls whose wire form differs from the table's by more than order: CPU maps cut to
the client's length, statistics for many CPUs, descriptors (the client's side:
hypervisors.remote.special).
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from nova_pyvirt.daemon.dispatch import Call, Reply, handles, plain
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.remote.shapes import TYPED_STRING_OKAY, program
from nova_pyvirt.util.native import os
from nova_pyvirt.util.typed import TAGS
from nova_pyvirt.wire import protocol

#: parameters of a disk's limits
_BLOCK_IO_TUNE: Final = 20


def _encode(call: Call, value: tuple[Any, ...]) -> bytes:
    return program(call.proc.program).encode(call.proc.ret, value)


def _fit(cpumap: bytes, length: int) -> bytes:
    """A CPU map as long as the client says."""
    return bytes(cpumap[:length].ljust(length, b"\0"))


def _limits(count: int, length: int) -> None:
    if count < 0 or length < 0 or count > 16384 or count * length > 8388608:
        raise error(Code.RPC, "cpumap array too large", domain=From.RPC)


@handles("domain_get_vcpus")
def domain_get_vcpus(call: Call) -> bytes:
    dom, count, length = call.args
    _limits(count, length)
    info, cpumaps = call.slot("domain_get_vcpus")(dom)
    maps = b"".join(_fit(m, length) for m in cpumaps[:count]) if length else b""
    return _encode(call, (list(info[:count]), maps))


@handles("domain_get_vcpu_pin_info")
def domain_get_vcpu_pin_info(call: Call) -> bytes:
    dom, count, length, flags = call.args
    _limits(count, length)
    cpumaps = call.slot("domain_get_vcpu_pin_info")(dom, flags)[:count]
    return _encode(call, (b"".join(_fit(m, length) for m in cpumaps), len(cpumaps)))


@handles("domain_get_emulator_pin_info")
def domain_get_emulator_pin_info(call: Call) -> bytes:
    dom, length, flags = call.args
    _limits(1, length)
    cpumap = call.slot("domain_get_emulator_pin_info")(dom, flags)
    return _encode(call, (_fit(cpumap, length), 1))


@handles("node_get_cpu_map")
def node_get_cpu_map(call: Call) -> bytes:
    need_map, need_online, flags = call.args
    count, cpumap, online = call.slot("node_get_cpu_map")(flags)
    return _encode(call, (bytes(cpumap) if need_map else b"", online if need_online else 0, count))


@handles("domain_get_block_info")
def domain_get_block_info(call: Call) -> bytes:
    capacity, allocation, physical = call.slot("domain_get_block_info")(*call.args)
    return _encode(call, (allocation, capacity, physical))


@handles("domain_get_cpu_stats")
def domain_get_cpu_stats(call: Call) -> bytes:
    dom, start_cpu, ncpus, flags = call.args
    strings = bool(flags & TYPED_STRING_OKAY)
    flags &= ~TYPED_STRING_OKAY
    nparams = call.hidden["nparams"]
    slot = call.slot("domain_get_cpu_stats")
    if ncpus == 0:
        return _encode(call, ({}, slot(dom, 0, 0, flags)))
    stats = slot(dom, start_cpu, ncpus, flags)
    if not strings:
        stats = [{k: v for k, v in s.items() if not isinstance(v, str)} for s in stats]
    per_cpu = max((len(s) for s in stats), default=0)
    if nparams == 0:
        return _encode(call, ({}, per_cpu))
    flat = [
        (field, (TAGS[type(value)], value))
        for one in stats
        for field, value in islice(one.items(), nparams)
    ]
    plain_codec = protocol.program(protocol.REMOTE)  # the same names come once for each CPU
    return plain_codec.encode(call.proc.ret, (flat, min(per_cpu, nparams)))


@handles("domain_get_block_io_tune")
def domain_get_block_io_tune(call: Call) -> bytes:
    """Clients ask for the number of parameters without naming a disk."""
    if call.args[1] is None and call.hidden["nparams"] == 0:
        return _encode(call, ({}, _BLOCK_IO_TUNE))
    return plain(call)


@handles("node_get_cpu_stats")
def node_get_cpu_stats(call: Call) -> bytes:
    return _exact(call, "node_get_cpu_stats")


@handles("node_get_memory_stats")
def node_get_memory_stats(call: Call) -> bytes:
    return _exact(call, "node_get_memory_stats")


#: how many figures a driver has told for (driver, call, arguments): always as many
_counts: dict[tuple[Any, ...], int] = {}


def _exact(call: Call, name: str) -> bytes:
    """(values, 0) or ([], how many)."""
    key = (type(call.session.table), name, *call.args)
    asked = call.hidden["nparams"] == 0
    if asked and key in _counts:
        return _encode(call, ([], _counts[key]))
    stats = list(call.slot(name)(*call.args).items())
    _counts[key] = len(stats)
    return _encode(call, ([], len(stats)) if asked else (stats, 0))


# --- the id of a started domain


@handles("domain_create_with_flags")
def domain_create_with_flags(call: Call) -> bytes:
    return call.reply(_started(call, call.slot("domain_create_with_flags")(*call.args)))


@handles("domain_create_with_files")
def domain_create_with_files(call: Call) -> bytes:
    dom, flags = call.args
    fds = list(call.packet.fds)
    return call.reply(_started(call, call.slot("domain_create_with_files")(dom, fds, flags)))


def _started(call: Call, result: Any) -> Any:
    """The ref with its new id, which the slot gives or the lookup."""
    if hasattr(result, "uuid"):
        return result
    return call.slot("domain_lookup_by_uuid")(call.args[0].uuid)


@handles("domain_create_xml_with_files")
def domain_create_xml_with_files(call: Call) -> bytes:
    xml, flags = call.args
    fds = list(call.packet.fds)
    return call.reply(call.slot("domain_create_xml_with_files")(xml, fds, flags))


# --- descriptors


@handles("domain_open_graphics")
def domain_open_graphics(call: Call) -> bytes:
    dom, index, flags = call.args
    if len(call.packet.fds) != 1:
        raise error(Code.INTERNAL_ERROR, "no file descriptor received", domain=From.RPC)
    call.slot("domain_open_graphics")(dom, index, call.packet.fds[0], flags)
    return b""


@handles("domain_open_graphics_fd")
def domain_open_graphics_fd(call: Call) -> Reply:
    return b"", [call.slot("domain_open_graphics_fd")(*call.args)]


@handles("domain_fd_associate")
def domain_fd_associate(call: Call) -> bytes:
    dom, name, flags = call.args
    call.slot("domain_fd_associate")(dom, name, _own(call.packet.fds), flags)
    return b""


def _own(fds: Sequence[int]) -> list[int]:
    """Descriptors the table keeps beyond the call."""
    return [os.dup(fd) for fd in fds]


@handles("domain_monitor_command_with_files", protocol.QEMU)
def monitor_command_with_files(call: Call) -> Reply:
    dom, cmd, flags = call.args
    slot = call.slot("domain_qemu_monitor_command_with_files")
    result, fds = slot(dom, cmd, list(call.packet.fds), flags)
    return call.reply(result), list(fds)


@handles("domain_open_namespace", protocol.LXC)
def lxc_open_namespace(call: Call) -> Reply:
    return b"", call.slot("domain_lxc_open_namespace")(*call.args)
