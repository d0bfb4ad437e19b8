# SPDX-License-Identifier: Apache-2.0
"""Processes beside QEMU that serve one of its devices: swtpm, virtiofsd.

Their sockets are ours, listening before they run: QEMU's connect never races, nobody polls. They end
by themselves when QEMU goes away; what has not ended with the run is ended.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from signal import SIGTERM
from typing import Final

from nova_pyvirt.errors import system_error
from nova_pyvirt.hypervisors.qemu.process import Process, SpawnSpec
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.files import unlink, write_atomic
from nova_pyvirt.util.native import os, socket

#: seconds for one to end when it is told to
END_DEADLINE: Final = 5.0
ENV: Final = {
    "LC_ALL": "C",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


@dataclass(frozen=True)
class Beside:
    """One such process of one run.

    :ivar program: its name, as the kernel shows it
    :ivar path: of the socket, where QEMU finds it
    :ivar pid_file: for whoever takes the guest over
    """

    program: str
    path: str
    pid_file: str

    def run(self, state: QemuState, undo: ExitStack, spec: Callable[[int], SpawnSpec]) -> None:
        """Starts it.

        :param undo: what ends it
        :param spec: what to run, given the number of the listening socket
        :raises libvirtError: SYSTEM_ERROR when it can't be run
        """
        listener = self._listen(state, undo)
        try:
            held = state.spawner.spawn(spec(listener.fileno()))
            undo.callback(unlink, self.pid_file)
            try:
                write_atomic(self.pid_file, f"{held.pid}\n".encode(), 0o644, sync=False)
            except OSError as exc:
                held.abort()
                raise system_error(exc.errno or 0, f"cannot write '{self.pid_file}'") from exc
            undo.callback(end, held.release())
        finally:
            listener.close()

    def take_over(self, undo: ExitStack) -> None:
        """That of a guest which runs already; a pid that has become another process' is left alone.

        :param undo: what is given back when the run ends
        """
        undo.callback(unlink, self.path)
        undo.callback(unlink, self.pid_file)
        try:
            with open(self.pid_file, encoding="ascii") as file:
                pid = int(file.read())
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                ours = file.read().strip() == self.program
        except (OSError, ValueError):
            return
        process = Process.adopt(pid) if ours else None
        if process is not None:
            undo.callback(end, process)

    def _listen(self, state: QemuState, undo: ExitStack) -> socket.socket:
        """The socket, QEMU's user's to connect to."""
        settings = state.settings
        unlink(self.path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(self.path)
            undo.callback(unlink, self.path)
            listener.listen(1)
            os.chmod(self.path, 0o600)
            if settings.uid is not None and settings.gid is not None:
                os.chown(self.path, settings.uid, settings.gid)
        except OSError as exc:
            listener.close()
            detail = f"Unable to bind to UNIX socket path '{self.path}'"
            raise system_error(exc.errno or 0, detail) from exc
        return listener


def run_name(lib_dir: str) -> str:
    """A run's name in files, from its own directory's."""
    return os.path.basename(lib_dir).removeprefix("domain-")


def end(process: Process) -> None:
    """Ends one that hasn't ended with its QEMU."""
    if not process.wait(0):
        process.signal(SIGTERM)
        process.wait(END_DEADLINE)
    process.close()
