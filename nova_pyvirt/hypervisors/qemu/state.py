# SPDX-License-Identifier: Apache-2.0
"""What one QEMU driver knows: directories, settings, capabilities, domains, subscribers.

One state per root directory and process, shared by its connections; the first connection opens it
(lock file, definitions, running guests), the last one closes it.
"""

import fcntl
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.cgroup import machine_name
from nova_pyvirt.core.domain import DomainList, DomainObj
from nova_pyvirt.core.eventbus import EventBus
from nova_pyvirt.core.hooks import Hooks
from nova_pyvirt.core.host import HostFs
from nova_pyvirt.core.host.identity import libvirtd_uuid
from nova_pyvirt.core.paths import Paths
from nova_pyvirt.core.ports import PortAllocator
from nova_pyvirt.core.schemas import Schemas
from nova_pyvirt.core.secrets import SecretStore
from nova_pyvirt.core.settings import Settings
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import CapsCache, QemuCaps
from nova_pyvirt.hypervisors.qemu.caps.cache import SPICE_TLS
from nova_pyvirt.hypervisors.qemu.caps.firmware import DEFAULT_LOADERS
from nova_pyvirt.hypervisors.qemu.caps.view import HostView, security_models
from nova_pyvirt.hypervisors.qemu.livecpu import Seen
from nova_pyvirt.hypervisors.qemu.monitorevents import MonitorEvents
from nova_pyvirt.hypervisors.qemu.process import Process, Spawner
from nova_pyvirt.hypervisors.qemu.report import Starts, publish
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util import loop
from nova_pyvirt.util.files import SpareDescriptors
from nova_pyvirt.util.native import os, threading

#: struct flock: write lock, from the start, byte 0 (pid: unused)
_LOCK: Final = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)


@dataclass
class Remembered:
    """What outlives a state in the same process: how domains ended, the last id given."""

    last_id: int = 0
    ended: dict[bytes, tuple[int, int]] = field(default_factory=dict)


