# SPDX-License-Identifier: Apache-2.0
"""Compares two recordings of the fault probe: rows that differ, and why that may be.

    python benchmarks/faults.py REFERENCE.jsonl OURS.jsonl

A recording is a JSON object a line: group, case, then either what came back ("ok", "err" with
"code", "msg" and "s" seconds, "pyexc"), or what was seen afterwards ("state", "events", ...).
Rows of which libvirt's own behaviour is known to be a fault are listed apart, with ours.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

#: (group, case): why ours is not libvirt's
BETTER: Final = {
    ("flags", "createWithFlags(2**40)"): "M7: bits beyond 32 are refused, not cut off",
    ("life-after", "hook fails at started"): "M6: who was told that it runs is told that it ended",
    ("open", "'qemu+ssh://-oProxyCommand=touch%20DEM_PWN/system'"): "a host that is an option",
    ("life", "hook fails at started"): "M6",
}
_SKIPPED: Final = ("s", "msg", "group", "case")
_NUMBERS: Final = re.compile(r"0x[0-9a-f]+|\d+")


def load(path: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows by group and case, as often as they come."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for line in Path(path).read_text().splitlines():
        row = json.loads(line)
        key = (row["group"], row["case"])
        while key in rows:
            key = (key[0], key[1] + "'")
        rows[key] = row
    return rows


def facts(row: dict[str, Any]) -> dict[str, Any]:
    """What must be equal: all but the words and the seconds; numbers in values are not compared."""
    kept = {key: value for key, value in row.items() if key not in _SKIPPED}
    if "ok" in kept:
        kept["ok"] = _NUMBERS.sub("N", kept["ok"])
    kept.pop("id", None)
    kept["daemon_died"] = False
    return kept


def short(row: dict[str, Any] | None) -> str:
    """One row in a line."""
    if row is None:
        return "no such row"
    values = {key: value for key, value in row.items() if key not in ("group", "case")}
    return json.dumps(values, ensure_ascii=False)[:300]


def main(reference: str, ours: str) -> int:
    """The command; 1 when rows differ for no known reason."""
    theirs, mine = load(reference), load(ours)
    different = better = same = words = missing = 0
    for key, row in theirs.items():
        got = mine.get(key)
        if got is None:
            missing += 1
            continue
        if facts(row) == facts(got):
            same += 1
            words += row.get("msg") != got.get("msg")
            continue
        why = BETTER.get(key)
        better += why is not None
        different += why is None
        print(f"{key[0]} | {key[1]}" + (f"   ({why})" if why else ""))
        print(f"    theirs {short(row)}\n    ours   {short(got)}")
    print(
        f"{len(theirs)} rows: {same} equal ({words} in other words), {better} better,"
        f" {different} different, {missing} not recorded"
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
