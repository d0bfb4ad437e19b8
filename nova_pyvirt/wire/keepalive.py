# SPDX-License-Identifier: Apache-2.0
"""The keepalive program's clockwork: when to ping, when the peer is dead. No I/O.

As libvirt counts (virkeepalive.c): any packet is a sign of life; after `interval` seconds of
silence a ping goes out; when `count` pings stayed unanswered for another interval, the peer is
dead.
"""

from enum import Enum
from typing import Final

from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.packet import Kind, pack

PING: Final = pack(protocol.KEEPALIVE, protocol.PING, Kind.MESSAGE, 0)
PONG: Final = pack(protocol.KEEPALIVE, protocol.PONG, Kind.MESSAGE, 0)


class Action(Enum):
    NOTHING = "nothing"
    PING = "ping"
    DEAD = "dead"


class Keepalive:
    """One side's watch over the other.

    :param interval: seconds; <= 0 switches the watch off
    :param count: unanswered pings allowed
    :param now: monotonic seconds
    """

    def __init__(self, interval: float, count: int, now: float) -> None:
        self.interval = interval
        self.count = count
        self._left = count
        self._seen = now
        self._pinged = now

    @property
    def enabled(self) -> bool:
        return self.interval > 0

    def alive(self, now: float) -> None:
        """A packet came."""
        self._seen = now
        self._left = self.count

    def due(self) -> float:
        """When `tick` wants to be called next (monotonic seconds)."""
        return max(self._seen, self._pinged) + self.interval

    def tick(self, now: float) -> Action:
        """What to do now."""
        if not self.enabled or now < self.due():
            return Action.NOTHING
        if self._left <= 0:
            return Action.DEAD
        self._left -= 1
        self._pinged = now
        return Action.PING
