# SPDX-License-Identifier: Apache-2.0
"""Slots whose wire form differs from the table's by more than order: buffers sized by other calls,
streams, descriptors, events. Each function is one slot; its first argument is the connection.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from nova_pyvirt.core.refs import DomainRef, StorageVolRef
from nova_pyvirt.core.stream import Stream
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.remote import events
from nova_pyvirt.hypervisors.remote.connection import Connection
from nova_pyvirt.hypervisors.remote.shapes import Shape, program, shape
from nova_pyvirt.hypervisors.remote.stream import RemoteStream
from nova_pyvirt.util.typed import CLASSES, Params
from nova_pyvirt.wire import protocol

Callback = Callable[..., None]
CPU_STATS_AT_ONCE: Final = 128
AFFECT_LIVE: Final = 1
VCPU_MAXIMUM: Final = 4


def _shape(name: str, number: int = protocol.REMOTE) -> Shape:
    return shape(number, program(number).by_name[name].number)


# --- CPU maps: the client says how long one map is


def _map_length(conn: Connection) -> int:
    """Bytes of one CPU map: one bit for each CPU of the host."""
    _, _, _, _, nodes, sockets, cores, threads = conn.call("node_get_info")
    return int((nodes * sockets * cores * threads + 7) // 8)


def _cut(cpumaps: bytes, length: int, count: int) -> list[bytes]:
    return [cpumaps[i * length : (i + 1) * length] for i in range(count)]


def domain_get_vcpus(conn: Connection, dom: DomainRef) -> tuple[list[Any], list[bytes]]:
    """((number, state, cpu time, cpu) of each vCPU, its CPU map)."""
    count = conn.call("domain_get_info", dom)[3]
    length = _map_length(conn)
    made = _shape("domain_get_vcpus")
    info, cpumaps = conn.call_shape(made, (dom, count, length))
    return info, _cut(cpumaps, length, len(info))


def domain_get_vcpu_pin_info(conn: Connection, dom: DomainRef, flags: int) -> list[bytes]:
    """One CPU map for each vCPU."""
    count = conn.call("domain_get_vcpus_flags", dom, flags | VCPU_MAXIMUM)
    length = _map_length(conn)
    made = _shape("domain_get_vcpu_pin_info")
    cpumaps, num = conn.call_shape(made, (dom, count, length, flags))
    return _cut(cpumaps, length, num)


def domain_get_emulator_pin_info(conn: Connection, dom: DomainRef, flags: int) -> bytes:
    """One CPU map."""
    made = _shape("domain_get_emulator_pin_info")
    cpumap: bytes = conn.call_shape(made, (dom, _map_length(conn), flags))
    return cpumap


def node_get_cpu_map(conn: Connection, flags: int) -> tuple[int, bytes, int]:
    """(CPUs, map of those online, number of those online)."""
    codec = program(protocol.REMOTE)
    made = _shape("node_get_cpu_map")
    reply = conn.send(made, (1, 1, flags), ())
    cpumap, online, count = codec.decode(made.proc.ret, reply.payload)
    return count, cpumap, online


# --- statistics


def domain_get_cpu_stats(
    conn: Connection, dom: DomainRef, start_cpu: int, ncpus: int, flags: int
) -> list[Params] | int:
    """One dict for each CPU (start_cpu -1: the total); the number of CPUs with ncpus 0."""
    made = _shape("domain_get_cpu_stats")
    raw = protocol.program(protocol.REMOTE)  # the same names come once for each CPU

    def ask(nparams: int, start: int, count: int) -> Any:
        payload = made.dump_args((dom, start, count, flags), nparams=nparams)
        reply = conn.client.call(protocol.REMOTE, made.proc.number, payload)
        return raw.decode(made.proc.ret, reply.payload)

    if ncpus == 0:
        count: int = ask(0, 0, 0)[1]
        return count
    nparams = ask(0, start_cpu, 1)[1]
    if nparams == 0:
        return []
    found: list[Params] = []
    while len(found) < ncpus:
        piece = min(CPU_STATS_AT_ONCE, ncpus - len(found))
        start = start_cpu + len(found) if start_cpu >= 0 else start_cpu
        flat, per_cpu = ask(nparams, start, piece)
        per_cpu = per_cpu or nparams
        pairs = [(field, CLASSES[tag](value)) for field, (tag, value) in flat]
        made_now = [dict(pairs[i : i + per_cpu]) for i in range(0, len(pairs), per_cpu)]
        if not made_now:
            break
        found += made_now
    return found


def domain_get_scheduler_parameters(conn: Connection, dom: DomainRef) -> Params:
    """The parameters; their number comes from the scheduler's type."""
    _, count = conn.call("domain_get_scheduler_type", dom)
    made: Params = conn.call("domain_get_scheduler_parameters", dom, nparams=count)
    return made


