# SPDX-License-Identifier: Apache-2.0
"""pyvirt: the operator's tool (tables or JSON)."""

import sys
from argparse import ArgumentParser
from typing import Any

from cliff.app import App
from cliff.command import Command
from cliff.commandmanager import CommandManager

from nova_pyvirt.cmd.doctor import Doctor
from nova_pyvirt.cmd.operator.activity import Jobs, Monitors, Process, Sessions
from nova_pyvirt.cmd.operator.domains import Info, ListDomains
from nova_pyvirt.cmd.operator.timeline import Timeline
from nova_pyvirt.cmd.operator.top import Top
from nova_pyvirt.version import version_string


class _Commands(CommandManager):
    """The commands, known without entry points."""

    def load_commands(self, namespace: str) -> None:
        commands: dict[str, type[Command]] = {
            "list": ListDomains,
            "info": Info,
            "jobs": Jobs,
            "monitors": Monitors,
            "sessions": Sessions,
            "process": Process,
            "timeline": Timeline,
            "top": Top,
            "doctor": Doctor,
        }
        for name, command in commands.items():
            self.add_command(name, command)


class Pyvirt(App):
    """The program."""

    def __init__(self) -> None:
        super().__init__(
            description=__doc__,
            version=version_string(),
            command_manager=_Commands("pyvirt"),
            deferred_help=True,
        )

    def build_option_parser(self, *args: Any, **kwargs: Any) -> ArgumentParser:
        parser: ArgumentParser = super().build_option_parser(*args, **kwargs)
        text = "connection URI (-c before the command; behind it -c names columns)"
        parser.add_argument("--connect", default=None, metavar="URI", help=text)
        return parser


def _spelled(argv: list[str]) -> list[str]:
    """virsh's -c URI before the command in full: cliff's -c, a column, may follow the command."""
    made = list(argv)
    for index, word in enumerate(made):
        if word == "-c":
            made[index] = "--connect"
        elif not word.startswith("-") and (not index or made[index - 1] != "--connect"):
            break
    return made


def main(argv: list[str] | None = None) -> int:
    code: int = Pyvirt().run(_spelled(sys.argv[1:] if argv is None else argv))
    return code


if __name__ == "__main__":
    sys.exit(main())
