# SPDX-License-Identifier: Apache-2.0
"""Network interfaces: back-end and device (qemuBuildInterfaceCommandLine)."""

import ipaddress

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.context import escape
from nova_pyvirt.hypervisors.qemu.command.devices.guest import (
    Args,
    Guest,
    Props,
    device,
    option,
    positive,
)
from nova_pyvirt.model.devices.interface import Interface

_TAPS = ("bridge", "network", "direct", "ethernet")


def interfaces(guest: Guest) -> Args:
    """-netdev and -device of every interface; those that are host devices come with them."""
    args: Args = []
    for nic in guest.devices.interfaces:
        if nic.type == "hostdev":
            continue
        backend, netdev = netdev_props(guest, nic)
        args += backend
        args += option("-netdev", netdev)
        args += device(device_props(guest, nic))
    return args


def netdev_props(guest: Guest, nic: Interface) -> tuple[Args, Props]:
    """The back-end: arguments that come before it, and its properties.

    :raises libvirtError: CONFIG_UNSUPPORTED
    """
    if nic.script and nic.type != "ethernet":
        detail = f"scripts are not supported on interfaces of type {nic.type}"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    args: Args = []
    if nic.type in _TAPS:
        found = _tap(guest, nic)
    elif nic.type == "vhostuser":
        args = _vhost_user(nic)
        found = {"type": "vhost-user", "chardev": f"char{nic.alias}", "queues": _queues(nic)}
    elif nic.type == "vdpa":
        fds = guest.fds(f"vdpa-{nic.alias}") or ([-1] if guest.ctx.standalone else [])
        args, path = guest.fdset(fds, f"host{nic.alias}-vdpa")
        found = {"type": "vhost-vdpa", "vhostdev": path, "queues": _queues(nic)}
    elif nic.type in ("user", "internal"):
        found = _user(guest, nic)
    elif nic.type in ("client", "server", "mcast", "udp"):
        found = _socket(nic)
    else:
        detail = f"interface type '{nic.type}' is not supported"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    return args, found | {"id": f"host{nic.alias}"}


def _queues(nic: Interface) -> int | None:
    return nic.queues if (nic.queues or 0) > 1 else None


def _tap(guest: Guest, nic: Interface) -> Props:
    taps = [str(fd) for fd in guest.fds(nic.alias)]
    if not taps and guest.ctx.standalone:
        taps = ["-1"] * (_queues(nic) or 1)
    vhosts = [str(fd) for fd in guest.fds(f"vhost-{nic.alias}")]
    return {
        "type": "tap",
        "fds" if len(taps) > 1 else "fd": ":".join(taps),
        "vhost": True if vhosts else None,
        "vhostfds" if len(vhosts) > 1 else "vhostfd": ":".join(vhosts) or None,
        "sndbuf": nic.sndbuf,
    }


def _vhost_user(nic: Interface) -> Args:
    words = ["socket", f"id=char{nic.alias}", f"path={escape(nic.source_path or '')}"]
    if nic.source_mode == "server":
        words.append("server=on")
    again = nic.source_reconnect
    if again is not None and again.enabled is not None:
        words.append(f"reconnect={again.timeout if again.enabled else 0}")
    return ["-chardev", ",".join(words)]


def _user(guest: Guest, nic: Interface) -> Props:
    if nic.backend_type == "passt":
        path = guest.ctx.host_paths.get(nic.alias)
        if path is None and guest.ctx.standalone:
            path = f"{guest.ctx.lib_dir}/passt-{nic.alias}.socket"
        return {
            "type": "stream",
            "addr": {"type": "unix", "path": path},
            "server": False,
        }
    found: Props = {"type": "user"}
    for ip in nic.ips if nic.type == "user" else ():
        if ipaddress.ip_address(ip.address).version == 4:
            found["net"] = f"{ip.address}/{ip.prefix}" if ip.prefix else ip.address
        else:
            found["ipv6-prefix"] = ip.address
            found["ipv6-prefixlen"] = positive(ip.prefix)
    return found


def _socket(nic: Interface) -> Props:
    where = f"{nic.source_host or ''}:{nic.source_port}"
    key = {"client": "connect", "server": "listen", "mcast": "mcast", "udp": "udp"}[nic.type]
    found: Props = {"type": "socket", key: where}
    if nic.type == "udp":
        found["localaddr"] = f"{nic.local_host}:{nic.local_port}"
    return found


def device_props(guest: Guest, nic: Interface) -> Props:
    """The properties of the device."""
    found = _virtio(guest, nic) if nic.is_virtio else {"driver": nic.model}
    return found | {
        "netdev": f"host{nic.alias}",
        "id": nic.alias,
        "mac": nic.mac,
        "bootindex": guest.bootindex(nic),
        **guest.place(nic),
        **guest.rom(nic),
    }


def _virtio(guest: Guest, nic: Interface) -> Props:
    queues = _queues(nic)
    return guest.virtio(nic, "virtio-net", nic.model) | {
        "tx": {"iothread": "bh", "timer": "timer"}.get(nic.txmode),
        "ioeventfd": nic.ioeventfd,
        "event_idx": nic.event_idx,
        "csum": nic.host_csum,
        "gso": nic.host_gso,
        "host_tso4": nic.host_tso4,
        "host_tso6": nic.host_tso6,
        "host_ecn": nic.host_ecn,
        "host_ufo": nic.host_ufo,
        "mrg_rxbuf": nic.host_mrg_rxbuf,
        "guest_csum": nic.guest_csum,
        "guest_tso4": nic.guest_tso4,
        "guest_tso6": nic.guest_tso6,
        "guest_ecn": nic.guest_ecn,
        "guest_ufo": nic.guest_ufo,
        "mq": True if queues else None,
        "vectors": 2 * queues + 2 if queues else None,
        "rx_queue_size": positive(nic.rx_queue_size),
        "tx_queue_size": positive(nic.tx_queue_size),
        "rss": nic.rss,
        "hash": nic.rss_hash_report,
        "host_mtu": positive(nic.mtu),
        "failover": True if nic.teaming_type == "persistent" else None,
    }