def domain_get_scheduler_parameters_flags(conn: Connection, dom: DomainRef, flags: int) -> Params:
    _, count = conn.call("domain_get_scheduler_type", dom)
    made: Params = conn.call("domain_get_scheduler_parameters_flags", dom, flags, nparams=count)
    return made


def domain_get_block_info(
    conn: Connection, dom: DomainRef, disk: str, flags: int
) -> tuple[int, int, int]:
    """(capacity, allocation, physical)."""
    made = _shape("domain_get_block_info")
    allocation, capacity, physical = conn.call_shape(made, (dom, disk, flags))
    return capacity, allocation, physical


# --- the id of a domain that was started


def domain_create(conn: Connection, dom: DomainRef) -> DomainRef:
    """Starts it; returns the ref with its new id."""
    conn.call("domain_create", dom)
    started: DomainRef = conn.call("domain_lookup_by_uuid", dom.uuid)
    return started


# --- streams


def _attach(conn: Connection, name: str, st: Stream, args: tuple[Any, ...]) -> Any:
    result, wire = conn.open_stream(_shape(name), args)
    st.driver = RemoteStream(wire, st)
    return result


def domain_open_console(
    conn: Connection, dom: DomainRef, dev_name: str | None, st: Stream, flags: int
) -> None:
    _attach(conn, "domain_open_console", st, (dom, dev_name, flags))


def domain_open_channel(
    conn: Connection, dom: DomainRef, name: str | None, st: Stream, flags: int
) -> None:
    _attach(conn, "domain_open_channel", st, (dom, name, flags))


def domain_screenshot(
    conn: Connection, dom: DomainRef, st: Stream, screen: int, flags: int
) -> str | None:
    """The MIME type of what the stream carries."""
    mime: str | None = _attach(conn, "domain_screenshot", st, (dom, screen, flags))
    return mime


def storage_vol_download(
    conn: Connection, vol: StorageVolRef, st: Stream, offset: int, length: int, flags: int
) -> None:
    _attach(conn, "storage_vol_download", st, (vol, offset, length, flags))


def storage_vol_upload(
    conn: Connection, vol: StorageVolRef, st: Stream, offset: int, length: int, flags: int
) -> None:
    _attach(conn, "storage_vol_upload", st, (vol, offset, length, flags))


def domain_migrate_prepare_tunnel3(conn: Connection, st: Stream, *args: Any) -> Any:
    return _attach(conn, "domain_migrate_prepare_tunnel3", st, args)


def domain_migrate_prepare_tunnel3_params(conn: Connection, st: Stream, *args: Any) -> Any:
    return _attach(conn, "domain_migrate_prepare_tunnel3_params", st, args)


# --- descriptors


def domain_create_xml_with_files(
    conn: Connection, xml: str, files: Sequence[int], flags: int
) -> DomainRef:
    made = _shape("domain_create_xml_with_files")
    started: DomainRef = made.load_ret(conn.send(made, (xml, flags), files).payload)
    return started


def domain_create_with_files(
    conn: Connection, dom: DomainRef, files: Sequence[int], flags: int
) -> DomainRef:
    made = _shape("domain_create_with_files")
    started: DomainRef = made.load_ret(conn.send(made, (dom, flags), files).payload)
    return started


def domain_open_graphics(conn: Connection, dom: DomainRef, idx: int, fd: int, flags: int) -> None:
    conn.send(_shape("domain_open_graphics"), (dom, idx, flags), (fd,))


def domain_open_graphics_fd(conn: Connection, dom: DomainRef, idx: int, flags: int) -> int:
    """A connected descriptor, the caller's."""
    fds = conn.send(_shape("domain_open_graphics_fd"), (dom, idx, flags), ()).fds
    if len(fds) != 1:
        raise error(Code.INTERNAL_ERROR, "no file descriptor received", domain=From.REMOTE)
    return fds[0]


