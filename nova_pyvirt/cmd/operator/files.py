# SPDX-License-Identifier: Apache-2.0
"""The tables of a state directory that no process holds, from its files alone."""

import logging
from typing import Any

from nova_pyvirt.core import states
from nova_pyvirt.core.introspect import Row
from nova_pyvirt.core.paths import Paths
from nova_pyvirt.core.states import Shutoff, State
from nova_pyvirt.core.statusfile import Status, read_status
from nova_pyvirt.core.timeline import Timeline
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.host import processes
from nova_pyvirt.hypervisors.qemu.report import usage
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.files import read_private
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)


def read(paths: Paths) -> tuple[list[Row], list[Row]]:
    """Rows of the tables domains and starts, as hypervisors/qemu/report.py makes them.

    A guest counts as running when its QEMU does. Files that cannot be used are told in the log.
    """
    running = {found.uuid: found.pid for found in processes.scan(paths.lib_dir)}
    domains: dict[str, Row] = {}
    starts: list[Row] = []
    for name in _names(paths.config_dir):
        definition = _definition(paths.config_file(name))
        if definition is not None:
            domains[definition.uuid] = _row(paths, definition, None, 0)
    for name in _names(paths.state_dir):
        known = _status(paths.status_file(name))
        if known is None or known.definition.uuid not in running:
            continue
        uuid = known.definition.uuid
        row = _row(paths, known.definition, known, running[uuid])
        row["persistent"] = uuid in domains
        domains[uuid] = row
        timeline = Timeline.load(known.private)
        row["since"] = timeline.begun
        starts.append({"domain": name, "uuid": uuid, "id": row["id"], **timeline.row()})
    return list(domains.values()), starts


def _names(directory: str) -> list[str]:
    try:
        return sorted(entry[:-4] for entry in os.listdir(directory) if entry.endswith(".xml"))
    except FileNotFoundError:
        return []


def _definition(path: str) -> Domain | None:
    try:
        return Domain.load(read_private(path))
    except (OSError, libvirtError) as exc:
        LOG.warning("%s: %s", path, exc)
        return None


def _status(path: str) -> Status | None:
    try:
        return read_status(path)
    except (OSError, ValueError, libvirtError) as exc:
        LOG.warning("%s: %s", path, exc)
        return None


def _row(paths: Paths, definition: Domain, known: Status | None, pid: int) -> dict[str, Any]:
    state = known.state if known is not None else State.SHUTOFF
    reason = known.reason if known is not None else int(Shutoff.UNKNOWN)
    cpu_ns, rss = usage(pid)
    return {
        "domain": definition.name,
        "uuid": definition.uuid,
        "id": int(definition.id or -1) if known is not None else -1,
        "state": states.state_name(state),
        "reason": states.reason_name(state, reason),
        "vcpus": definition.vcpu_current or definition.vcpu_max or 1,
        "memory_kib": definition.current_memory or definition.memory,
        "max_memory_kib": definition.memory,
        "persistent": known is None,
        "autostart": os.path.islink(paths.autostart_link(definition.name)),
        "managed_save": os.path.exists(paths.save_file(definition.name)),
        "pid": pid,
        "cpu_ns": cpu_ns,
        "rss_kib": rss,
        "since": None,
    }
