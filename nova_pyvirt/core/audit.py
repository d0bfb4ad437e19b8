# SPDX-License-Identifier: Apache-2.0
"""Records of what became of domains, for those who must be able to tell later (domain_audit.c).

One line each in libvirt's form: to the kernel's audit system when that is wanted (kernelaudit), and
on the logger ``nova_pyvirt.audit``. Names are quoted so that no name can make up a field.
"""

import logging
import re
from typing import Final, NamedTuple

from nova_pyvirt.core import kernelaudit

LOG = logging.getLogger("nova_pyvirt.audit")
LOG.addHandler(logging.NullHandler())  # programs that do not log are not told on standard error
_PLAIN: Final = re.compile(r"[!#-~]+\Z")


class Subject(NamedTuple):
    """The domain that a record is about.

    :ivar virt: its kind: qemu, kvm
    """

    virt: str
    name: str
    uuid: str

    def named(self) -> str:
        return f"{encode('vm', self.name)} uuid={self.uuid}"


def control(who: Subject, op: str, reason: str, pid: int, *, success: bool = True) -> None:
    """A domain starts or stops (VIRT_CONTROL).

    :param op: start, stop
    """
    text = f"virt={who.virt} op={op} reason={reason} {who.named()} vm-pid={pid}"
    _write(kernelaudit.VIRT_CONTROL, text, success)


def label(who: Subject, guest: str, image: str, model: str) -> None:
    """Who a domain runs as, and who owns its images (VIRT_MACHINE_ID).

    :param model: the security driver: dac
    """
    text = f"virt={who.virt} {who.named()} vm-ctx={guest} img-ctx={image} model={model}"
    _write(kernelaudit.VIRT_MACHINE_ID, text, True)


def device(who: Subject, kind: str, reason: str, fields: str, *, success: bool = True) -> None:
    """A domain gets something of the host that has no "before" (VIRT_RESOURCE).

    :param kind: dev, tpm, tpm-emulator, shmem, evdev
    :param fields: what it is
    """
    text = f"virt={who.virt} resrc={kind} reason={reason} {who.named()} {fields}"
    _write(kernelaudit.VIRT_RESOURCE, text, success)


def resource(
    who: Subject, kind: str, reason: str, old: object, new: object, *, success: bool = True
) -> None:
    """A domain gets, changes or loses something of the host (VIRT_RESOURCE).

    :param kind: disk, fs, net, chardev, rng, mem, vcpu, iothread
    :param old: a number, or a name; None = nothing
    """
    before, after = _value(f"old-{kind}", old), _value(f"new-{kind}", new)
    what = f"virt={who.virt} resrc={kind} reason={reason}"
    text = f"{what} {who.named()} {before} {after}"
    _write(kernelaudit.VIRT_RESOURCE, text, success)


def encode(key: str, value: str) -> str:
    """key="value"; a value with blanks or quotes in hexadecimal (audit_encode_nv_string)."""
    if _PLAIN.match(value):
        return f'{key}="{value}"'
    return f"{key}={value.encode(errors='surrogateescape').hex().upper()}"


def _value(key: str, value: object) -> str:
    if isinstance(value, int):
        return f"{key}={value}"
    return encode(key, "?" if value is None else str(value))


def _write(kind: int, fields: str, success: bool) -> None:
    kernelaudit.send(kind, fields, success=success)
    if success:
        LOG.info("success=yes %s", fields)
    else:
        LOG.warning("success=no %s", fields)
