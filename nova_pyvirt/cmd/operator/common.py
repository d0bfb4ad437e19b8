# SPDX-License-Identifier: Apache-2.0
"""What the commands share: the source, and values that read well in a table and exactly in JSON."""

import uuid as uuidlib
from collections.abc import Iterable, Sequence
from typing import Any

from cliff.columns import FormattableColumn

from nova_pyvirt.cmd.operator import source
from nova_pyvirt.core.introspect import Row
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.util.native import time

Rows = tuple[Sequence[str], Iterable[Sequence[Any]]]


class Asking:
    """A command that asks for tables; mixed into cliff's classes."""

    app: Any

    def source(self, wanted: str) -> source.Source:
        """Where a table comes from, by --connect."""
        return source.find(self.app.options.connect, wanted)

    def rows(self, table: str, domain: str | None = None) -> list[Row]:
        """A table's rows; those of one domain (name or UUID) only, when it is named.

        :raises libvirtError: NO_DOMAIN and what the source says
        """
        if domain is None:
            return self.source(table).tables(table)[table]
        found = self.source(table).tables(table, "domains")
        wanted = find_domain(found["domains"], domain)["uuid"]
        return [row for row in found[table] if row["uuid"] == wanted]


def find_domain(rows: Iterable[Row], text: str) -> Row:
    """The row of the domain that a name, a UUID or an id means.

    :raises libvirtError: NO_DOMAIN
    """
    try:
        uuid = str(uuidlib.UUID(text))
    except ValueError:
        uuid = ""
    candidates = list(rows)
    for row in candidates:
        if text == row["domain"] or uuid == row["uuid"]:
            return row
    for row in candidates:
        if row["id"] != -1 and text == str(row["id"]):
            return row
    raise error(Code.NO_DOMAIN, f"no domain with matching name '{text}'", domain=From.NONE)


class Age(FormattableColumn[float]):
    """Seconds: "0.3 s", "4 min 2 s"."""

    def human_readable(self) -> str:
        return seconds(self._value)

    def machine_readable(self) -> Any:
        return self._value


class When(FormattableColumn[float | None]):
    """A time in seconds since the epoch: local time; "-" for none."""

    def human_readable(self) -> str:
        if self._value is None:
            return "-"
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._value))

    def machine_readable(self) -> Any:
        return self._value


def seconds(value: float) -> str:
    """A duration for people."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def number(ident: int) -> int | str:
    """A domain's id, "-" when it is off."""
    return ident if ident != -1 else "-"
