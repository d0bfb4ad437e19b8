# SPDX-License-Identifier: Apache-2.0
"""Which QEMU processes are ours: those whose monitor or directory is below our library directory.

A command line says the guest's name and uuid, whatever became of our own files.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from nova_pyvirt.hypervisors.qemu.process.process import start_time
from nova_pyvirt.util.native import os


class Found(NamedTuple):
    """A running QEMU of ours.

    :ivar started: clock ticks since boot
    :ivar ident: the domain's id, from its directory
    """

    pid: int
    started: int
    name: str
    uuid: str
    ident: int
    lib_dir: str


def scan(lib_dir: str, uids: Collection[int] | None = None, proc: str = "/proc") -> Iterator[Found]:
    """Every live QEMU that was started with its home below `lib_dir`.

    :param uids: users it may run as; others' processes may claim anything. None = any
    """
    for entry in os.listdir(proc):
        if not entry.isdigit():
            continue
        found = look(int(entry), lib_dir, uids, proc)
        if found is not None:
            yield found


def look(
    pid: int, lib_dir: str, uids: Collection[int] | None = None, proc: str = "/proc"
) -> Found | None:
    """The same for one process."""
    try:
        with open(f"{proc}/{pid}/cmdline", "rb") as file:
            argv = file.read().split(b"\0")
        if b"-uuid" not in argv or b"-name" not in argv:
            return None
        with open(f"{proc}/{pid}/environ", "rb") as file:
            environ = file.read().split(b"\0")
        if uids is not None and _uid(pid, proc) not in uids:
            return None
    except OSError:
        return None
    home = _home(environ)
    if not home.startswith(f"{lib_dir}/domain-"):
        return None
    started = start_time(pid)
    ident = home[len(lib_dir) + len("/domain-") :].partition("-")[0]
    if started is None or not ident.isdigit():
        return None
    return Found(
        pid, started, _name(_after(argv, b"-name")), _after(argv, b"-uuid"), int(ident), home
    )


def is_held(pid: int, proc: str = "/proc") -> bool:
    """Is it a spawn helper's child that has not become what it is to be?"""
    try:
        with open(f"{proc}/{pid}/cmdline", "rb") as file:
            return any(word.endswith(b"/helper.py") for word in file.read().split(b"\0"))
    except OSError:
        return False


def _uid(pid: int, proc: str) -> int | None:
    """The real uid (proc(5) status)."""
    with open(f"{proc}/{pid}/status", "rb") as file:
        for line in file:
            if line.startswith(b"Uid:"):
                return int(line.split()[1])
    return None


def _home(environ: list[bytes]) -> str:
    for item in environ:
        if item.startswith(b"HOME="):
            return item[5:].decode(errors="surrogateescape")
    return ""


def _after(argv: list[bytes], option: bytes) -> str:
    return argv[argv.index(option) + 1].decode(errors="surrogateescape")


def _name(value: str) -> str:
    """``guest=NAME,debug-threads=on``: a comma in the name is doubled."""
    text = value.removeprefix("guest=").replace(",,", "\0")
    return text.partition(",")[0].replace("\0", ",")
