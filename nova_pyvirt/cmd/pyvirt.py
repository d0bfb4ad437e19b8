# SPDX-License-Identifier: Apache-2.0
"""pyvirt: the operator's tool (tables or JSON)."""

import sys
import uuid
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from typing import Any, Final

from cliff.app import App
from cliff.command import Command
from cliff.commandmanager import CommandManager
from cliff.lister import Lister
from cliff.show import ShowOne

from nova_pyvirt.cmd import doctor
from nova_pyvirt.core.registry import open_connection
from nova_pyvirt.errors import libvirtError

STATES: Final = (
    "no state", "running", "blocked", "paused", "shutting down", "shut off", "crashed",
    "pmsuspended",
)  # fmt: skip
RO: Final = 1
Rows = tuple[Sequence[str], Iterable[Sequence[Any]]]


class _Connected:
    """Opens the connection that --connect names."""

    app: Any

    def table(self) -> Any:
        return open_connection(self.app.options.connect, RO)


class ListDomains(_Connected, Lister):
    """Lists the domains."""

    def take_action(self, parsed_args: Any) -> Rows:
        table = self.table()
        try:
            rows = []
            for ref in table.connect_list_all_domains(0):
                state, _, memory, vcpus, spent = table.domain_get_info(ref)
                number = ref.id if ref.id >= 0 else "-"
                seconds = round(spent / 1e9, 1)
                rows.append((number, ref.name, STATES[state], vcpus, memory // 1024, seconds))
        finally:
            table.close()
        return ("Id", "Name", "State", "vCPUs", "MiB", "CPU s"), rows


class Info(_Connected, ShowOne):
    """Shows one domain."""

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("domain", help="name or UUID")
        return parser

    def take_action(self, parsed_args: Any) -> Rows:
        table = self.table()
        try:
            ref = _find(table, parsed_args.domain)
            state, maximum, memory, vcpus, spent = table.domain_get_info(ref)
            facts = {
                "name": ref.name,
                "uuid": str(uuid.UUID(bytes=ref.uuid)),
                "id": ref.id if ref.id >= 0 else "-",
                "state": STATES[state],
                "reason": table.domain_get_state(ref, 0)[1],
                "vcpus": vcpus,
                "memory MiB": memory // 1024,
                "maximum MiB": maximum // 1024,
                "cpu seconds": round(spent / 1e9, 1),
                "persistent": bool(table.domain_is_persistent(ref)),
                "autostart": bool(table.domain_get_autostart(ref)),
            }
        finally:
            table.close()
        return tuple(facts), tuple(facts.values())


def _find(table: Any, text: str) -> Any:
    try:
        return table.domain_lookup_by_uuid(uuid.UUID(text).bytes)
    except ValueError:
        return table.domain_lookup_by_name(text)


class Doctor(Lister):
    """Examines the host: what is wrong and what to do."""

    def take_action(self, parsed_args: Any) -> Rows:
        return ("Check", "Status", "Detail", "What to do"), doctor.examine()


class _Commands(CommandManager):
    """The commands, known without entry points."""

    def load_commands(self, namespace: str) -> None:
        commands: dict[str, type[Command]] = {
            "list": ListDomains,
            "info": Info,
            "doctor": Doctor,
        }
        for name, command in commands.items():
            self.add_command(name, command)


class Pyvirt(App):
    """The program."""

    def __init__(self) -> None:
        super().__init__(
            description=__doc__,
            version="1",
            command_manager=_Commands("pyvirt"),
            deferred_help=True,
        )

    def build_option_parser(self, *args: Any, **kwargs: Any) -> ArgumentParser:
        parser: ArgumentParser = super().build_option_parser(*args, **kwargs)
        parser.add_argument("-c", "--connect", default=None, help="connection URI")
        return parser


def main(argv: list[str] | None = None) -> int:
    try:
        code: int = Pyvirt().run(sys.argv[1:] if argv is None else argv)
    except libvirtError as exc:
        print(f"pyvirt: {exc}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
