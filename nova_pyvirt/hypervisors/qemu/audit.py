# SPDX-License-Identifier: Apache-2.0
"""Audit records of QEMU's domains."""

from nova_pyvirt.core import audit
from nova_pyvirt.core.audit import Subject
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.model.domain import Domain


def started(definition: Domain, pid: int, reason: str, *, success: bool) -> None:
    """A start is over; what the guest has got then.

    :param reason: booted, restored, migrated
    """
    who = _who(definition)
    if success:
        for disk in definition.devices.disks:
            if disk.path:
                audit.resource(who, "disk", "start", None, disk.path)
        for net in definition.devices.interfaces:
            audit.resource(who, "net", "start", None, net.mac)
        audit.resource(who, "mem", "start", 0, int(definition.current_memory or 0))
        audit.resource(who, "vcpu", "start", 0, definition.vcpu_count)
        if definition.iothread_ids:
            audit.resource(who, "iothread", "start", 0, len(definition.iothread_ids))
    audit.control(who, "start", reason, pid, success=success)


def stopped(definition: Domain, pid: int, reason: str) -> None:
    """A run is over.

    :param reason: shutdown, destroyed, crashed, failed, ...
    """
    audit.control(_who(definition), "stop", reason, pid)


def changed(vm: DomainObj, kind: str, old: int, new: int, *, success: bool = True) -> None:
    """A running guest has more or less of something: vcpu, mem, iothread."""
    audit.resource(_who(vm.definition), kind, "update", old, new, success=success)


def _who(definition: Domain) -> Subject:
    return Subject(definition.type, definition.name, definition.uuid)
