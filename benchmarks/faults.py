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
    ("inactive", "suspend"): "M7: there it had been started",
    ("inactive", "resume"): "M7: there it had been started",
    ("inactive", "destroy"): "M7: there it had been started",
    ("xml", "vcpu -5"): "M1: refused, where libvirtd dies",
    ("xml", "name .."): "M8: refused when it is defined",
    ("xml", "name 300 chars"): "M8: refused when it is defined",
    ("xml", "name 10000 chars"): "M8: refused when it is defined",
    (
        "xml",
        "chained backingStore 250",
    ): "A8: refused when it is defined, for it could not be read again",
    ("xml", "4 MiB title"): "A9: no protocol to refuse it; too long by our own limit",
    ("xml", "40 MiB"): "A9: no protocol to refuse it; too long by our own limit",
    ("start", "disk is dir"): "M9: seen before there is a process",
    ("hang", "suspend on SIGSTOPped qemu (monitor never answers)"): "M5: ends, naming the command",
    ("hang", "resume while job held (30 s)"): "M5: the job before it has ended by then",
    ("life-after", "qemu kill -9"): "seen within half a second, there after more than one",
    ("life-after", "start AUTODESTROY on 2nd conn"): "the event came with the row before",
    ("life-after", "close 2nd conn"): "the guest has ended when close() returns",
    ("life-after", "call on closed conn"): "the events came with the row before",
    ("start", "tpm emulator w/o swtpm?"): "the host has swtpm",
    ("start-after", "tpm emulator w/o swtpm?"): "the host has swtpm",
    ("life-after", "hook fails at started"): "M6: who was told that it runs is told that it ended",
    ("open", "'qemu+ssh://-oProxyCommand=touch%20DEM_PWN/system'"): "a host that is an option",
    ("life", "hook fails at started"): "M6",
}
_SKIPPED: Final = ("s", "msg", "group", "case")
_OURS, _THEIRS = "nova_pyvirt.libvirt.connect.connection.virConnect", "libvirt.virConnect"
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
        kept["ok"] = _NUMBERS.sub("N", kept["ok"]).replace(_OURS, _THEIRS)
    if "libdir" in kept:
        kept["libdir"] = [_NUMBERS.sub("N", name) for name in kept["libdir"]]
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
