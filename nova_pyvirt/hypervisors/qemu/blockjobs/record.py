# SPDX-License-Identifier: Apache-2.0
"""Block jobs in a status file, in libvirt's form."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from nova_pyvirt.hypervisors.qemu.blockjobs.job import WORDS, BlockJob, Kind

LOG = logging.getLogger(__name__)
_KINDS: Final = {word: kind for kind, word in WORDS.items()}
_NODE: Final = re.compile(r"libvirt-(\d+)-format\Z")


def element(known: Mapping[str, BlockJob]) -> str:
    """<blockjobs>."""
    jobs = [job for job in known.values() if job.kind is not Kind.CREATE]
    rows = [line for job in jobs for line in _rows(job)]
    active = "yes" if jobs else "no"
    return "\n".join([f"<blockjobs active='{active}'>", *rows, "</blockjobs>"])


def _rows(job: BlockJob) -> list[str]:
    head = f"  <blockjob name={quoteattr(job.name)} type='{WORDS[job.kind]}' state='{job.state}'"
    head += f" jobflags='0x{job.flags:x}'"
    if job.shallow_new:
        head += " shallownew='yes'"
    mirror = " mirror='yes'" if job.kind in (Kind.COPY, Kind.ACTIVE_COMMIT) else ""
    rows = [f"{head}>", f"    <disk dst={quoteattr(job.target)}{mirror}/>"]
    for tag, number in (("base", job.base), ("top", job.top), ("topparent", job.parent)):
        if number:
            rows.append(f"    <{tag} node='libvirt-{number}-format'/>")
    if job.delete:
        rows.append("    <deleteCommittedImages/>")
    return [*rows, "  </blockjob>"]


def read(elements: Sequence[Any]) -> dict[str, BlockJob]:
    """The jobs that a status file tells of; what can't be understood is left to QEMU."""
    found = {}
    for outer in elements:
        for node in outer if outer.tag == "blockjobs" else ():
            job = _job(node)
            if job is not None:
                found[job.name] = job
    return found


def _job(node: Any) -> BlockJob | None:
    kind, disk = _KINDS.get(node.get("type", "")), node.find("disk")
    if kind in (None, Kind.CREATE) or disk is None or not node.get("name"):
        LOG.warning("a block job of an unknown kind is left alone: %s", dict(node.attrib))
        return None
    try:
        flags = int(node.get("jobflags", "0"), 16)
    except ValueError:
        flags = 0
    return BlockJob(
        node.get("name"),
        kind,
        disk.get("dst", ""),
        state=node.get("state", "running"),
        base=_number(node, "base"),
        top=_number(node, "top"),
        parent=_number(node, "topparent"),
        delete=node.find("deleteCommittedImages") is not None,
        flags=flags,
        shallow_new=node.get("shallownew") == "yes",
    )


def _number(node: Any, tag: str) -> int:
    found = node.find(tag)
    match = _NODE.match(found.get("node", "")) if found is not None else None
    return int(match[1]) if match else 0
