# SPDX-License-Identifier: Apache-2.0
"""Guests that start with the host: once for each boot, some at a time, in the background.

What has been tried is written down before it is: a guest that somebody has ended meanwhile is not
started again when our process is.
"""

import logging
from functools import partial

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.host.identity import boot_id
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.ops import lifecycle
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.files import read_private, write_atomic
from nova_pyvirt.util.native import os, threading
from nova_pyvirt.util.parallel import run_all

LOG = logging.getLogger(__name__)
_DONE = "done"


class Autostart:
    """The autostart of one driver state. :meth:`end` lets the starts under way end."""

    def __init__(self, state: QemuState) -> None:
        self._state = state
        self._stamp = f"{state.paths.state_dir}/autostarted"
        self._lock = threading.Lock()
        self._cancelled = False
        self._tried: list[str] = []
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Starts what has not been tried since the host booted; does not wait for it."""
        tried = self._read()
        if _DONE in tried:
            return
        self._tried = tried
        wanted = [
            vm
            for vm in self._state.domains
            if vm.autostart and not vm.active and f"+{vm.name}" not in tried
        ]
        if not wanted:
            self._write(_DONE)
            return
        self._thread = threading.Thread(
            target=self._run, args=(wanted,), name="autostart", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """No more starts; those that have not begun are left to the next process."""
        self._cancelled = True
        if self._thread is not None:
            self._thread.join()

    def _run(self, wanted: list[DomainObj]) -> None:
        limit = self._state.settings.autostart_parallel
        run_all([partial(self._start, vm) for vm in wanted], limit, "autostart")
        if not self._cancelled:
            self._write(_DONE)

    def _start(self, vm: DomainObj) -> None:
        if self._cancelled:
            return
        self._write(f"+{vm.name}")
        bypass = self._state.settings.auto_start_bypass_cache
        try:
            lifecycle.create(self._state, None, vm.ref, lifecycle.BYPASS_CACHE if bypass else 0)
        except libvirtError as exc:
            LOG.error("autostart of domain %s failed: %s", vm.name, exc)

    def _read(self) -> list[str]:
        """What has been tried since the host booted."""
        try:
            lines = read_private(self._stamp).decode(errors="surrogateescape").splitlines()
        except OSError:
            return []
        return lines[1:] if lines[:1] == [boot_id()] else []

    def _write(self, line: str) -> None:
        with self._lock:
            self._tried.append(line)
            text = "\n".join([boot_id(), *self._tried, ""])
            try:
                write_atomic(self._stamp, text.encode(errors="surrogateescape"))
            except OSError as exc:
                LOG.warning("%s cannot be written: %s", os.path.basename(self._stamp), exc)
