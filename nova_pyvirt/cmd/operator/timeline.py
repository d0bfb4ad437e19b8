# SPDX-License-Identifier: Apache-2.0
"""pyvirt timeline: where the time of a guest's start, or end, went, as a table and as a picture."""

import sys
from argparse import ArgumentParser
from typing import Any, Final

from cliff.lister import Lister

from nova_pyvirt.cmd.operator import picture
from nova_pyvirt.cmd.operator.common import Asking, Rows, When, find_domain, number
from nova_pyvirt.core.introspect import Row
from nova_pyvirt.errors import Code, From, error

_BAR: Final = 40
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


class Timeline(Asking, Lister):
    """Shows the stages of a guest's last start; without a name, the last starts.

    Starts that failed are kept too, until the process that manages the guests ends.
    """

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("domain", nargs="?", help="name, UUID or id")
        parser.add_argument("--stop", action="store_true", help="its last end instead")
        parser.add_argument("--svg", metavar="FILE", help="also write a picture")
        parser.add_argument("--html", metavar="FILE", help="also write a page with the picture")
        return parser

    def take_action(self, parsed_args: Any) -> Rows:
        rows = self.rows("stops" if parsed_args.stop else "starts")
        if parsed_args.domain is None:
            return _overview(rows)
        row = find_domain(rows, parsed_args.domain)
        for path, make in ((parsed_args.svg, picture.svg), (parsed_args.html, picture.html)):
            if path:
                _write(path, make(row))
        if parsed_args.formatter == "table":
            print(heading(row), file=sys.stderr)
        return stages(row, bars=parsed_args.formatter == "table")


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as exc:
        raise error(Code.OPERATION_FAILED, f"cannot write {path}: {exc}", domain=From.NONE) from exc


def heading(row: Row) -> str:
    """A line that says which start it was."""
    text = f"{row['domain']} (id {number(row['id'])}), {When(row['begun']).human_readable()}: "
    text += f"{row['outcome']}, {row['seconds'] * 1000:.1f} ms"
    return f"{text}: {row['error']}" if row["error"] else text


def stages(row: Row, *, bars: bool) -> Rows:
    """The stages in order; times in milliseconds."""
    columns: tuple[str, ...] = ("Stage", "At ms", "Took ms", "Result")
    made: list[tuple[Any, ...]] = []
    for one in row["stages"]:
        took = _took(row, one)
        result = "failed" if one["failed"] else "under way" if one["seconds"] is None else "ok"
        name = "  " * one["depth"] + one["name"]
        line = (name, round(one["begin"] * 1000, 2), round(took * 1000, 2), result)
        made.append((*line, _bar(one["begin"], took, row["seconds"])) if bars else line)
    return ((*columns, f"0 … {row['seconds'] * 1000:.0f} ms") if bars else columns), made


def _took(row: Row, stage: Row) -> float:
    took = stage["seconds"]
    return float(row["seconds"] - stage["begin"] if took is None else took)


def _bar(begin: float, took: float, total: float) -> str:
    """A line of blocks; the left end to a whole cell, the right one to an eighth."""
    if total <= 0:
        return ""
    first = int(begin / total * _BAR)
    cells = (begin + took) / total * _BAR - first
    whole = int(cells)
    part = _EIGHTHS[max(int((cells - whole) * 8), 0 if whole else 1)].strip()
    return " " * first + "█" * whole + part


def _overview(rows: list[Row]) -> Rows:
    columns = ("Id", "Domain", "Begun", "Result", "Took ms", "Longest stage", "Its ms", "Error")
    made = []
    for row in sorted(rows, key=lambda row: -row["begun"]):
        slowest = max(row["stages"], key=lambda one: _took(row, one), default=None)
        made.append(
            (
                number(row["id"]),
                row["domain"],
                When(row["begun"]),
                row["outcome"],
                round(row["seconds"] * 1000, 1),
                slowest["name"] if slowest else "-",
                round(_took(row, slowest) * 1000, 1) if slowest else 0.0,
                row["error"] or "-",
            )
        )
    return columns, made
