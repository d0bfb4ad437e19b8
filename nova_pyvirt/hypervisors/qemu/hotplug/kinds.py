# SPDX-License-Identifier: Apache-2.0
"""The kinds of devices that come and go, by their lists of Devices."""

from collections.abc import Mapping
from typing import Final

from nova_pyvirt.hypervisors.qemu.hotplug.char import CharKind
from nova_pyvirt.hypervisors.qemu.hotplug.controller import ControllerKind
from nova_pyvirt.hypervisors.qemu.hotplug.disk import DiskKind
from nova_pyvirt.hypervisors.qemu.hotplug.hostdev import HostdevKind
from nova_pyvirt.hypervisors.qemu.hotplug.interface import InterfaceKind
from nova_pyvirt.hypervisors.qemu.hotplug.memory import MemoryKind
from nova_pyvirt.hypervisors.qemu.hotplug.plug import Kind
from nova_pyvirt.hypervisors.qemu.hotplug.shared import FilesystemKind
from nova_pyvirt.hypervisors.qemu.hotplug.small import (
    InputKind,
    RedirdevKind,
    RNGKind,
    ShmemKind,
    VsockKind,
    WatchdogKind,
)

_ALL: Final[tuple[Kind, ...]] = (
    DiskKind(),
    ControllerKind(),
    InterfaceKind(),
    FilesystemKind(),
    HostdevKind(),
    MemoryKind(),
    InputKind(),
    RedirdevKind(),
    RNGKind(),
    ShmemKind(),
    VsockKind(),
    WatchdogKind(),
    *(CharKind(name) for name in ("serials", "parallels", "consoles", "channels")),
)
KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in _ALL}
