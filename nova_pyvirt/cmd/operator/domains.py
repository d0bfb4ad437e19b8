# SPDX-License-Identifier: Apache-2.0
"""pyvirt list, pyvirt info."""

from argparse import ArgumentParser
from typing import Any

from cliff.lister import Lister
from cliff.show import ShowOne

from nova_pyvirt.cmd.operator.common import Asking, Rows, When, find_domain, number
from nova_pyvirt.core.introspect import Row


class ListDomains(Asking, Lister):
    """Lists the domains."""

    def take_action(self, parsed_args: Any) -> Rows:
        columns = ("Id", "Name", "State", "vCPUs", "MiB", "CPU s")
        return columns, [_line(row) for row in self.rows("domains")]


def _line(row: Row) -> tuple[Any, ...]:
    return (
        number(row["id"]),
        row["domain"],
        row["state"],
        row["vcpus"],
        row["memory_kib"] // 1024,
        round(row["cpu_ns"] / 1e9, 1),
    )


class Info(Asking, ShowOne):
    """Shows one domain: what it is, who works on it, whether QEMU answers."""

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("domain", help="name, UUID or id")
        return parser

    def take_action(self, parsed_args: Any) -> Rows:
        found = self.source("domains")
        tables = found.tables("domains", "jobs", "monitors")
        row = find_domain(tables["domains"], parsed_args.domain)
        facts: dict[str, Any] = {
            "name": row["domain"],
            "uuid": row["uuid"],
            "id": number(row["id"]),
            "state": row["state"],
            "reason": row["reason"],
            "vcpus": row["vcpus"],
            "memory MiB": row["memory_kib"] // 1024,
            "maximum MiB": row["max_memory_kib"] // 1024,
            "resident MiB": row["rss_kib"] // 1024,
            "cpu seconds": round(row["cpu_ns"] / 1e9, 1),
            "pid": row["pid"] or "-",
            "started": When(row["since"]),
            "persistent": row["persistent"],
            "autostart": row["autostart"],
            "managed save": row["managed_save"],
            "monitor": _monitor(_of(row, tables["monitors"])),
            "jobs": "; ".join(_job(job) for job in _of(row, tables["jobs"])) or "none",
            "told by": found.name,
        }
        return tuple(facts), tuple(facts.values())


def _of(row: Row, rows: list[Row]) -> list[Row]:
    return [one for one in rows if one["uuid"] == row["uuid"]]


def _monitor(rows: list[Row]) -> str:
    if not rows:
        return "-"
    row = rows[0]
    text = f"{row['state']}, QEMU {row['qemu']}"
    if row["pending"]:
        text += f", waits for {row['command']} since {row['command_age']:.1f} s"
    return text


def _job(row: Row) -> str:
    text = f"{row['job']} by {row['holder']} since {row['age']:.1f} s"
    return f"{text}, {row['waiting']} waiting" if row["waiting"] else text
