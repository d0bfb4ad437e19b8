# SPDX-License-Identifier: Apache-2.0
"""Redirected USB devices and smartcards."""

from typing import Any

from nova_pyvirt.hypervisors.qemu.command.devices.chardev import backend
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args, Guest, Props, device
from nova_pyvirt.model.devices.hostdev import USBFilter

_DATABASE = "/etc/pki/nssdb"


def redirdevs(guest: Guest) -> Args:
    """-chardev and -device usb-redir."""
    args: Args = []
    rules = guest.devices.redirfilter.rules if guest.devices.redirfilter is not None else []
    chosen = "|".join(_rule(rule) for rule in rules) or None
    for item in guest.devices.redirdevs:
        chardev = f"char{item.alias}"
        args += backend(guest, item, chardev)
        args += device({
            "driver": "usb-redir", "chardev": chardev, "id": item.alias, "filter": chosen,
            "bootindex": item.boot_order, **guest.place(item),
        })  # fmt: skip
    return args


def _rule(rule: USBFilter) -> str:
    def part(value: int | None, digits: int) -> str:
        return "-1" if value is None else f"0x{value:0{digits}X}"

    version = _version(rule.version)
    return ":".join((
        part(rule.usb_class, 2), part(rule.vendor, 4), part(rule.product, 4), part(version, 4),
        "1" if rule.allow else "0",
    ))  # fmt: skip


def _version(text: str | None) -> int | None:
    """JJ.MN as binary-coded decimals."""
    if text in (None, "-1"):
        return None
    major, _, minor = str(text).partition(".")
    high = int(major) // 10 << 4 | int(major) % 10
    digits = int(minor.ljust(2, "0")) if len(minor) == 1 else int(minor or 0)
    return high << 8 | digits // 10 << 4 | digits % 10


def smartcards(guest: Guest) -> Args:
    """-device of the smartcard; there is one at most."""
    for item in guest.devices.smartcards[:1]:
        args, found = _card(guest, item)
        bus = guest.controller("ccid", item.address.controller).alias
        return args + device(found | {"id": item.alias, "bus": f"{bus}.0"})
    return []


def _card(guest: Guest, item: Any) -> tuple[Args, Props]:
    if item.mode == "host":
        return [], {"driver": "ccid-card-emulated", "backend": "nss-emulated"}
    if item.mode == "host-certificates":
        names = {f"cert{n}": c.name for n, c in enumerate(item.certificates, 1)}
        return [], {
            "driver": "ccid-card-emulated", "backend": "certificates", **names,
            "db": item.database or _DATABASE,
        }  # fmt: skip
    chardev = f"char{item.alias}"
    return backend(guest, item, chardev), {"driver": "ccid-card-passthru", "chardev": chardev}
