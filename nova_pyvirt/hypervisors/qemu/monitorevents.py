# SPDX-License-Identifier: Apache-2.0
"""QEMU's own events for those who want them raw (virConnectDomainQemuMonitorEventRegister)."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code
from nova_pyvirt.util.native import threading

REGEX, NOCASE = 1, 2
Callback = Callable[[DomainRef, str, int, int, str | None], None]


@dataclass(frozen=True, slots=True)
class _Subscription:
    owner: object
    uuid: bytes | None
    wanted: "re.Pattern[str] | None"
    callback: Callback


class MonitorEvents:
    """The subscribers of one driver. Callbacks only enqueue."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0
        self._held: dict[int, _Subscription] = {}

    def register(
        self, owner: object, uuid: bytes | None, event: str | None, flags: int, callback: Callback
    ) -> int:
        """Adds a subscriber.

        :param owner: the connection it belongs to
        :param event: QEMU's name, with REGEX an expression; None = all
        :returns: the number to deregister it with
        :raises libvirtError: INVALID_ARG for an expression that is none
        """
        wanted = None if event is None else _pattern(event, flags)
        with self._lock:
            ident = self._next
            self._next += 1
            self._held[ident] = _Subscription(owner, uuid, wanted, callback)
            return ident

    def deregister(self, ident: int) -> None:
        """:raises libvirtError: INVALID_ARG when nobody has that number"""
        with self._lock:
            if self._held.pop(ident, None) is None:
                raise errors.error(Code.INVALID_ARG, f"could not find event callback {ident}")

    def drop_owner(self, owner: object) -> None:
        """Forgets every subscription of a closed connection."""
        with self._lock:
            for ident in [i for i, held in self._held.items() if held.owner is owner]:
                del self._held[ident]

    def emit(self, ref: DomainRef, name: str, data: Mapping[str, Any], when: float) -> None:
        """Hands an event over.

        :param when: seconds since the epoch
        """
        if not self._held:
            return
        with self._lock:
            chosen = [
                held.callback
                for held in self._held.values()
                if (held.uuid is None or held.uuid == ref.uuid)
                and (held.wanted is None or held.wanted.search(name))
            ]
        seconds, micros = divmod(round(when * 1_000_000), 1_000_000)
        details = json.dumps(data, separators=(",", ":")) if data else None
        for callback in chosen:
            callback(ref, name, seconds, micros, details)


def _pattern(event: str, flags: int) -> "re.Pattern[str]":
    options = re.IGNORECASE if flags & NOCASE else 0
    if not flags & REGEX:
        return re.compile(rf"\A{re.escape(event)}\Z", options)
    try:
        return re.compile(event, options)
    except re.error as exc:
        detail = f"failed to compile regex '{event}': {exc}"
        raise errors.error(Code.INVALID_ARG, detail) from None
