# SPDX-License-Identifier: Apache-2.0
"""Fourth stage: QEMU runs and its monitor answers (qemuProcessLaunch).

The child is held before exec until its control group, pid file and labels are there. The monitor's
socket is ours, bound and listening before QEMU exists: connecting never races.
"""

import errno
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.cgroup import UNIFIED
from nova_pyvirt.core.logfile import LogFile
from nova_pyvirt.errors import Code, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu import command, status
from nova_pyvirt.hypervisors.qemu.events.dispatch import worker_for
from nova_pyvirt.hypervisors.qemu.host import labels, opened
from nova_pyvirt.hypervisors.qemu.host.facts import host_context
from nova_pyvirt.hypervisors.qemu.host.secrets import sealer
from nova_pyvirt.hypervisors.qemu.limits import devices, rlimits, threads
from nova_pyvirt.hypervisors.qemu.monitor import Deadlines, Monitor, QMPTimeout
from nova_pyvirt.hypervisors.qemu.process import HeldProcess, SpawnSpec
from nova_pyvirt.hypervisors.qemu.start import queries
from nova_pyvirt.hypervisors.qemu.start.context import Start
from nova_pyvirt.hypervisors.qemu.start.init import begin_hook
from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.files import write_atomic
from nova_pyvirt.util.native import os, socket

VERSION_LINE: Final = "starting up libvirt version: 9.0.0, package: nova-pyvirt"
#: seconds for QEMU to have written the reason of its end
_LAST_WORDS: Final = 2.0


def run(start: Start) -> None:
    """:raises libvirtError: INTERNAL_ERROR with QEMU's own words when it ends at once"""
    private = start.private
    with private.stage("command"):
        _listen(start)
        reach("start-listening")
        _build(start)
    begin_hook(start, "start")
    with private.stage("labels"):
        _labels(start)
    with private.stage("spawn"):
        _open_log(start)
        held = _spawn(start)
    try:
        with private.stage("meanwhile"):
            _meanwhile(start)
        with private.stage("exec"):
            held.release()
    except BaseException:
        _abort(start, held)
        raise
    reach("start-running")
    with private.stage("monitor"):
        _connect(start)
    reach("start-monitor")


def _listen(start: Start) -> None:
    """The monitor's socket, for QEMU to accept from."""
    path = start.private.monitor_path
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    start.listener = sock
    try:
        sock.bind(path)
        sock.listen(1)
        os.chmod(path, 0o700)
    except OSError as exc:
        if exc.errno is None or exc.errno == errno.ENAMETOOLONG or "too long" in str(exc):
            detail = f"Monitor path {path} too big for destination"
            raise errors.error(Code.INTERNAL_ERROR, detail) from exc
        raise system_error(exc.errno, f"Unable to bind to UNIX socket path '{path}'") from exc


def _build(start: Start) -> None:
    private, state = start.private, start.state
    assert start.listener is not None  # _listen() was before
    context = command.CommandContext(
        lib_dir=private.lib_dir,
        monitor_fd=start.listener.fileno(),
        master_key=private.master_key_path,
        seal=sealer(state.secrets, private.master_key_path),
        fds=start.fds,
        host_paths=start.host_paths,
        sandbox=state.settings.seccomp,
        incoming=start.incoming.uri if start.incoming else None,
        **host_context(state, start.definition),
    )
    line = command.build(start.definition, private.caps, context)
    start.argv, start.env = line.argv, line.env


def _labels(start: Start) -> None:
    """Images and firmware variables belong to QEMU's user while the guest runs."""
    settings, vm = start.state.settings, start.vm
    start.private.undo.callback(lambda: labels.give_back(settings, vm.definition))
    labels.take(settings, vm.definition)
    reach("start-labels")


def _open_log(start: Start) -> None:
    log = LogFile(start.state.paths.log_file(start.vm.name))
    start.log = log
    caps = start.private.caps
    number = caps.version
    version = f"{number // 1000000}.{number // 1000 % 1000}.{number % 1000}{caps.package}"
    log.operation(VERSION_LINE, version)
    log.command(start.argv, start.env)


