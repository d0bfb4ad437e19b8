# SPDX-License-Identifier: Apache-2.0
"""Domain states, their reasons and lifecycle events as data (libvirt-domain.h)."""

from enum import IntEnum


class State(IntEnum):
    """virDomainState."""

    NOSTATE = 0
    RUNNING = 1
    BLOCKED = 2
    PAUSED = 3
    SHUTDOWN = 4
    SHUTOFF = 5
    CRASHED = 6
    PMSUSPENDED = 7


class Running(IntEnum):
    """virDomainRunningReason."""

    UNKNOWN = 0
    BOOTED = 1
    MIGRATED = 2
    RESTORED = 3
    FROM_SNAPSHOT = 4
    UNPAUSED = 5
    MIGRATION_CANCELED = 6
    SAVE_CANCELED = 7
    WAKEUP = 8
    CRASHED = 9
    POSTCOPY = 10
    POSTCOPY_FAILED = 11


class Paused(IntEnum):
    """virDomainPausedReason."""

    UNKNOWN = 0
    USER = 1
    MIGRATION = 2
    SAVE = 3
    DUMP = 4
    IOERROR = 5
    WATCHDOG = 6
    FROM_SNAPSHOT = 7
    SHUTTING_DOWN = 8
    SNAPSHOT = 9
    CRASHED = 10
    STARTING_UP = 11
    POSTCOPY = 12
    POSTCOPY_FAILED = 13
    API_ERROR = 14


class Shutdown(IntEnum):
    """virDomainShutdownReason."""

    UNKNOWN = 0
    USER = 1


class Shutoff(IntEnum):
    """virDomainShutoffReason."""

    UNKNOWN = 0
    SHUTDOWN = 1
    DESTROYED = 2
    CRASHED = 3
    MIGRATED = 4
    SAVED = 5
    FAILED = 6
    FROM_SNAPSHOT = 7
    DAEMON = 8


class Crashed(IntEnum):
    """virDomainCrashedReason."""

    UNKNOWN = 0
    PANICKED = 1


class PMSuspended(IntEnum):
    """virDomainPMSuspendedReason."""

    UNKNOWN = 0


#: state -> the reasons it may have
REASONS: dict[State, type[IntEnum]] = {
    State.RUNNING: Running,
    State.PAUSED: Paused,
    State.SHUTDOWN: Shutdown,
    State.SHUTOFF: Shutoff,
    State.CRASHED: Crashed,
    State.PMSUSPENDED: PMSuspended,
}


def state_name(state: State) -> str:
    """The word libvirt writes into status files (virDomainState's string form)."""
    return _STATE_NAMES[state]


def reason_name(state: State, reason: int) -> str:
    """The word for a reason in status files."""
    kind = REASONS.get(state)
    if kind is None:
        return "unknown"
    return _REASON_WORDS.get((int(state), int(reason))) or kind(reason).name.lower().replace(
        "_", "-"
    )


def parse_state(name: str) -> State | None:
    """The state a status file names; None for a word nobody knows."""
    return _BY_STATE_NAME.get(name)


def parse_reason(state: State, name: str) -> int:
    """The reason a status file names, 0 (unknown) for a word nobody knows."""
    kind = REASONS.get(state)
    if kind is not None:
        for member in kind:
            if reason_name(state, member) == name:
                return int(member)
    return 0


