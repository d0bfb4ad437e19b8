# SPDX-License-Identifier: Apache-2.0
"""Questions to QEMU's own description of QMP (``query-qmp-schema``).

A path is ``command/step/step…`` in libvirt's notation: ``arg-type`` and ``ret-type`` of a command,
``name`` a member, ``+name`` a variant's case, ``^name`` an enum value, ``$name`` a feature,
``*name`` an optional member, ``!name`` a built-in JSON type. Arrays are looked through.
"""

from typing import Any

Entry = dict[str, Any]

#: more steps than any path has, in case a schema refers to itself
_MAX_DEPTH = 1000


class Schema:
    """:param entries: the answer of ``query-qmp-schema``"""

    def __init__(self, entries: list[Entry]) -> None:
        self._by_name = {entry["name"]: entry for entry in entries}

    def commands(self) -> list[str]:
        """All command names."""
        return [n for n, entry in self._by_name.items() if entry["meta-type"] == "command"]

    def has(self, path: str) -> bool:
        """Does `path` lead anywhere?"""
        start, *steps = path.split("/")
        return self._walk(start, steps, 0)

    def _walk(self, name: str, steps: list[str], depth: int) -> bool:
        entry = self._by_name.get(name)
        if entry is None or depth > _MAX_DEPTH:
            return False
        if not steps:
            return True
        kind = entry["meta-type"]
        if kind == "array":
            return self._walk(entry["element-type"], steps, depth + 1)
        if kind == "alternate":
            return any(self._walk(m["type"], steps, depth + 1) for m in entry["members"])
        step, *rest = steps
        if step.startswith("$"):
            return not rest and step[1:] in entry.get("features", ())
        if kind == "enum":
            return self._enum(entry, step, rest)
        if kind == "builtin":
            return not rest and step[:1] == "!" and entry["json-type"] == step[1:]
        target = self._member(entry, kind, step)
        return target is not None and self._walk(target, rest, depth + 1)

    @staticmethod
    def _enum(entry: Entry, step: str, rest: list[str]) -> bool:
        if not step.startswith("^"):
            return False
        if "members" not in entry:  # before QEMU 6.2
            return not rest and step[1:] in entry["values"]
        for member in entry["members"]:
            if member["name"] == step[1:]:
                return not rest or (len(rest) == 1 and rest[0][1:] in member.get("features", ()))
        return False

    @staticmethod
    def _member(entry: Entry, kind: str, step: str) -> str | None:
        """The type that an object's member or variant, or a command's argument, has."""
        if kind in ("command", "event"):
            return entry.get(step)
        if step.startswith("+"):
            found = next((v for v in entry.get("variants", ()) if v["case"] == step[1:]), None)
        else:
            name = step.lstrip("*")
            found = next((m for m in entry.get("members", ()) if m["name"] == name), None)
            if found is not None and step.startswith("*") and "default" not in found:
                return None
        return None if found is None else str(found["type"])
