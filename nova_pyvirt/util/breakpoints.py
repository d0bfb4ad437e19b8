# SPDX-License-Identifier: Apache-2.0
"""Named places where a test can have this process die as by kill -9.

NOVA_PYVIRT_BREAK=NAME in the environment: the process ends itself when it comes to that place;
NAME:3 when it comes there for the third time. NOVA_PYVIRT_BREAK_LIST=FILE notes the names of the
places it comes to instead, one a line: so a test knows them all.
"""

import signal
from typing import Final

from nova_pyvirt.util.native import os

VARIABLE: Final = "NOVA_PYVIRT_BREAK"
LIST: Final = "NOVA_PYVIRT_BREAK_LIST"
_seen: dict[str, int] = {}


def reach(name: str) -> None:
    """Dies here when the environment says so."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        if LIST in os.environ:
            _note(name)
        return
    place, _, number = wanted.partition(":")
    if place != name:
        return
    _seen[name] = _seen.get(name, 0) + 1
    if _seen[name] == int(number or 1):
        os.kill(os.getpid(), signal.SIGKILL)


def _note(name: str) -> None:
    fd = os.open(os.environ[LIST], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, f"{name}\n".encode())
    finally:
        os.close(fd)
