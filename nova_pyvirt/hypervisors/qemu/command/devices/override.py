# SPDX-License-Identifier: Apache-2.0
"""<qemu:override>: properties that a definition gives to devices by itself."""

import json
from typing import Any

from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args, Guest
from nova_pyvirt.model.qemuns import QemuProperty


def apply(guest: Guest, args: Args) -> Args:
    """The same arguments with the properties of devices changed as the definition wants."""
    override = guest.domain.qemu_override
    if override is None:
        return args
    wanted = {d.alias: [p for f in d.frontends for p in f.properties] for d in override.devices}
    found = list(args)
    for place, word in enumerate(args):
        if place and args[place - 1] == "-device":
            found[place] = _changed(word, wanted)
    return found


def _changed(word: str, wanted: dict[str, list[QemuProperty]]) -> str:
    values: dict[str, Any] = json.loads(word)
    properties = wanted.get(values.get("id", ""))
    if not properties:
        return word
    for item in properties:
        if item.type == "remove":
            values.pop(item.name, None)
        else:
            values[item.name] = _value(item)
    return json.dumps(values, separators=(",", ":"))


def _value(item: QemuProperty) -> Any:
    text = item.value or ""
    if item.type == "bool":
        return text == "true"
    if item.type in ("signed", "unsigned"):
        return int(text, 0)
    return text
