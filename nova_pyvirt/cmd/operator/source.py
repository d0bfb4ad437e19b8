# SPDX-License-Identifier: Apache-2.0
"""Where the operator's tool gets its tables from. It never takes a state directory for itself.

For a local QEMU URI: the process that holds the directory (nova-compute, pyvirtd, any program)
answers on its introspection socket; when there is none, the files tell what was true last. For
other URIs a connection is opened, as any client would.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from nova_pyvirt.cmd.operator import files
from nova_pyvirt.conf import load, paths_profile
from nova_pyvirt.core import states
from nova_pyvirt.core.domain import uuid_text
from nova_pyvirt.core.introspect import Row, Unreachable, ask
from nova_pyvirt.core.paths import Paths
from nova_pyvirt.core.registry import default_uri, open_connection
from nova_pyvirt.core.states import State
from nova_pyvirt.core.uri import parse
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.qemu.opening import paths_of
from nova_pyvirt.hypervisors.remote.uri import parse as parse_remote
from nova_pyvirt.util.native import os

_READ_ONLY: Final = 1
SOCKET: Final = "pyvirtd-sock"


class Source(Protocol):
    """Gives tables (nova_pyvirt/core/introspect/reports.py) by name."""

    #: what is asked, for messages
    name: str

    def tables(self, *names: str) -> dict[str, list[Row]]:
        """:raises libvirtError: it cannot be asked for one of them"""
        ...


class Holder:
    """A process, through its socket."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = path

    def tables(self, *names: str) -> dict[str, list[Row]]:
        try:
            return ask(self.path, names)
        except Unreachable as exc:
            raise error(Code.OPERATION_FAILED, str(exc), domain=From.NONE) from exc


class Files:
    """A state directory that no process holds."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.name = paths.state_dir

    def tables(self, *names: str) -> dict[str, list[Row]]:
        made: dict[str, list[Row]] = {name: [] for name in names}
        if "domains" in names or "starts" in names:
            domains, starts = files.read(self.paths)
            made |= {k: v for k, v in (("domains", domains), ("starts", starts)) if k in names}
        return made


class Connection:
    """Any connection; it knows domains only."""

    def __init__(self, uri: str) -> None:
        self.name = uri

    def tables(self, *names: str) -> dict[str, list[Row]]:
        if set(names) - {"domains", "jobs", "monitors"}:
            return self._refuse(names)
        table = open_connection(self.name, _READ_ONLY)
        try:
            rows = [_row(table, ref) for ref in table.connect_list_all_domains(0)]
        finally:
            table.close()
        return {name: rows if name == "domains" else [] for name in names}

    def _refuse(self, names: Sequence[str]) -> dict[str, list[Row]]:
        text = f"{', '.join(names)}: asked of a process on its own host, not through {self.name}"
        raise error(Code.NO_SUPPORT, text, domain=From.NONE)


def _row(table: Any, ref: Any) -> Row:
    state, maximum, memory, vcpus, spent = table.domain_get_info(ref)
    reason = table.domain_get_state(ref, 0)[1]
    return {
        "domain": ref.name,
        "uuid": uuid_text(ref.uuid),
        "id": ref.id,
        "state": states.state_name(State(state)),
        "reason": states.reason_name(State(state), reason),
        "vcpus": vcpus,
        "memory_kib": memory,
        "max_memory_kib": maximum,
        "persistent": bool(table.domain_is_persistent(ref)),
        "autostart": bool(table.domain_get_autostart(ref)),
        "managed_save": False,
        "pid": 0,
        "cpu_ns": spent,
        "rss_kib": 0,
        "since": None,
    }


def find(uri: str | None, wanted: str = "domains") -> Source:
    """The source for a URI (None: the default one) that can give a table.

    :raises libvirtError: the URI is none
    """
    load()
    text = uri or default_uri()
    parsed = parse(text)
    if parsed.scheme == "qemu" and not parsed.server:
        return _local(paths_of(text), wanted)
    if wanted != "domains":
        path = _beside(text)
        if path is not None and _answers(path):
            return Holder(path)
    return Connection(text)


def _local(paths: Paths, wanted: str) -> Source:
    daemon = f"{paths.run}/{SOCKET}"
    order = [paths.introspection_socket, daemon]
    if wanted in ("sessions", "workers"):
        order.reverse()
    for path in order:
        if _answers(path) and (path != daemon or wanted in ("sessions", "workers")):
            return Holder(path)
    return Files(paths)


def _beside(uri: str) -> str | None:
    """The daemon's introspection socket, beside the one that a URI names; None for other hosts."""
    if "+" not in parse(uri).scheme:
        return None
    remote = parse_remote(uri)
    if remote.transport != "unix":
        return None
    if "socket" in remote.query:
        return f"{os.path.dirname(remote.query['socket'])}/{SOCKET}"
    return f"{Paths.system(paths_profile()).run}/{SOCKET}"


def _answers(path: str) -> bool:
    """Whether somebody serves the socket; it is left behind by processes that were killed.

    :raises libvirtError: it is another user's
    """
    if not os.path.exists(path):
        return False
    if not os.access(path, os.W_OK):
        detail = f"no permission for {path}: run as root, or as the user of the process"
        raise error(Code.OPERATION_DENIED, detail, domain=From.NONE)
    try:
        ask(path, ())
    except Unreachable:
        return False
    return True
