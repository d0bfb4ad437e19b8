# SPDX-License-Identifier: Apache-2.0
"""What a command line depends on besides the definition, and what it is."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nova_pyvirt.model.sysinfo import Sysinfo


@dataclass(slots=True)
class CommandContext:
    """
    :ivar standalone: the form of domxml-to-native, which nothing has been prepared for
    :ivar lib_dir: the directory of this run of the domain
    :ivar monitor_fd: the listening socket's number in QEMU, None = a path below lib_dir
    :ivar fds: descriptors in QEMU by alias of the device: the taps of "net0" ("vhost-net0": their
        vhost ends, "vdpa-net0"), the listening socket of a unix "channel0", "serial0-log" and
        "serial0-source" for files, vhost ends of "vsock0" and "hostdev0", the two of "tpm0"
    :ivar seal: gives the properties of a secret's object: data, keyid, iv, format (see devices.secrets)
    :ivar host_paths: by alias: /dev/sgN of a SCSI "hostdev0", /dev/bus/usb/... of one that was
        looked up, swtpm's socket of "tpm0", passt's of "net0"
    :ivar tls_dir: certificates of character devices, network disks, and displays without others
    :ivar vnc_tls: certificates of encrypted VNC, None = it is not encrypted
    :ivar deprecation: what QEMU does with what it calls deprecated, where the definition says nothing
    :ivar sasl_dir: of the displays' SASL configuration
    :ivar vnc_listen: where displays listen that don't say it
    :ivar incoming: where a migration comes from, e.g. "defer"
    """

    standalone: bool = False
    lib_dir: str = ""
    monitor_fd: int | None = None
    fds: Mapping[str, Sequence[int]] = field(default_factory=dict)
    master_key: str | None = None
    sandbox: bool = True
    incoming: str | None = None
    seal: Callable[[Any], Mapping[str, str]] | None = None
    host_paths: Mapping[str, str] = field(default_factory=dict)
    vnc_listen: str = "127.0.0.1"
    spice_listen: str = "127.0.0.1"
    tls_dir: str = "/etc/pki/qemu"
    vnc_password: bool = False
    vnc_tls: str | None = None
    vnc_tls_verify: bool = False
    vnc_sasl: bool = False
    spice_password: bool = False
    spice_tls_dir: str | None = None
    spice_sasl: bool = False
    sasl_dir: str | None = None
    process_name: bool = False
    timestamps: bool = True
    deprecation: str | None = None
    hugetlbfs: Mapping[int, str] = field(default_factory=dict)
    default_hugepage: int = 2048
    memory_dir: str = "/var/lib/libvirt/qemu/ram"
    dump_guest_core: bool = False
    host_nodes: frozenset[int] | None = None
    auto_nodeset: str | None = None
    now: int = 0
    utc_offset: int = 0
    host_sysinfo: Sysinfo | None = None

    @property
    def short_name(self) -> str:
        """The run's name in directories: id and the start of the domain's name."""
        return self.lib_dir.rpartition("/")[2].removeprefix("domain-")


@dataclass(slots=True)
class CommandLine:
    """:ivar argv: the program first. :ivar env: the whole environment"""

    argv: list[str]
    env: dict[str, str]


class _Null:
    """JSON's null, as None means "not there"."""


NULL = _Null()
#: names that QEMU itself spells with an underscore
_UNDERSCORED = frozenset(
    ("device_id", "max_outputs", "ram_size", "vram_size", "vram64_size_mb", "vgamem_mb", "chassis_nr",
     "rx_queue_size", "tx_queue_size", "host_mtu", "event_idx")
)  # fmt: skip


def props(**values: Any) -> str:
    """Values as the JSON that -device, -object and the like take; None is left out, ``_`` in a name
    stands for ``-`` unless QEMU spells it so."""
    found = {
        k if k in _UNDERSCORED else k.replace("_", "-"): None if v is NULL else v
        for k, v in values.items()
        if v is not None
    }
    return json.dumps(found, separators=(",", ":"))


def on_off(value: bool) -> str:
    """A switch as QEMU's options have it."""
    return "on" if value else "off"


def escape(text: str) -> str:
    """A value in a comma-separated option."""
    return text.replace(",", ",,")


def pci_props(address: Any, buses: Mapping[int, str]) -> dict[str, Any]:
    """bus, addr and multifunction of a device on PCI.

    :param buses: alias by bus number
    """
    _, bus, slot, function = address.key()
    addr = f"0x{slot:x}" + (f".0x{function:x}" if function else "")
    found: dict[str, Any] = {"bus": buses.get(bus, f"pci.{bus}")}
    if address.multifunction:
        found["multifunction"] = True
    found["addr"] = addr
    return found
