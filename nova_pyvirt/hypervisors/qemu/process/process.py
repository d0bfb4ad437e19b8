# SPDX-License-Identifier: Apache-2.0
"""A QEMU process held by a pidfd: it is waited for and signalled, never by its bare number."""

import signal as signals
from collections.abc import Callable

from nova_pyvirt.errors import system_error
from nova_pyvirt.util import loop, procstat
from nova_pyvirt.util.native import Future, os, select, threading


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot (/proc/PID/stat field 22); None: gone.

    The pair (pid, start time) names one process for as long as the host is up.
    """
    try:
        return int(procstat.read(pid)[procstat.START])
    except (FileNotFoundError, ProcessLookupError):
        return None


class Process:
    """One process. The object owns the pidfd; :meth:`close` lets go of it, not of the process.

    :param pid: for messages, status files and cgroups
    :param pidfd: what everything is done through
    :param started: clock ticks since boot, as `start_time` gives it
    """

    def __init__(self, pid: int, pidfd: int, started: int) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.start_time = started
        self._status: Future[int | None] = Future()
        self._callbacks: list[Callable[[], object]] = []
        self._watched = False
        self._guard = threading.Lock()

    @classmethod
    def adopt(cls, pid: int, started: int | None = None) -> "Process | None":
        """Takes over a process that somebody else started.

        :param started: its start time as written down then; None believes the pid alone
        :returns: None when there is no such process now, or it is another one
        """
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        except OSError as err:
            raise system_error(err.errno or 0, f"cannot open process {pid}") from err
        now = start_time(pid)
        if now is None or (started is not None and now != started) or _exited(pidfd, 0):
            os.close(pidfd)
            return None
        return cls(pid, pidfd, now)

    def alive(self) -> bool:
        return not self.wait(0)

    def wait(self, deadline: float | None = None) -> bool:
        """Waits until the process has ended; False when it has not.

        :param deadline: seconds; None waits for ever
        """
        with self._guard:  # a copy: close() on another thread would leave us a stranger's number
            if self.pidfd < 0:
                return True
            pidfd = os.dup(self.pidfd)
        try:
            return _exited(pidfd, deadline)
        finally:
            os.close(pidfd)

    def signal(self, number: int) -> bool:
        """Sends a signal; False when the process has ended already, or was let go of.

        :raises libvirtError: SYSTEM_ERROR, not allowed
        """
        try:
            with self._guard:
                if self.pidfd < 0:
                    return False
                signals.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return False
        except OSError as err:
            raise system_error(err.errno or 0, f"failed to signal process {self.pid}") from err
        return True

    def wait_status(self, deadline: float | None = None) -> int | None:
        """The wait status, waited for; None when it is not known within `deadline` seconds.

        It comes from the spawn helper, a moment after `wait` returns. An adopted process has none.
        """
        try:
            return self._status.result(deadline)
        except TimeoutError:
            return None

    def set_status(self, status: int | None) -> None:
        """The spawn helper reaped the process; None: it ended first, nobody will know."""
        self._status.set_result(status)

    def on_exit(self, callback: Callable[[], object]) -> None:
        """Calls callback() once, on the loop's thread, when the process has ended."""
        with self._guard:
            self._callbacks.append(callback)
            watch, self._watched = not self._watched, True
        if watch:
            loop.get().add_reader(self.pidfd, self._exited)

    def forget_exit(self, callback: Callable[[], object]) -> None:
        """Takes back on_exit; a callback that was called already is no error."""
        with self._guard:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

    def _exited(self) -> None:
        loop.get().remove_reader(self.pidfd)
        with self._guard:
            callbacks, self._callbacks = self._callbacks, []
            self._watched = False
        for callback in callbacks:
            callback()

    def close(self) -> None:
        """Gives up the pidfd. The process is left as it is; callbacks are no longer called."""
        with self._guard:
            pidfd, self.pidfd = self.pidfd, -1
            watched, self._watched = self._watched, False
            self._callbacks = []
        if watched:
            loop.get().remove_reader(pidfd)
        if pidfd >= 0:
            os.close(pidfd)

    def __repr__(self) -> str:
        return f"<Process {self.pid} started {self.start_time}>"


def _exited(pidfd: int, deadline: float | None) -> bool:
    """A pidfd becomes readable when its process ends."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(None if deadline is None else deadline * 1000))
