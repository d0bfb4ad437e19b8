# SPDX-License-Identifier: Apache-2.0
"""Options of the command line as the QMP commands that do the same in a running QEMU.

Devices are described once, as options; plugging one in runs its options one by one.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args

Kind = Literal["query", "change", "block"]


class Command(NamedTuple):
    """One QMP command.

    :ivar undo: what takes it back: command and arguments; None = nothing has to be
    :ivar kind: its deadline class
    :ivar fds: descriptors that go with it
    """

    name: str
    args: dict[str, Any]
    undo: tuple[str, dict[str, Any]] | None = None
    kind: Kind = "change"
    fds: Sequence[int] = ()


def commands(args: Args) -> list[Command]:
    """The commands for some options, in their order.

    :param args: pairs of an option and its value
    :raises libvirtError: OPERATION_UNSUPPORTED for what only a start can do
    """
    return [_command(option, value) for option, value in _pairs(args)]


def _pairs(args: Args) -> Iterator[tuple[str, str]]:
    return iter(zip(args[::2], args[1::2], strict=True))


def _command(option: str, value: str) -> Command:
    if option == "-chardev":
        return chardev(value)
    if option == "-watchdog-action":
        return Command("set-action", {"watchdog": value})
    found = _JSON.get(option)
    if found is None:
        detail = f"a running QEMU can't be given '{option}'"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
    name, undo, key, kind = found
    props = json.loads(value)
    ident = "node-name" if key == "node-name" else "id"
    return Command(name, props, (undo, {key: props[ident]}) if undo else None, kind)


_JSON: Final[Mapping[str, tuple[str, str, str, Kind]]] = {
    "-object": ("object-add", "object-del", "id", "change"),
    "-blockdev": ("blockdev-add", "blockdev-del", "node-name", "block"),
    "-netdev": ("netdev_add", "netdev_del", "id", "change"),
    "-device": ("device_add", "device_del", "id", "change"),
}


def chardev(text: str) -> Command:
    """chardev-add for a -chardev of ours.

    :raises libvirtError: OPERATION_UNSUPPORTED for a back-end that a running QEMU can't get
    """
    kind, values = _words(text)
    make = _BACKENDS.get(kind)
    if make is None:
        detail = f"Hotplug unsupported for char device type '{kind}'"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
    name, data = make(values)
    if "logfile" in values:
        data["logfile"] = values["logfile"]
        if "logappend" in values:
            data["logappend"] = values["logappend"] == "on"
    ident = values["id"]
    args = {"id": ident, "backend": {"type": name, "data": data}}
    return Command("chardev-add", args, ("chardev-remove", {"id": ident}))


Words = Mapping[str, str]
Made = tuple[str, dict[str, Any]]


def _words(text: str) -> tuple[str, dict[str, str]]:
    """The kind and the values of a comma-separated option; two commas are one in a value."""
    parts = [part.replace("\0", ",") for part in text.replace(",,", "\0").split(",")]
    values = dict(part.partition("=")[::2] for part in parts[1:])
    return parts[0], values


def _plain(name: str) -> Callable[[Words], Made]:
    return lambda _values: (name, {})


def _device(name: str) -> Callable[[Words], Made]:
    return lambda values: (name, {"device": values["path"]})


def _file(values: Words) -> Made:
    data: dict[str, Any] = {"out": values["path"]}
    if "append" in values:
        data["append"] = values["append"] == "on"
    return "file", data


def _udp(values: Words) -> Made:
    def end(host: str, port: str) -> dict[str, Any]:
        return {"type": "inet", "data": {"host": values[host], "port": values[port]}}

    data = {"remote": end("host", "port")}
    if values.get("localaddr") or values.get("localport", "0") != "0":
        data["local"] = end("localaddr", "localport")
    return "udp", data


def _socket(values: Words) -> Made:
    if "fd" in values:
        address: dict[str, Any] = {"type": "fd", "data": {"str": values["fd"]}}
    elif "path" in values:
        address = {"type": "unix", "data": {"path": values["path"]}}
    else:
        address = {"type": "inet", "data": {"host": values["host"], "port": values["port"]}}
    server = values.get("server") == "on"
    data: dict[str, Any] = {"addr": address, "server": server}
    if server:
        data["wait"] = values.get("wait") != "off"
    if "host" in values:
        data["telnet"] = values.get("telnet") == "on"
    if "reconnect" in values:
        data["reconnect"] = int(values["reconnect"])
    if "tls-creds" in values:
        data["tls-creds"] = values["tls-creds"]
    return "socket", data


def _vdagent(values: Words) -> Made:
    given = {key: values[key] == "on" for key in ("clipboard", "mouse") if key in values}
    return "qemu-vdagent", given


_BACKENDS: Final[Mapping[str, Callable[[Words], Made]]] = {
    "null": _plain("null"),
    "pty": _plain("pty"),
    "file": _file,
    "pipe": _device("pipe"),
    "serial": _device("serial"),
    "parallel": _device("parallel"),
    "udp": _udp,
    "socket": _socket,
    "spicevmc": lambda values: ("spicevmc", {"type": values["name"]}),
    "spiceport": lambda values: ("spiceport", {"fqdn": values["name"]}),
    "dbus": lambda values: ("dbus", {"name": values["name"]}),
    "qemu-vdagent": _vdagent,
}
