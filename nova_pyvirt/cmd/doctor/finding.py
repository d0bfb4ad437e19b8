# SPDX-License-Identifier: Apache-2.0
"""What the checks have in common."""

import subprocess
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from nova_pyvirt.core.paths import Paths

OK: Final = "ok"
WARN: Final = "warning"
FAIL: Final = "FAIL"


class Finding(NamedTuple):
    """One line of the report; `advice` is empty when all is well."""

    check: str
    status: str
    detail: str
    advice: str = ""


class Host(NamedTuple):
    """What is examined.

    :ivar uri: the connection meant
    :ivar paths: its directories
    :ivar uid: QEMU's user; None when it is our own
    :ivar gid: QEMU's group, likewise
    :ivar without_effect: settings of qemu.conf that change nothing, and why
    :ivar root: where /dev, /proc and /sys are looked for; "" for the host's own
    """

    uri: str
    paths: Paths
    uid: int | None
    gid: int | None
    root: str = ""
    without_effect: Mapping[str, str] = MappingProxyType({})


def output(*argv: str) -> str | None:
    """The first line that a program prints; None when it fails."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.partition("\n")[0]


def read(path: str) -> str | None:
    """A small file's content; None when it can't be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None
