# SPDX-License-Identifier: Apache-2.0
"""Type aliases that libvirt-python has and programs beside it (libvirtaio) name."""

from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")
_EventCB = Callable[[int, int, int, _T], None]
_EventAddHandleFunc = Callable[[int, int, _EventCB[_T], _T], int]
_EventUpdateHandleFunc = Callable[[int, int], None]
_EventRemoveHandleFunc = Callable[[int], int]
_TimerCB = Callable[[int, _T], None]
_EventAddTimeoutFunc = Callable[[int, _TimerCB[_T], _T], int]
_EventUpdateTimeoutFunc = Callable[[int, int], None]
_EventRemoveTimeoutFunc = Callable[[int], int]
_DomainCB = Callable[["Any", "Any", int, int, _T], int | None]
_BlkioParameter = dict[str, Any]
_MemoryParameter = dict[str, Any]
_SchedParameter = dict[str, Any]
_TypedParameter = dict[str, Any]

__all__ = [
    "_T",
    "_BlkioParameter",
    "_DomainCB",
    "_EventAddHandleFunc",
    "_EventAddTimeoutFunc",
    "_EventCB",
    "_EventRemoveHandleFunc",
    "_EventRemoveTimeoutFunc",
    "_EventUpdateHandleFunc",
    "_EventUpdateTimeoutFunc",
    "_MemoryParameter",
    "_SchedParameter",
    "_TimerCB",
    "_TypedParameter",
]
