# SPDX-License-Identifier: Apache-2.0
"""pyvirt top: the guests, refreshed, the busiest first."""

import json
import shutil
import sys
import termios
import tty
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from cliff.command import Command

from nova_pyvirt.cmd.operator.common import Asking, number, seconds
from nova_pyvirt.core.introspect import Row
from nova_pyvirt.util.native import select, time

#: seconds between the two samples that the first picture is made of
_FIRST: Final = 0.5
_TABLES: Final = ("domains", "jobs", "monitors", "process")
_ORDERS: Final[dict[str, Callable[[Row], Any]]] = {
    "cpu": lambda row: (-row["cpu_percent"], row["domain"]),
    "memory": lambda row: (-row["rss_kib"], row["domain"]),
    "name": lambda row: row["domain"],
    "job": lambda row: (-row["job_age"], row["domain"]),
}
#: heading, width (negative: to the right), text of a row
_COLUMNS: Final[tuple[tuple[str, int, Callable[[Row], str]], ...]] = (
    ("ID", -5, lambda row: str(number(row["id"]))),
    ("NAME", 24, lambda row: row["domain"]),
    ("STATE", 10, lambda row: row["state"]),
    ("CPU%", -7, lambda row: f"{row['cpu_percent']:.1f}"),
    ("VCPU", -5, lambda row: str(row["vcpus"])),
    ("MIB", -8, lambda row: str(row["memory_kib"] // 1024)),
    ("RES MIB", -8, lambda row: str(row["rss_kib"] // 1024) if row["rss_kib"] else "-"),
    ("MONITOR", 10, lambda row: row["monitor"]),
    ("JOB", 0, lambda row: row["job"]),
)


class Top(Asking, Command):
    """Shows running guests with their load, again and again.

    Keys: q ends; c, m, n, j sort by CPU, memory, name, job. Without a terminal, or with --count or
    --json, pictures follow one another.
    """

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("-d", "--delay", type=float, default=2.0, help="seconds between two")
        parser.add_argument("-n", "--count", type=int, default=0, help="how many; 0: no end")
        parser.add_argument("-s", "--sort", choices=sorted(_ORDERS), default="cpu")
        parser.add_argument("-a", "--all", action="store_true", help="guests that are off, too")
        parser.add_argument("--json", action="store_true", help="a line of JSON for each")
        return parser

    def take_action(self, parsed_args: Any) -> int:
        source = self.source("domains")
        names = _TABLES if hasattr(source, "path") else _TABLES[:1]
        order = parsed_args.sort
        live = sys.stdout.isatty() and not (parsed_args.count or parsed_args.json)
        before, since = source.tables(*names), time.monotonic()
        wait, shown = min(_FIRST, parsed_args.delay), 0
        with _keys(live) as key:
            while not parsed_args.count or shown < parsed_args.count:
                pressed = key(wait)
                if pressed == "q":
                    break
                order = {k[0]: k for k in _ORDERS}.get(pressed, order)
                now, at = source.tables(*names), time.monotonic()
                rows = load(before, now, at - since, every=parsed_args.all)
                rows.sort(key=_ORDERS[order])
                if parsed_args.json:
                    print(json.dumps({"domains": rows}), flush=True)
                else:
                    _show(screen(source.name, now, rows), live)
                before, since, wait, shown = now, at, parsed_args.delay, shown + 1
        return 0


@contextmanager
def _keys(live: bool) -> Iterator[Callable[[float], str]]:
    """A function that waits for a key so many seconds; "" when none came."""
    if not live or not sys.stdin.isatty():
        yield _wait
        return
    saved = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    sys.stdout.write("\x1b[?1049h\x1b[?25l")  # the other screen, no cursor
    try:
        yield _key
    finally:
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)


def _wait(timeout: float) -> str:
    select.select([], [], [], timeout)
    return ""


def _key(timeout: float) -> str:
    ready, _, _ = select.select([sys.stdin], [], [], timeout)
    return sys.stdin.read(1) if ready else ""


def load(
    before: dict[str, list[Row]], now: dict[str, list[Row]], elapsed: float, *, every: bool = False
) -> list[Row]:
    """A row for each guest: its row of the table domains with cpu_percent (100: one host CPU),
    monitor, job and job_age.

    :param elapsed: seconds between the two
    :param every: guests that are off, too
    """
    spent = {(row["uuid"], row["pid"]): row["cpu_ns"] for row in before["domains"]}
    jobs: dict[str, Row] = {}
    for job in sorted(now.get("jobs", ()), key=lambda job: job["age"]):
        jobs[job["uuid"]] = job
    monitors = {row["uuid"]: row for row in now.get("monitors", ())}
    made = []
    for row in now["domains"]:
        if row["id"] == -1 and not every:
            continue
        used = row["cpu_ns"] - spent.get((row["uuid"], row["pid"]), row["cpu_ns"])
        found = jobs.get(row["uuid"])
        more = {
            "cpu_percent": round(max(used, 0) / 1e7 / max(elapsed, 1e-6), 1),
            "monitor": _monitor(monitors.get(row["uuid"])),
            "job": _job(found),
            "job_age": found["age"] if found else 0.0,
        }
        made.append(row | more)
    return made


def _monitor(row: Row | None) -> str:
    if row is None:
        return "-"
    if row["state"] != "connected":
        return str(row["state"])
    return f"{row['pending']} open" if row["pending"] else "ok"


def _job(row: Row | None) -> str:
    if row is None:
        return "-"
    text = f"{row['job']} {row['holder']} {seconds(row['age'])}"
    if row["command"]:
        text += f", {row['command']} {seconds(row['command_age'])}"
    return f"{text}, {row['waiting']} waiting" if row["waiting"] else text


def screen(name: str, tables: dict[str, list[Row]], rows: list[Row]) -> list[str]:
    """The lines of one picture."""
    domains = tables["domains"]
    running = sum(row["id"] != -1 for row in domains)
    head = f"pyvirt top  {time.strftime('%H:%M:%S')}  {running} of {len(domains)} guests run"
    head += f"  CPU {sum(row['cpu_percent'] for row in rows):.1f} %"
    head += f"  memory {sum(row['rss_kib'] for row in rows) // 1024} MiB"
    who = [
        f"{row['program']} {row['version']}, pid {row['pid']}" for row in tables.get("process", ())
    ]
    lines = [head, f"told by {name}" + (f" ({who[0]})" if who else ""), ""]
    lines.append(_line([heading for heading, _, _ in _COLUMNS]))
    return lines + [_line([text(row) for _, _, text in _COLUMNS]) for row in rows]


def _line(cells: list[str]) -> str:
    made = []
    for cell, (_, width, _) in zip(cells, _COLUMNS, strict=True):
        cut = cell if width <= 0 else cell[:width]
        made.append(cut.rjust(-width) if width < 0 else cut.ljust(width))
    return " ".join(made).rstrip()


def _show(lines: list[str], live: bool) -> None:
    if live:
        size = shutil.get_terminal_size()
        lines = [line[: size.columns] for line in lines[: size.lines - 1]]
        sys.stdout.write("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
        sys.stdout.flush()
    else:
        print("\n".join(lines), flush=True)
