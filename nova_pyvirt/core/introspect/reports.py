# SPDX-License-Identifier: Apache-2.0
"""The process's tables: each part of the program that has something to tell adds its rows.

Who shows them: the operator's tool through the socket of a state directory, the metrics, and the
Guru Meditation Report. Rows are plain JSON and hold no secrets; making them never waits for a guest.
"""

import sys
from collections.abc import Callable
from typing import Any, Final

from nova_pyvirt.util.native import os, threading, time
from nova_pyvirt.version import version_string

Row = dict[str, Any]
Source = Callable[[], list[Row]]

#: the tables, in the order in which they are shown
KINDS: Final = ("process", "domains", "jobs", "monitors", "sessions", "workers", "starts", "stops")
_BEGUN: Final = time.time()


class Reports:
    """Sources of rows by the kind of table."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may come in between
        self._sources: dict[str, list[Source]] = {}

    def add(self, sources: dict[str, Source]) -> Callable[[], None]:
        """Adds sources by kind; the result takes them away again."""
        with self._lock:
            for kind, source in sources.items():
                self._sources.setdefault(kind, []).append(source)

        def remove() -> None:
            with self._lock:
                for kind, source in sources.items():
                    if source in self._sources.get(kind, ()):
                        self._sources[kind].remove(source)

        return remove

    def collect(self, kind: str) -> list[Row]:
        """All rows of a table; [] for one that nobody fills."""
        with self._lock:
            sources = list(self._sources.get(kind, ()))
        return [row for source in sources for row in source()]


def process() -> list[Row]:
    """The one row about the process itself."""
    return [
        {
            "pid": os.getpid(),
            "program": os.path.basename(sys.argv[0]) if sys.argv else "",
            "version": version_string(),
            "python": sys.version.split()[0],
            "uid": os.geteuid(),
            "begun": _BEGUN,
            "threads": len(os.listdir("/proc/self/task")),
            "descriptors": len(os.listdir("/proc/self/fd")),
        }
    ]


REPORTS: Final = Reports()
REPORTS.add({"process": process})
