# SPDX-License-Identifier: Apache-2.0
"""Sending the host to sleep (virnodesuspend.c), by systemd."""

import logging
from typing import Final

from nova_pyvirt.core.host.identity import suspend_targets
from nova_pyvirt.core.host.program import run
from nova_pyvirt.core.host.sysfs import HostFs
from nova_pyvirt.errors import Code, From, check_flags, error, libvirtError
from nova_pyvirt.util.native import threading

LOG = logging.getLogger(__name__)
#: VIR_NODE_SUSPEND_TARGET_*: (name among the capabilities, words of the refusal, systemctl's verb)
_TARGETS: Final = (
    ("suspend_mem", "Suspend-to-RAM", "suspend"),
    ("suspend_disk", "Suspend-to-Disk", "hibernate"),
    ("suspend_hybrid", "Hybrid-Suspend", "hybrid-sleep"),
)
#: seconds until it begins: the caller gets an answer before
_DELAY: Final = 10.0
#: seconds that the shortest sleep takes
_SHORTEST: Final = 60


class Sleep:
    """The host's sleep: one at a time.

    :param delay: seconds between the call and the sleep
    """

    def __init__(self, delay: float = _DELAY) -> None:
        self._delay = delay
        self._lock = threading.Lock()
        self._coming: threading.Timer | None = None

    def suspend(self, fs: HostFs, target: int, duration: int, flags: int = 0) -> None:
        """virNodeSuspendForDuration: sets the alarm that wakes the host, and lets it sleep soon.

        :param duration: seconds until it wakes
        :raises libvirtError: ARGUMENT_UNSUPPORTED when the host can't; INVALID_ARG;
            OPERATION_INVALID while another sleep is coming; INTERNAL_ERROR for the alarm
        """
        check_flags(flags, 0, "virNodeSuspend")
        with self._lock:
            if self._coming is not None:
                raise _refusal(Code.OPERATION_INVALID, "Suspend operation already in progress")
            if target >= len(_TARGETS):
                raise _refusal(Code.INVALID_ARG, "Invalid suspend target")
            name, words, verb = _TARGETS[target]
            if name not in suspend_targets(fs):
                raise _refusal(Code.ARGUMENT_UNSUPPORTED, words)
            if duration < _SHORTEST:
                detail = f"Suspend duration is too short, must be at least {_SHORTEST} seconds"
                raise _refusal(Code.INVALID_ARG, detail)
            run(["rtcwake", "-m", "no", "-s", str(duration)])
            self._coming = threading.Timer(self._delay, self._sleep, [verb])
            self._coming.daemon = True
            self._coming.start()

    def _sleep(self, verb: str) -> None:
        try:
            run(["systemctl", verb])
        except (libvirtError, OSError) as exc:  # nobody waits for this thread
            LOG.warning("Failed to suspend the host: %s", exc)
        finally:
            with self._lock:
                self._coming = None


SLEEP: Final = Sleep()


def _refusal(code: Code, detail: str) -> Exception:
    return error(code, detail, domain=From.NONE)