def _spawn(start: Start) -> HeldProcess:
    """From a held child to QEMU, which nobody can start a second time from then on."""
    private, state = start.private, start.state
    _devices(start)
    with private.stage("fork"):
        held = state.spawner.spawn(_spec(start), start.reserved)
    try:
        reach("start-spawned")
        with start.vm.lock:
            private.check_wanted()
            private.process = held.process
        path = state.paths.pid_file(start.vm.name)
        write_atomic(path, f"{held.pid}\n".encode(), 0o644, sync=False)
        held.prepare()
        threads.place_emulator(start.definition, held.pid)
        reach("start-held")
        held.go()
    except OSError as exc:
        _abort(start, held)
        raise system_error(exc.errno or 0, "cannot write the domain's pid file") from exc
    except BaseException:
        _abort(start, held)
        raise
    return held


def _meanwhile(start: Start) -> None:
    """What can be done while QEMU builds the machine. The status file has no pid yet: until it has,
    whoever comes after our death finds the process by the pid file and by what it is.
    """
    try:
        status.save(start.state, start.vm, backup=True)
    except OSError as exc:
        raise system_error(exc.errno or 0, "cannot write the domain's status") from exc


def _abort(start: Start, held: HeldProcess) -> None:
    """The child ends, what it may have become too; nobody has to end it any more."""
    with start.vm.lock:
        start.private.process = None
    held.abort()


def _devices(start: Start) -> None:
    """The devices of the host that QEMU may use."""
    definition, cgroup = start.definition, start.private.cgroup
    devices.apply(definition, cgroup, start.state.settings.cgroup_device_acl)
    for path in opened.paths(definition, start.state.view.fs).values():
        devices.allow(cgroup, path)


def _spec(start: Start) -> SpawnSpec:
    cgroup, settings = start.private.cgroup, start.state.settings
    user = start.identity
    assert start.log is not None and start.listener is not None
    numbers = [start.listener.fileno(), *start.all_fds()]
    if start.incoming is not None and start.incoming.fd is not None:
        numbers.append(start.incoming.fd)
    return SpawnSpec(
        argv=start.argv,
        env=start.env,
        stdout=start.log.fd,
        stderr=start.log.fd,
        pass_fds={fd: fd for fd in numbers},
        uid=user.uid if user is not None else None,
        gid=user.gid if user is not None else None,
        groups=user.groups() if user is not None else None,
        umask=0o002,
        rlimits=rlimits.of(start.definition, settings),
        cgroup=cgroup.paths.get(UNIFIED),
        cgroup_files=cgroup.joining(start.groups[threads.EMULATOR]),
    )


def _connect(start: Start) -> None:
    private, settings = start.private, start.state.settings
    worker = worker_for(start.state, start.vm)
    private.worker = worker
    start.asked = queries.early(start)
    try:
        private.monitor = Monitor.connect(
            private.monitor_path,
            name=start.vm.name,
            on_event=worker.event,
            on_eof=worker.eof,
            deadline=settings.connect_deadline,
            process=private.process,
            first=start.asked,
            deadlines=Deadlines(
                settings.query_deadline, settings.change_deadline, settings.block_deadline
            ),
        )
    except libvirtError as exc:
        raise last_words(start, exc) from exc
    start.vm.jobs.pending = private.monitor.pending
    if start.listener is not None:
        start.listener.close()  # QEMU's copy alone says now whether the monitor lives
        start.listener = None


def last_words(start: Start, exc: libvirtError) -> libvirtError:
    """The error of a QEMU that ended during the start: what it wrote says why."""
    process, log = start.private.process, start.log
    if isinstance(exc, QMPTimeout):
        return exc  # it has not ended
    if process is None or log is None or not process.wait(_LAST_WORDS):
        return exc
    process.wait_status(_LAST_WORDS)
    said = log.tail()
    text = "qemu unexpectedly closed the monitor"
    return errors.error(Code.INTERNAL_ERROR, f"{text}: {said}" if said else text)
