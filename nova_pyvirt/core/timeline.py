# SPDX-License-Identifier: Apache-2.0
"""What took how long in a start: stages, nested, by the clock."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from xml.sax.saxutils import quoteattr

from lxml import etree

from nova_pyvirt.util.native import time


@dataclass(slots=True)
class Stage:
    """One stage.

    :ivar depth: 0 for the outermost
    :ivar begin: seconds since the start began
    :ivar seconds: how long it took; None while it is under way
    :ivar failed: an error ended it
    """

    name: str
    depth: int
    begin: float
    seconds: float | None = None
    failed: bool = False


@dataclass(slots=True)
class Timeline:
    """The stages of one start or end, in the order in which they began.

    Written by the start's own thread; others read a copy through :meth:`row`.

    :ivar begun: seconds since the epoch
    :ivar ended: seconds after `begun`; None while it is under way
    :ivar error: what the start failed with, "" when it did not
    """

    begun: float = field(default_factory=time.time)
    stages: list[Stage] = field(default_factory=list)
    ended: float | None = None
    error: str = ""
    _clock: float = field(default_factory=time.monotonic)
    _depth: int = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Notes the time of what is done inside."""
        stage = Stage(name, self._depth, self._now())
        self.stages.append(stage)
        self._depth += 1
        try:
            yield
        except BaseException:
            stage.failed = True
            raise
        finally:
            self._depth -= 1
            stage.seconds = self._now() - stage.begin

    def end(self, error: str = "") -> None:
        """The start is over."""
        self.ended, self.error = self._now(), error

    def _now(self) -> float:
        return time.monotonic() - self._clock

    def row(self) -> dict[str, Any]:
        """begun, seconds, outcome ("under way", "done", "failed"), error, stages."""
        now = self._now() if self.ended is None else self.ended
        outcome = "under way" if self.ended is None else "failed" if self.error else "done"
        return {
            "begun": self.begun,
            "seconds": now,
            "outcome": outcome,
            "error": self.error,
            "stages": [asdict(stage) for stage in list(self.stages)],
        }

    def xml(self) -> str:
        """The element of a status file; stages under way are left out."""
        rows = [
            f"  <stage name={quoteattr(one.name)} depth='{one.depth}' begin='{one.begin:.6f}'"
            f" seconds='{one.seconds:.6f}'/>"
            for one in list(self.stages)
            if one.seconds is not None
        ]
        return "\n".join([f"<timeline begun='{self.begun:.6f}'>", *rows, "</timeline>"])

    @classmethod
    def load(cls, elements: Sequence[etree._Element]) -> "Timeline":
        """The timeline of a start that ended long ago, among a status file's elements; one without
        stages when the file has none.
        """
        made = cls()
        for node in elements:
            if node.tag == "timeline":
                made.begun = float(node.get("begun", made.begun))
                made.stages = [_stage(one) for one in node.iterfind("stage")]
        made.ended = max((one.begin + (one.seconds or 0.0) for one in made.stages), default=0.0)
        return made


def _stage(node: etree._Element) -> Stage:
    return Stage(
        node.get("name", ""),
        int(node.get("depth", 0)),
        float(node.get("begin", 0)),
        float(node.get("seconds", 0)),
    )
