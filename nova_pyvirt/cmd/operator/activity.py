# SPDX-License-Identifier: Apache-2.0
"""pyvirt jobs, monitors, sessions, process: what the process that manages the guests is doing."""

from argparse import ArgumentParser
from typing import Any

from cliff.lister import Lister

from nova_pyvirt.cmd.operator.common import Age, Asking, Rows, When, number


class _OfDomain(Asking, Lister):
    """A table that may be asked for one domain."""

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("domain", nargs="?", help="only this one: name, UUID or id")
        return parser


class Jobs(_OfDomain):
    """Lists the jobs that are held: by which call since when, and what QEMU has not answered."""

    def take_action(self, parsed_args: Any) -> Rows:
        columns = ("Domain", "Lane", "Job", "Holder", "Age", "Waiting", "Command", "Command age")
        return columns, [
            (
                row["domain"],
                row["lane"],
                row["job"],
                row["holder"],
                Age(row["age"]),
                row["waiting"],
                row["command"] or "-",
                Age(row["command_age"]) if row["command"] else "-",
            )
            for row in self.rows("jobs", parsed_args.domain)
        ]


class Monitors(_OfDomain):
    """Lists the monitors of running guests: which answer, which owe an answer since when."""

    def take_action(self, parsed_args: Any) -> Rows:
        columns = ("Id", "Domain", "PID", "State", "QEMU", "Pending", "Oldest", "Age", "Socket")
        return columns, [
            (
                number(row["id"]),
                row["domain"],
                row["pid"],
                row["state"],
                row["qemu"],
                row["pending"],
                row["command"] or "-",
                Age(row["command_age"]) if row["command"] else "-",
                row["path"],
            )
            for row in self.rows("monitors", parsed_args.domain)
        ]


class Sessions(Asking, Lister):
    """Lists pyvirtd's clients."""

    def take_action(self, parsed_args: Any) -> Rows:
        columns = (
            "Id", "Socket", "User", "PID", "Address", "Access", "URI", "Since", "Calls", "Waiting",
            "Unread bytes",
        )  # fmt: skip
        return columns, [
            (
                row["id"],
                row["service"],
                row["user"] or "-",
                row["pid"] or "-",
                row["address"] or "-",
                "read-only" if row["readonly"] else "full" if row["authenticated"] else "none yet",
                row["uri"] or "-",
                When(row["since"]),
                row["calls"],
                row["waiting"],
                row["queued"],
            )
            for row in self.rows("sessions")
        ]


class Process(Asking, Lister):
    """Shows the process that holds the state directory."""

    def take_action(self, parsed_args: Any) -> Rows:
        columns = ("PID", "Program", "Version", "Python", "Since", "Threads", "Open files")
        return columns, [
            (
                row["pid"],
                row["program"],
                row["version"],
                row["python"],
                When(row["begun"]),
                row["threads"],
                row["descriptors"],
            )
            for row in self.rows("process")
        ]
