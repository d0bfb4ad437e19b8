# SPDX-License-Identifier: Apache-2.0
"""Which user a guest's QEMU runs as: the host's for guests, or the one its definition names.

A definition names it by <seclabel model='dac'> with a label USER:GROUP, names or numbers; "+N" is a
number for sure.
"""

import grp
import pwd
from collections.abc import Callable
from typing import NamedTuple

from nova_pyvirt import errors
from nova_pyvirt.core.settings import Settings
from nova_pyvirt.errors import Code, From, libvirtError
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.security import SecLabel
from nova_pyvirt.util.native import os


class Identity(NamedTuple):
    """A user and its group."""

    uid: int
    gid: int

    def label(self) -> str:
        """As libvirt writes it."""
        return f"+{self.uid}:+{self.gid}"

    def groups(self) -> list[int]:
        """Its groups: /dev/kvm may be open to one of them only."""
        try:
            user = pwd.getpwuid(self.uid)
        except KeyError:
            return [self.gid]
        found = os.getgrouplist(user.pw_name, user.pw_gid)
        return found if self.gid in found else [*found, self.gid]


def dac_label(definition: Domain) -> SecLabel | None:
    """The definition's label of our kind."""
    labels: list[SecLabel] = definition.seclabels
    return next((label for label in labels if label.model == "dac"), None)


def default(settings: Settings) -> Identity | None:
    """The user of guests whose definitions name none; None when it is our own."""
    if settings.uid is None or settings.gid is None:
        return None
    return Identity(settings.uid, settings.gid)


def of(definition: Domain, settings: Settings) -> Identity | None:
    """The user of a guest; None when it is our own.

    :raises libvirtError: INVALID_ARG for a label that names nobody
    """
    label = dac_label(definition)
    mine = default(settings)
    if mine is None or label is None or not label.label:
        return mine
    return parse(label.label)


def parse(text: str) -> Identity:
    """The user and group of a label.

    :raises libvirtError: INVALID_ARG
    """
    user, colon, group = text.partition(":")
    if not colon or not user or not group:
        raise _invalid(f"Failed to parse uid and gid from '{text}'")
    uid = _number(user, lambda name: pwd.getpwnam(name).pw_uid)
    if uid is None:
        raise _invalid(f"Failed to parse user '{user}'")
    gid = _number(group, lambda name: grp.getgrnam(name).gr_gid)
    if gid is None:
        raise _invalid(f"Failed to parse group '{group}'")
    return Identity(uid, gid)


def _number(name: str, find: Callable[[str], int]) -> int | None:
    if not name.startswith("+"):
        try:
            return find(name)
        except KeyError:
            pass
    digits = name.removeprefix("+")
    return int(digits) if digits.isdigit() and int(digits) < 2**32 - 1 else None


def _invalid(detail: str) -> libvirtError:
    return errors.error(Code.INVALID_ARG, detail, domain=From.NONE)
