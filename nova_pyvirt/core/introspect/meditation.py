# SPDX-License-Identifier: Apache-2.0
"""The tables in a Guru Meditation Report (oslo.reports), beside its threads and configuration.

oslo.reports is imported when a report is made, or when somebody else in the process uses it (nova
makes one of the whole nova-compute on SIGUSR2): it costs memory that nobody needs before.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from nova_pyvirt.core.introspect.reports import REPORTS, Row
from nova_pyvirt.util.native import time
from nova_pyvirt.version import version_string

#: table: its heading and columns
SECTIONS: Final = {
    "domains": (
        "Domains",
        ("id", "domain", "uuid", "state", "reason", "vcpus", "memory_kib", "pid", "since"),
    ),
    "jobs": (
        "Jobs",
        ("domain", "lane", "job", "holder", "age", "waiting", "command", "command_age"),
    ),
    "monitors": (
        "Monitors",
        ("id", "domain", "pid", "state", "qemu", "pending", "command", "command_age"),
    ),
    "sessions": (
        "Sessions",
        ("id", "service", "user", "pid", "address", "readonly", "since", "calls", "queued"),
    ),
    "workers": ("Workers", ("server", "nWorkers", "freeWorkers", "prioWorkers", "jobQueueDepth")),
}
_TIMES: Final = ("since", "begun")


def text_table(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Columns of equal width, a line a row; "none" without rows."""
    if not rows:
        return "none"
    cells = [list(columns), *([_cell(name, row.get(name)) for name in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _cell(name: str, value: Any) -> str:
    if value is None or value == "":
        return "-"
    if name in _TIMES:
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(value))
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def section(kind: str) -> Callable[[], str]:
    """A section's generator, as oslo.reports wants it."""
    return lambda: text_table(SECTIONS[kind][1], REPORTS.collect(kind))


def register() -> None:
    """Adds our sections to every Guru Meditation Report of this process."""
    from oslo_reports.guru_meditation_report import TextGuruMeditation

    known = {title for title, _ in getattr(TextGuruMeditation, "persistent_sections", ())}
    for kind, (heading, _columns) in SECTIONS.items():
        title = f"nova-pyvirt: {heading}"
        if title not in known:
            TextGuruMeditation.register_section(title, section(kind))


class _Version:
    """What oslo.reports wants to know of the program."""

    def vendor_string(self) -> str:
        return "OpenStack"

    def product_string(self) -> str:
        return "nova-pyvirt"

    def version_string_with_package(self) -> str:
        return version_string()


def report() -> str:
    """The whole report of this process."""
    from oslo_reports.guru_meditation_report import TextGuruMeditation

    register()
    return str(TextGuruMeditation(_Version()).run())


def write() -> None:
    """The report on standard error, where oslo.reports puts it too."""
    print(report(), file=sys.stderr, flush=True)