class QemuState:
    """See the module. `hold()` and `drop()` count connections."""

    def __init__(self, paths: Paths, settings: Settings, remembered: Remembered) -> None:
        self.paths = paths
        self.settings = settings
        self.remembered = remembered
        self.caps = CapsCache(
            Path(paths.capabilities_dir),
            without=frozenset(settings.capability_filters),
            also=frozenset({SPICE_TLS} if settings.spice_tls else ()),
            allowed=settings.emulator_directories,
        )
        self.view = _view(self.caps, settings, paths)
        self.schemas = Schemas(settings.schema_dir)
        self.secrets = SecretStore(paths.secrets_dir, self.schemas)
        self.domains = DomainList()
        self.bus = EventBus()
        self.monitor_events = MonitorEvents()
        self.spawner = Spawner()
        self.seen_cpus = Seen()
        self.vnc_ports = PortAllocator("vnc", settings.port_min, settings.port_max)
        self.websocket_ports = PortAllocator(
            "vncWebSocket", settings.websocket_min, settings.websocket_max
        )
        hooks_dir = paths.hooks_dir if settings.hooks_enabled else None
        self.hooks = Hooks(hooks_dir, "qemu", timeout=settings.hook_timeout)
        self.starts = Starts()
        self.stops = Starts()
        self.migration_speeds: dict[bytes, int] = {}
        self.autodestroy: dict[bytes, object] = {}
        self.spare = SpareDescriptors()
        self.at_close: list[Callable[[], None]] = []
        self.unmanaged: list[tuple[str, str, Process]] = []
        self._lock = threading.Lock()
        self._lock_fd = -1
        self._unpublish: Callable[[], None] | None = None

    def caps_for(self, definition: Domain) -> QemuCaps:
        """The capabilities of the emulator a definition names, or of the host's own for its
        architecture.

        :raises libvirtError: CONFIG_UNSUPPORTED when there is none
        """
        binary = definition.devices.emulator if definition.devices else None
        if not binary:
            binary = self.caps.default_emulator(definition.os.arch, definition.type)
        if binary is None:
            raise errors.error(
                Code.CONFIG_UNSUPPORTED,
                f"could not find capabilities for arch={definition.os.arch}"
                f" domaintype={definition.type} ",
                domain=From.NONE,
            )
        return self.caps.get(binary)

    def new_domain(self, definition: Domain) -> DomainObj:
        """A domain object under this state's job rules."""
        settings = self.settings
        return DomainObj(definition, job_wait=settings.job_wait, max_queued=settings.max_queued)

    def machine_name(self, ident: int, name: str) -> str:
        """A run's control group."""
        return machine_name(ident, name, root=self.paths.root)

    def next_id(self) -> int:
        """A number no domain of this state has had."""
        with self._lock:
            self.remembered.last_id += 1
            return self.remembered.last_id

    def seen_id(self, ident: int) -> None:
        """A running domain was found with this id: new ones are higher."""
        with self._lock:
            self.remembered.last_id = max(self.remembered.last_id, ident)

    def unmanaged_pid(self, definition: Domain) -> int | None:
        """The live QEMU of a guest with this name or uuid that could not be taken over."""
        for name, uuid, process in self.unmanaged:
            if definition.name == name or definition.uuid == uuid:
                if process.alive():
                    return process.pid
        return None

    def take_lock(self) -> None:
        """Makes us the one owner of the directories.

        :raises libvirtError: RESOURCE_BUSY naming the owner
        """
        path = self.paths.lock_file
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            # libvirt's byte (virPidFileAcquirePath), so that it and we keep each other out; as a
            # lock of the open file, for it must not end when something else closes the file
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _LOCK)
        except BlockingIOError:
            owner = os.read(fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise errors.error(
                Code.RESOURCE_BUSY,
                f"the state directory '{self.paths.state_dir}' is in use by process {owner}",
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._lock_fd = fd

    def publish(self) -> None:
        """Operators can ask what we do; the lock is ours."""
        self._unpublish = publish(self)

    def abandon(self) -> None:
        """In a child of our process: the lock must not outlive the parent because of it."""
        if self._lock_fd != -1:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def close(self) -> None:
        """Stops what runs on our behalf; guests go on."""
        for end in self.at_close:
            end()
        if self._unpublish is not None:
            self._unpublish()
        for vm in self.domains:
            if not vm.active:
                self.remembered.ended[vm.uuid] = (int(vm.state), vm.reason)
            elif vm.private is not None:
                vm.private.close()
        self.spawner.close()
        for _name, _uuid, process in self.unmanaged:
            process.close()
        self.spare.close()
        if self._lock_fd != -1:
            os.close(self._lock_fd)
            self._lock_fd = -1
        loop.release()


def _view(caps: CapsCache, settings: Settings, paths: Paths) -> HostView:
    privileged = os.geteuid() == 0 and not paths.session
    dac = None
    if privileged and settings.uid is not None and settings.gid is not None:
        dac = (settings.uid, settings.gid)
    fs = HostFs()
    uuid, source = libvirtd_uuid(fs) if paths.profile == "libvirt" else (None, "smbios")
    return HostView(
        caps,
        fs,
        host_uuid=uuid,
        host_uuid_source=source,
        security=security_models("none", dac=dac),
        privileged=privileged,
        loaders=_loaders(settings.nvram),
    )


def _loaders(nvram: tuple[str, ...] | None) -> Sequence[tuple[str, str]]:
    """Firmware images with their variables.

    :raises libvirtError: CONF_SYNTAX for what is no pair
    """
    if nvram is None:
        return DEFAULT_LOADERS
    found = []
    for pair in nvram:
        code, colon, variables = pair.partition(":")
        if not colon or not code or not variables:
            detail = f"Invalid nvram format: '{pair}'"
            raise errors.error(Code.CONF_SYNTAX, detail, domain=From.CONF)
        found.append((code, variables))
    return found
