# SPDX-License-Identifier: Apache-2.0
"""The state: configuration, directories, who manages them, how the guests do."""

import re
from collections.abc import Iterator
from typing import Final

from nova_pyvirt.cmd.doctor.finding import FAIL, OK, WARN, Finding, Host, read
from nova_pyvirt.cmd.operator.common import seconds
from nova_pyvirt.cmd.operator.source import Holder, find
from nova_pyvirt.conf import CONF, paths_profile
from nova_pyvirt.core.introspect import Row
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.host import processes
from nova_pyvirt.util.native import os

_SPACE: Final = 512 << 20
#: seconds after which a job or a command is worth a look
_LONG_JOB: Final = 60.0
_LONG_COMMAND: Final = 5.0
_OTHER_NAMES: Final = frozenset({"libvirtd", "virtqemud"})


def configuration(host: Host) -> Iterator[Finding]:
    """Where the settings come from; reading them has succeeded."""
    files = CONF.default_config_files or []
    detail = f"{', '.join(files) or 'defaults'}; directories: {paths_profile()}; {host.uri}"
    yield Finding("configuration", OK, detail)
    for name, why in host.without_effect.items():
        advice = "see whether the guests need it; take it out"
        yield Finding("qemu.conf", WARN, f"{name} has no effect: {why}", advice)


def directories(host: Host) -> Iterator[Finding]:
    """Each root: a directory that we may write, with room."""
    paths = host.paths
    for path in dict.fromkeys((paths.etc, paths.run, paths.lib, paths.log, paths.cache)):
        there = path
        while not os.path.exists(there):
            there = os.path.dirname(there) or "/"
        if not os.path.isdir(there):
            yield Finding(path, FAIL, f"{there} is not a directory", f"move {there} away")
        elif not os.access(there, os.W_OK | os.X_OK):
            text = f"run as root, or let this user write {there}"
            yield Finding(path, FAIL, f"{there} is not writable", text)
        elif _room(there) < _SPACE:
            text = f"free space on {there}: definitions and logs must be written"
            yield Finding(path, WARN, f"{_room(there) >> 20} MiB left", text)
        else:
            yield Finding(path, OK, "writable" if there == path else f"will be made in {there}")


def _room(path: str) -> int:
    info = os.statvfs(path)
    return info.f_bavail * info.f_frsize


def manager(host: Host) -> Iterator[Finding]:
    """Who holds the state directory, and that nobody else works on the same guests."""
    pid = _owner(host)
    if pid is None:
        yield Finding("manager", OK, f"no process holds {host.paths.state_dir}")
    else:
        name = (read(f"/proc/{pid}/comm") or "?").strip()
        yield Finding("manager", OK, f"{name}, pid {pid}, holds {host.paths.state_dir}")
    others = sorted(_others())
    if not others:
        return
    detail = f"{', '.join(others)} runs here too"
    if host.paths.profile == "libvirt":
        text = "stop and mask it: it must not manage the directories of nova-pyvirt"
        yield Finding("other daemon", FAIL, detail, text)
    else:
        text = 'its guests are not ours; see the guide "From libvirtd and back" to take them over'
        yield Finding("other daemon", WARN, detail, text)


def _owner(host: Host) -> int | None:
    """The live process that the lock file names and that has it open."""
    word = (read(host.paths.lock_file) or "").strip()
    if not word.isdigit() or not os.path.isdir(f"/proc/{word}"):
        return None
    locks = read("/proc/locks") or ""
    inode = os.stat(host.paths.lock_file).st_ino
    held = re.search(rf"(OFDLCK|POSIX) .* [0-9a-f]+:[0-9a-f]+:{inode} ", locks)
    return int(word) if held else None


def _others() -> Iterator[str]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            name = (read(f"/proc/{entry}/comm") or "").strip()
            if name in _OTHER_NAMES and _same_host(entry):
                yield f"{name} (pid {entry})"


def _same_host(pid: str) -> bool:
    """Whether a process sees the same files as we do: one in a container doesn't."""
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt")
    except OSError:
        return False


def guests(host: Host) -> Iterator[Finding]:
    """Guests whose monitor is lost, whose QEMU does not answer, whose job takes long."""
    try:
        source = find(host.uri)
        found = source.tables("domains", "jobs", "monitors")
    except libvirtError as exc:
        yield Finding("guests", WARN, str(exc), "run as the user of the process that manages them")
        return
    running = [row for row in found["domains"] if row["id"] != -1]
    troubles = [*_monitors(found["monitors"]), *_jobs(found["jobs"])]
    yield from troubles
    if isinstance(source, Holder):
        yield from _strangers(host, running)
    elif running:
        text = "start the process that manages them (nova-compute or pyvirtd)"
        yield Finding("guests", WARN, f"{len(running)} run, nobody watches them", text)
        return
    if not troubles:
        yield Finding("guests", OK, f"{len(running)} of {len(found['domains'])} run")


def _monitors(rows: list[Row]) -> Iterator[Finding]:
    for row in rows:
        if row["state"] != "connected":
            text = f"its QEMU (pid {row['pid']}) can only be destroyed, or shut down from inside"
            yield Finding(f"guest {row['domain']}", FAIL, f"monitor {row['state']}", text)
        elif row["command_age"] > _LONG_COMMAND:
            detail = f"QEMU owes the answer to {row['command']} since {seconds(row['command_age'])}"
            text = f"look at pid {row['pid']}: stopped, or waiting for storage?"
            yield Finding(f"guest {row['domain']}", FAIL, detail, text)


def _jobs(rows: list[Row]) -> Iterator[Finding]:
    for row in rows:
        if row["lane"] != "async" and row["age"] > _LONG_JOB:
            detail = f"{row['holder']} holds it since {seconds(row['age'])}"
            text = "pyvirt jobs says what it waits for; destroying the guest always works"
            yield Finding(f"guest {row['domain']}", FAIL, detail, text)


def _strangers(host: Host, running: list[Row]) -> Iterator[Finding]:
    """QEMUs of this directory that the manager does not know."""
    known = {row["uuid"] for row in running}
    for found in processes.scan(host.paths.lib_dir):
        if found.uuid not in known:
            text = f"define the guest again, or end the process: kill {found.pid}"
            yield Finding(
                f"guest {found.name}", WARN, f"QEMU {found.pid} runs, but is not managed", text
            )
