# SPDX-License-Identifier: Apache-2.0
"""A device on its way into a running guest, and what every kind of device has to say of itself."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu import status
from nova_pyvirt.hypervisors.qemu.command import CommandContext
from nova_pyvirt.hypervisors.qemu.command.devices import Guest
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args
from nova_pyvirt.hypervisors.qemu.command.qmp import Command
from nova_pyvirt.hypervisors.qemu.host.facts import host_context
from nova_pyvirt.hypervisors.qemu.host.secrets import sealer
from nova_pyvirt.hypervisors.qemu.hotplug.find import find
from nova_pyvirt.hypervisors.qemu.monitor import QMPCommandError, QMPTimeout
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.common import shallow
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Plug:
    """One device being attached.

    :ivar name: the list of Devices it belongs to
    :ivar whole: a copy of the live definition that holds the device
    :ivar undo: what is taken back when it can't be attached
    :ivar opened: descriptors of ours, closed when it is over
    :ivar fds: names of descriptors that QEMU has been given, by CommandContext.fds' keys
    """

    state: QemuState
    vm: DomainObj
    name: str
    device: Any
    whole: Domain
    undo: ExitStack = field(default_factory=ExitStack)
    fds: dict[str, list[Any]] = field(default_factory=dict)
    host_paths: dict[str, str] = field(default_factory=dict)
    opened: list[int] = field(default_factory=list)

    @property
    def private(self) -> QemuPrivate:
        found: QemuPrivate = self.vm.private
        return found

    def guest(self, **lists: list[Any]) -> Guest:
        """What descriptions of the device need.

        :param lists: lists of devices that are to have other members, only there
        """
        private, whole = self.private, self.whole
        if lists:
            whole = shallow(whole)
            whole.devices = shallow(whole.devices)
            whole.devices.__dict__.update(lists)
        context = CommandContext(
            lib_dir=private.lib_dir,
            master_key=private.master_key_path,
            seal=sealer(self.state.secrets, private.master_key_path),
            fds=self.fds,
            host_paths=self.host_paths,
            **host_context(self.state, whole),
        )
        return Guest(whole, private.caps, context)

    def note(self) -> None:
        """Writes what has been settled into the status file.

        :raises libvirtError: SYSTEM_ERROR
        """
        try:
            status.save(self.state, self.vm)
        except OSError as exc:
            raise system_error(exc.errno or 0, "cannot write the domain's status") from exc

    def run(self, command: Command) -> Any:
        """Runs a command; what takes it back is noted, also when nobody knows whether it ran.

        :raises libvirtError: QEMU refuses, is gone, or does not answer
        """
        mon, undo = self.private.mon, command.undo
        try:
            done = mon.command(command.name, command.args, kind=command.kind, fds=command.fds)
        except QMPTimeout:
            if undo is not None:
                self.undo.callback(take_back, self.vm, *undo)
            raise
        if undo is not None:
            self.undo.callback(take_back, self.vm, *undo)
        return done

    def close_fds(self) -> None:
        """Closes our copies of what QEMU has now, or never got."""
        for fd in self.opened:
            os.close(fd)
        self.opened.clear()

    def give_fds(self, key: str, name: str, fds: list[int]) -> None:
        """Hands descriptors to QEMU, which knows them by name then.

        :param key: of CommandContext.fds
        :param name: what the names begin with
        """
        names = self.fds.setdefault(key, [])
        for number, fd in enumerate(fds):
            label = f"{name}{number}"
            undo = ("closefd", {"fdname": label})
            self.run(Command("getfd", {"fdname": label}, undo, fds=(fd,)))
            names.append(label)

    def open(self, fds: list[int]) -> list[int]:
        """Descriptors to be closed when the attachment is over."""
        self.opened += fds
        return fds


def take_back(vm: DomainObj, command: str, args: dict[str, Any]) -> bool:
    """A command that undoes another; its failure is nobody's business but the log's.

    :returns: False: something in QEMU still uses it
    """
    try:
        vm.private.mon.command(command, args)
    except QMPCommandError as exc:
        LOG.debug("domain %s: %s", vm.name, exc)
        return "in use" not in exc.qmp_desc
    except libvirtError as exc:
        LOG.warning("domain %s: %s was not taken back: %s", vm.name, args, exc)
    return True


class Kind:
    """One kind of device. These are the ways of a device that needs nothing but itself."""

    def check_alone(self, vm: DomainObj, device: Any) -> None:
        """Can the device be attached, as far as it can be told before it has its defaults?

        :raises libvirtError: it can't
        """

    def check(self, plug: Plug) -> None:
        """Can the device be attached now?

        :raises libvirtError: it can't
        """

    def prepare(self, plug: Plug) -> None:
        """What the device needs of the host, beside owners and control group.

        :raises libvirtError: it isn't to be had
        """

    def options(self, plug: Plug) -> Args:
        """The device and what is behind it, as options of the command line.

        :raises libvirtError: QEMU has no such device
        """
        raise NotImplementedError

    def added(self, alias: str) -> str:
        """What DEVICE_ADDED calls it."""
        return alias

    def plugged(self, plug: Plug) -> None:
        """What remains to do when QEMU has it.

        :raises libvirtError: QEMU refuses
        """

    def insert(self, definition: Domain, device: Any) -> None:
        """Puts it into the live definition."""
        definition.devices.__dict__[self.name].append(device)

    def drop(self, definition: Domain, device: Any) -> None:
        """Takes it out of the live definition."""
        held = definition.devices.__dict__[self.name]
        held[:] = [other for other in held if other is not device]

    def find(self, definition: Domain, match: Any) -> Any:
        """The device that a description means.

        :raises libvirtError: DEVICE_MISSING mostly
        """
        found = find(definition, self.name, match)
        if found is None:
            raise errors.error(Code.DEVICE_MISSING, self.missing(match))
        return found

    def missing(self, match: Any) -> str:
        """What is said when there is none."""
        return "device not present in domain configuration"

    def check_detach(self, vm: DomainObj, device: Any) -> None:
        """
        :raises libvirtError: it can't be detached now
        """

    def unplug(self, device: Any) -> tuple[str, dict[str, Any]]:
        """The command that asks the guest to let go of it."""
        return "device_del", {"id": str(device.alias)}

    def backends(self, device: Any) -> list[tuple[str, dict[str, Any]]]:
        """Commands that remove what was behind the device."""
        return []

    def half_way(self, device: Any) -> list[tuple[str, dict[str, Any]]]:
        """Commands that remove what an attachment has that was cut off, beside backends()."""
        return []

    def release(self, state: QemuState, vm: DomainObj, device: Any) -> None:
        """Gives back what prepare() has made of the host; it may be gone already."""

    #: the list of Devices
    name: str = ""
