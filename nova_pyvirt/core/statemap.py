# SPDX-License-Identifier: Apache-2.0
"""Which state may follow which, for what reason and with which event: data, and nothing else.

The diagram in doc/source/internals/states.rst is made from it (tools/gen_states.py).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from nova_pyvirt.core.states import (
    Crashed,
    Detail,
    Life,
    Paused,
    PMSuspended,
    Running,
    Shutdown,
    Shutoff,
    State,
)

#: the event of a step: its kind, its detail; None = no event of this step's own
Told = tuple[Life, int] | None


@dataclass(frozen=True, slots=True)
class Step:
    """One way from a state to a state.

    :ivar reason: what the state's reason is then
    :ivar cause: what happened, in a few words
    """

    source: State
    target: State
    reason: IntEnum
    cause: str
    told: Told = None


_OFF, _ON, _STILL = State.SHUTOFF, State.RUNNING, State.PAUSED
_ENDING, _DEAD, _ASLEEP = State.SHUTDOWN, State.CRASHED, State.PMSUSPENDED
_ACTIVE: Final = (_ON, _STILL, _ENDING, _DEAD, _ASLEEP)


def _suspended(detail: int) -> Told:
    return Life.SUSPENDED, detail


def _resumed(detail: int) -> Told:
    return Life.RESUMED, detail


def _stopped(detail: int) -> Told:
    return Life.STOPPED, detail


_START = (
    Step(_OFF, _STILL, Paused.STARTING_UP, "a start begins"),
    Step(_STILL, _STILL, Paused.USER, "started paused", _suspended(Detail.SUSPENDED_PAUSED)),
    Step(_STILL, _STILL, Paused.MIGRATION, "its memory has come from elsewhere"),
    Step(_STILL, _ON, Running.BOOTED, "its CPUs run", _resumed(Detail.RESUMED_UNPAUSED)),
)
#: why a running guest stands still
_PAUSES = tuple(
    Step(_ON, _STILL, reason, cause, _suspended(detail))
    for reason, cause, detail in (
        (Paused.UNKNOWN, "QEMU has stopped it by itself", Detail.SUSPENDED_PAUSED),
        (Paused.USER, "suspend", Detail.SUSPENDED_PAUSED),
        (Paused.MIGRATION, "it moves to another host", Detail.SUSPENDED_MIGRATED),
        (Paused.SAVE, "its memory is saved", Detail.SUSPENDED_PAUSED),
        (Paused.DUMP, "its memory is dumped", Detail.SUSPENDED_PAUSED),
        (Paused.IOERROR, "a disk has failed", Detail.SUSPENDED_IOERROR),
        (Paused.WATCHDOG, "its watchdog has expired", Detail.SUSPENDED_WATCHDOG),
        (Paused.FROM_SNAPSHOT, "it is put back", Detail.SUSPENDED_FROM_SNAPSHOT),
        (Paused.SHUTTING_DOWN, "it has powered off and boots again", Detail.SUSPENDED_PAUSED),
        (Paused.SNAPSHOT, "a snapshot is taken", Detail.SUSPENDED_PAUSED),
        (Paused.POSTCOPY, "the rest of its memory follows", Detail.SUSPENDED_POSTCOPY),
        (
            Paused.POSTCOPY_FAILED,
            "the rest of its memory can't follow",
            Detail.SUSPENDED_POSTCOPY_FAILED,
        ),
        (Paused.API_ERROR, "it could not be resumed", Detail.SUSPENDED_API_ERROR),
    )
)
#: why a guest that stands still runs
_RESUMES = tuple(
    Step(_STILL, _ON, reason, cause, _resumed(detail))
    for reason, cause, detail in (
        (Running.UNPAUSED, "resume", Detail.RESUMED_UNPAUSED),
        (Running.MIGRATED, "it has moved here", Detail.RESUMED_MIGRATED),
        (Running.RESTORED, "restored from a file", Detail.RESUMED_FROM_SNAPSHOT),
        (Running.FROM_SNAPSHOT, "put back to a snapshot", Detail.RESUMED_FROM_SNAPSHOT),
        (Running.MIGRATION_CANCELED, "it stays here after all", Detail.RESUMED_UNPAUSED),
        (Running.SAVE_CANCELED, "it is not saved after all", Detail.RESUMED_UNPAUSED),
        (Running.CRASHED, "it boots again after a panic", Detail.RESUMED_UNPAUSED),
        (Running.POSTCOPY, "it runs while its memory follows", Detail.RESUMED_POSTCOPY),
        (
            Running.POSTCOPY_FAILED,
            "it runs without the rest of its memory",
            Detail.RESUMED_POSTCOPY_FAILED,
        ),
    )
)
_PANIC_TOLD: Told = (Life.CRASHED, Detail.CRASHED_PANICKED)
_PANICS = (
    Step(_ON, _DEAD, Crashed.PANICKED, "the guest panics", _PANIC_TOLD),
    Step(_STILL, _DEAD, Crashed.PANICKED, "the guest has panicked", _PANIC_TOLD),
    Step(_DEAD, _STILL, Paused.CRASHED, "reset"),
    Step(_DEAD, _ON, Running.UNPAUSED, "resume", _resumed(Detail.RESUMED_UNPAUSED)),
    Step(_DEAD, _ON, Running.CRASHED, "on_crash restart", _resumed(Detail.RESUMED_UNPAUSED)),
)
_SLEEPS = (
    Step(_ON, _ASLEEP, PMSuspended.UNKNOWN, "the guest sleeps",
         (Life.PMSUSPENDED, Detail.PMSUSPENDED_MEMORY)),
    Step(_ASLEEP, _ON, Running.WAKEUP, "the guest wakes", (Life.STARTED, Detail.STARTED_WAKEUP)),
)  # fmt: skip
_SHUTDOWNS = tuple(
    Step(source, _ENDING, Shutdown.UNKNOWN, "the guest powers off, or QEMU is told to end",
         (Life.SHUTDOWN, Detail.SHUTDOWN_GUEST))
    for source in _ACTIVE
    if source is not _ENDING
)  # fmt: skip
#: how a run ends, from whatever state
_ENDS = tuple(
    Step(source, _OFF, reason, cause, None if detail is None else _stopped(detail))
    for reason, cause, detail in (
        (Shutoff.SHUTDOWN, "it has powered off", Detail.STOPPED_SHUTDOWN),
        (Shutoff.DESTROYED, "destroy", Detail.STOPPED_DESTROYED),
        (Shutoff.CRASHED, "QEMU has died, or the guest has", Detail.STOPPED_FAILED),
        (Shutoff.MIGRATED, "it runs on another host", Detail.STOPPED_MIGRATED),
        (Shutoff.SAVED, "it is saved", Detail.STOPPED_SAVED),
        (Shutoff.FAILED, "its start has failed", None),
        (Shutoff.FROM_SNAPSHOT, "it is put back to a snapshot", Detail.STOPPED_FROM_SNAPSHOT),
        (Shutoff.DAEMON, "its start was cut off with the manager", None),
    )
    for source in _ACTIVE
)
#: what a manager finds when it begins
_FOUND = tuple(
    Step(_OFF, target, reason, "found running by a new manager")
    for target, reason in (
        (_ON, Running.UNKNOWN),
        (_STILL, Paused.UNKNOWN),
        (_ENDING, Shutdown.UNKNOWN),
        (_DEAD, Crashed.PANICKED),
        (_ASLEEP, PMSuspended.UNKNOWN),
    )
)
STEPS: Final = (
    *_START, *_PAUSES, *_RESUMES, *_PANICS, *_SLEEPS, *_SHUTDOWNS, *_ENDS, *_FOUND,
)  # fmt: skip
_PAIRS: Final = frozenset((step.source, step.target) for step in STEPS)
_REASONS: Final = {
    target: frozenset(int(step.reason) for step in STEPS if step.target is target)
    for target in State
}


def legal(source: State, target: State, reason: int) -> bool:
    """Whether a domain may go from one state to another, with that reason.

    A reason may be put right while the state stays; one that a new manager found in a status file
    is as good as when it was written.
    """
    if source is not target and (source, target) not in _PAIRS:
        return False
    known = _REASONS[target]
    return not known or reason in known or reason == 0
