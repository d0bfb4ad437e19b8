# SPDX-License-Identifier: Apache-2.0
"""What the stages of a start share."""

from dataclasses import dataclass, field
from typing import Any

from nova_pyvirt.core.cgroup import Cgroup
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.logfile import LogFile
from nova_pyvirt.hypervisors.qemu import identity
from nova_pyvirt.hypervisors.qemu.identity import Identity
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.process import Reserved
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.cpu import CPU
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os, socket


@dataclass(frozen=True, slots=True)
class Incoming:
    """Where a guest's memory comes from.

    :ivar uri: for QEMU's -incoming, e.g. ``fd:7`` or ``defer``
    :ivar fd: passed to QEMU under the same number; None = none
    :ivar source: with ``defer``: where QEMU is told to read from when it is ready, and the start
        waits for the end of it; "" = the caller sees to that
    :ivar new_genid: the guest is to notice that it was moved in time
    :ivar cpu: the CPU that the guest had; None = as its definition says
    """

    uri: str
    fd: int | None = None
    source: str = ""
    new_genid: bool = False
    cpu: CPU | None = None


@dataclass(slots=True)
class Start:
    """One start under way.

    :ivar fds: descriptors for QEMU by device alias; ours, closed when the start is over
    :ivar host_paths: where things of the host are, by device alias; see CommandContext
    :ivar chosen: ports that were chosen for displays, free when they were
    :ivar argv: the command, argv[0] the emulator
    :ivar asked: what QEMU was asked together with the negotiation, [] = nothing
    :ivar cpu_said: what a QEMU of the same command line has said of its CPU, None = nobody knows
    :ivar reserved: the child that is to be QEMU, as long as it does not know that
    :ivar groups: the control groups of QEMU's threads, by name
    """

    state: QemuState
    vm: DomainObj
    paused: bool
    autodestroy: object | None
    reset_nvram: bool
    incoming: Incoming | None
    persistent: Domain | None = None
    fds: dict[str, list[int]] = field(default_factory=dict)
    host_paths: dict[str, str] = field(default_factory=dict)
    chosen: list[int] = field(default_factory=list)
    argv: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    cpu_said: list[Any] | None = None
    reserved: Reserved | None = None
    groups: dict[str, Cgroup] = field(default_factory=dict)
    private: QemuPrivate = field(init=False)
    log: LogFile | None = None
    listener: socket.socket | None = None

    @property
    def identity(self) -> Identity | None:
        """The user QEMU runs as; None when it is our own."""
        return identity.of(self.definition, self.state.settings)

    @property
    def definition(self) -> Domain:
        return self.vm.definition

    def all_fds(self) -> list[int]:
        """Every descriptor that QEMU gets, the monitor's apart."""
        return [fd for group in self.fds.values() for fd in group]

    def close(self) -> None:
        """Closes our copies of what QEMU has now, or never got."""
        for fd in self.all_fds():
            os.close(fd)
        self.fds.clear()
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        if self.reserved is not None:
            self.reserved.abandon()
        if self.log is not None:
            self.log.close()
            self.log = None
