# SPDX-License-Identifier: Apache-2.0
"""Network interfaces: back-end and device."""

from collections.abc import Mapping
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.bootorder import bootindexes
from nova_pyvirt.hypervisors.qemu.command.context import CommandContext, pci_props, props
from nova_pyvirt.model.devices.interface import Interface
from nova_pyvirt.model.domain import Domain

_DRIVERS = {"virtio": "virtio-net-pci", "virtio-non-transitional": "virtio-net-pci-non-transitional",
            "virtio-transitional": "virtio-net-pci-transitional"}  # fmt: skip


def interfaces(domain: Domain, ctx: CommandContext, buses: Mapping[int, str]) -> list[str]:
    """-netdev and -device of every interface."""
    boot = bootindexes(domain)
    args: list[str] = []
    for nic in domain.devices.interfaces:
        args += ["-netdev", props(**_netdev(nic, ctx))]
        args += ["-device", _device(nic, buses, boot)]
    return args


def _netdev(nic: Interface, ctx: CommandContext) -> dict[str, Any]:
    ident = "host" + nic.alias
    if nic.type == "user":
        return {"type": "user", "id": ident}
    if nic.type not in ("bridge", "ethernet", "network", "direct"):
        detail = f"interface type '{nic.type}' is not supported"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    fds = [str(fd) for fd in ctx.fds.get(nic.alias, ())]
    if len(fds) > 1:
        return {"type": "tap", "fds": ":".join(fds), "id": ident}
    return {"type": "tap", "fd": fds[0] if fds else "-1", "id": ident}


def _device(nic: Interface, buses: Mapping[int, str], boot: Mapping[int, int]) -> str:
    head: dict[str, Any] = {"driver": _DRIVERS.get(nic.model, nic.model)}
    if nic.model.startswith("virtio"):
        if (nic.queues or 1) > 1:
            head |= {"mq": True, "vectors": 2 * nic.queues + 2}
        head |= {
            "rx_queue_size": nic.rx_queue_size,
            "tx_queue_size": nic.tx_queue_size,
            "host_mtu": nic.mtu,
        }
    return props(
        **head,
        netdev="host" + nic.alias,
        id=nic.alias,
        mac=nic.mac,
        bootindex=boot.get(id(nic)),
        **pci_props(nic.address, buses),
    )
