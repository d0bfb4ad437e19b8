# SPDX-License-Identifier: Apache-2.0
"""Records of what became of domains, for those who must be able to tell later (domain_audit.c).

One line each in libvirt's form, on the logger ``nova_pyvirt.audit``: a deployment sends that where
it keeps such records. Names are quoted so that no name can make up a field.
"""

import logging
import re
from typing import Final, NamedTuple

LOG = logging.getLogger("nova_pyvirt.audit")
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
    _write(f"virt={who.virt} op={op} reason={reason} {who.named()} vm-pid={pid}", success)


def resource(
    who: Subject, kind: str, reason: str, old: object, new: object, *, success: bool = True
) -> None:
    """A domain gets, changes or loses something of the host (VIRT_RESOURCE).

    :param kind: disk, net, mem, vcpu, iothread
    :param old: a number, or a name; None = nothing
    """
    before, after = _value(f"old-{kind}", old), _value(f"new-{kind}", new)
    what = f"virt={who.virt} resrc={kind} reason={reason}"
    _write(f"{what} {who.named()} {before} {after}", success)


def encode(key: str, value: str) -> str:
    """key="value"; a value with blanks or quotes in hexadecimal (audit_encode_nv_string)."""
    if _PLAIN.match(value):
        return f'{key}="{value}"'
    return f"{key}={value.encode(errors='surrogateescape').hex().upper()}"


def _value(key: str, value: object) -> str:
    if isinstance(value, int):
        return f"{key}={value}"
    return encode(key, "?" if value is None else str(value))


def _write(fields: str, success: bool) -> None:
    if success:
        LOG.info("success=yes %s", fields)
    else:
        LOG.warning("success=no %s", fields)