def domain_fd_associate(
    conn: Connection, dom: DomainRef, name: str, fds: Sequence[int], flags: int
) -> None:
    conn.send(_shape("domain_fd_associate"), (dom, name, flags), fds)


def domain_qemu_monitor_command_with_files(
    conn: Connection, dom: DomainRef, cmd: str, files: Sequence[int], flags: int
) -> tuple[str, tuple[int, ...]]:
    """(the reply, descriptors QEMU gave)."""
    made = _shape("domain_monitor_command_with_files", protocol.QEMU)
    reply = conn.send(made, (dom, cmd, flags), files)
    return made.load_ret(reply.payload), reply.fds


def domain_lxc_open_namespace(conn: Connection, dom: DomainRef, flags: int) -> list[int]:
    """The namespaces' descriptors, the caller's."""
    return list(conn.send(_shape("domain_open_namespace", protocol.LXC), (dom, flags), ()).fds)


# --- the connection itself


def connect_is_encrypted(conn: Connection) -> int:
    return int(conn.uri.transport in ("tls", "ssh"))


def connect_is_secure(conn: Connection) -> int:
    """Nobody can listen on the way to the server, nor behind it."""
    way = conn.uri.transport in ("unix", "tls", "ssh")
    return int(way and bool(conn.call("connect_is_secure")))


def connect_is_alive(conn: Connection) -> int:
    return int(not conn.client.dead)


def connect_set_keep_alive(conn: Connection, interval: int, count: int) -> int:
    """0, or 1 when the server knows no keepalive."""
    if not conn.feature(10):
        return 1
    conn.client.start_keepalive(interval, count)
    return 0


def connect_register_close_callback(conn: Connection, callback: Callable[[int], None]) -> None:
    conn.close_callback = callback
    if conn.feature(15):
        conn.call("connect_register_close_callback")


def connect_unregister_close_callback(conn: Connection, *_callback: Any) -> None:
    conn.close_callback = None
    if conn.feature(15):
        conn.call("connect_unregister_close_callback")


# --- events


def _register(
    conn: Connection, family: str, made: Shape, args: tuple[Any, ...], cb: Callback
) -> int:
    conn.events.begin()
    try:
        callback_id: int = conn.call_shape(made, args)
    except BaseException:
        conn.events.failed()
        raise
    conn.events.add(family, callback_id, cb)
    return callback_id


def _registrar(family: str, name: str) -> tuple[Callable[..., int], Callable[..., None]]:
    """The two slots of one family of events."""

    def register(conn: Connection, ref: Any, event_id: int, callback: Callback) -> int:
        if (family, event_id) not in events.by_id():
            text = f"unsupported event ID {event_id}"
            raise error(Code.INTERNAL_ERROR, text, domain=From.RPC)
        return _register(conn, family, _shape(f"{name}register_any"), (event_id, ref), callback)

    def deregister(conn: Connection, callback_id: int) -> None:
        conn.events.remove(family, callback_id)
        conn.call(f"{name}deregister_any", callback_id)

    return register, deregister


connect_domain_event_register_any, connect_domain_event_deregister_any = _registrar(
    "Domain", "connect_domain_event_callback_"
)
connect_network_event_register_any, connect_network_event_deregister_any = _registrar(
    "Network", "connect_network_event_"
)
connect_storage_pool_event_register_any, connect_storage_pool_event_deregister_any = _registrar(
    "StoragePool", "connect_storage_pool_event_"
)
connect_node_device_event_register_any, connect_node_device_event_deregister_any = _registrar(
    "NodeDevice", "connect_node_device_event_"
)
connect_secret_event_register_any, connect_secret_event_deregister_any = _registrar(
    "Secret", "connect_secret_event_"
)


def connect_domain_qemu_monitor_event_register(
    conn: Connection, dom: DomainRef | None, event: str | None, callback: Callback, flags: int = 0
) -> int:
    """callback(ref, event, seconds, microseconds, details)."""
    made = _shape("connect_domain_monitor_event_register", protocol.QEMU)
    return _register(conn, "Monitor", made, (dom, event, flags), callback)


def connect_domain_qemu_monitor_event_deregister(conn: Connection, callback_id: int) -> None:
    conn.events.remove("Monitor", callback_id)
    made = _shape("connect_domain_monitor_event_deregister", protocol.QEMU)
    conn.call_shape(made, (callback_id,))