_STATE_NAMES = {
    State.NOSTATE: "no state",
    State.RUNNING: "running",
    State.BLOCKED: "idle",
    State.PAUSED: "paused",
    State.SHUTDOWN: "in shutdown",
    State.SHUTOFF: "shut off",
    State.CRASHED: "crashed",
    State.PMSUSPENDED: "pmsuspended",
}
_BY_STATE_NAME = {name: state for state, name in _STATE_NAMES.items()}
#: words of libvirt that are not the constant's name in lower case
_REASON_WORDS: dict[tuple[int, int], str] = {
    (State.RUNNING, Running.FROM_SNAPSHOT): "from snapshot",
    (State.RUNNING, Running.MIGRATION_CANCELED): "migration canceled",
    (State.RUNNING, Running.SAVE_CANCELED): "save canceled",
    (State.RUNNING, Running.POSTCOPY): "post-copy",
    (State.RUNNING, Running.POSTCOPY_FAILED): "post-copy failed",
    (State.PAUSED, Paused.FROM_SNAPSHOT): "from snapshot",
    (State.PAUSED, Paused.SHUTTING_DOWN): "shutdown",
    (State.PAUSED, Paused.STARTING_UP): "starting up",
    (State.PAUSED, Paused.POSTCOPY): "post-copy",
    (State.PAUSED, Paused.POSTCOPY_FAILED): "post-copy failed",
    (State.PAUSED, Paused.API_ERROR): "api error",
    (State.SHUTOFF, Shutoff.FROM_SNAPSHOT): "from snapshot",
}


class Life(IntEnum):
    """virDomainEventType."""

    DEFINED = 0
    UNDEFINED = 1
    STARTED = 2
    SUSPENDED = 3
    RESUMED = 4
    STOPPED = 5
    SHUTDOWN = 6
    PMSUSPENDED = 7
    CRASHED = 8


class Detail:
    """Details of lifecycle events, by event (virDomainEvent*DetailType)."""

    DEFINED_ADDED = 0
    DEFINED_UPDATED = 1
    DEFINED_RENAMED = 2
    DEFINED_FROM_SNAPSHOT = 3
    UNDEFINED_REMOVED = 0
    UNDEFINED_RENAMED = 1
    STARTED_BOOTED = 0
    STARTED_MIGRATED = 1
    STARTED_RESTORED = 2
    STARTED_FROM_SNAPSHOT = 3
    STARTED_WAKEUP = 4
    SUSPENDED_PAUSED = 0
    SUSPENDED_MIGRATED = 1
    SUSPENDED_IOERROR = 2
    SUSPENDED_WATCHDOG = 3
    SUSPENDED_RESTORED = 4
    SUSPENDED_FROM_SNAPSHOT = 5
    SUSPENDED_API_ERROR = 6
    SUSPENDED_POSTCOPY = 7
    SUSPENDED_POSTCOPY_FAILED = 8
    RESUMED_UNPAUSED = 0
    RESUMED_MIGRATED = 1
    RESUMED_FROM_SNAPSHOT = 2
    RESUMED_POSTCOPY = 3
    RESUMED_POSTCOPY_FAILED = 4
    STOPPED_SHUTDOWN = 0
    STOPPED_DESTROYED = 1
    STOPPED_CRASHED = 2
    STOPPED_MIGRATED = 3
    STOPPED_SAVED = 4
    STOPPED_FAILED = 5
    STOPPED_FROM_SNAPSHOT = 6
    SHUTDOWN_FINISHED = 0
    SHUTDOWN_GUEST = 1
    SHUTDOWN_HOST = 2
    PMSUSPENDED_MEMORY = 0
    PMSUSPENDED_DISK = 1
    CRASHED_PANICKED = 0
    CRASHED_CRASHLOADED = 1


class EventID(IntEnum):
    """virDomainEventID."""

    LIFECYCLE = 0
    REBOOT = 1
    RTC_CHANGE = 2
    WATCHDOG = 3
    IO_ERROR = 4
    GRAPHICS = 5
    IO_ERROR_REASON = 6
    CONTROL_ERROR = 7
    BLOCK_JOB = 8
    DISK_CHANGE = 9
    TRAY_CHANGE = 10
    PMWAKEUP = 11
    PMSUSPEND = 12
    BALLOON_CHANGE = 13
    PMSUSPEND_DISK = 14
    DEVICE_REMOVED = 15
    BLOCK_JOB_2 = 16
    TUNABLE = 17
    AGENT_LIFECYCLE = 18
    DEVICE_ADDED = 19
    MIGRATION_ITERATION = 20
    JOB_COMPLETED = 21
    DEVICE_REMOVAL_FAILED = 22
    METADATA_CHANGE = 23
    BLOCK_THRESHOLD = 24
    MEMORY_FAILURE = 25
    MEMORY_DEVICE_SIZE_CHANGE = 26
