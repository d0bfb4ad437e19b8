# SPDX-License-Identifier: Apache-2.0
"""Definitions and run-time status on disk, in libvirt's formats (virDomainObjFormat)."""

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from nova_pyvirt.core import states
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import State
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.files import holds, read_private, write_atomic

_LINE = "\n"
_WARNING = """<!--
WARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE
OVERWRITTEN AND LOST.{hint}
-->

"""
_EDIT = """ Changes to this xml configuration should be made using:
  virsh edit {name}
or other application using the libvirt API."""


@dataclass(frozen=True, slots=True)
class Status:
    """A status file: what was true when it was written.

    :ivar private: the hypervisor's own elements
    """

    state: State
    reason: int
    pid: int
    private: Sequence[etree._Element]
    definition: Domain


def write_config(path: str, definition: Domain) -> None:
    """Writes a persistent definition, secrets included; not where the file says just that already.

    :raises OSError: the old file is as it was
    """
    head = _WARNING.format(hint=_EDIT.format(name=definition.name.replace("--", "- -")))
    text = head + definition.format(inactive=True, secure=True)
    data = text.encode()
    if not holds(path, data):
        write_atomic(path, data)


def status_text(vm: DomainObj, pid: int, private: Sequence[str]) -> bytes:
    """A running domain's status file.

    :param private: the hypervisor's own elements, each a line or more of XML
    """
    state, reason = states.state_name(vm.state), states.reason_name(vm.state, vm.reason)
    domain = vm.definition.format(status=True, secure=True)
    inner = "\n".join([*(text.rstrip("\n") for text in private), domain.rstrip("\n")])
    text = (
        f"{_WARNING.format(hint='')}<domstatus state='{state}' reason='{reason}' pid='{pid}'>\n"
        f"  {inner.replace(_LINE, _LINE + '  ')}\n</domstatus>\n"
    )
    return text.encode()


def read_status(path: str) -> Status:
    """Reads a status file.

    :raises OSError: it can't be read
    :raises ValueError: it isn't one, or is damaged
    :raises libvirtError: its domain can't be understood
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(read_private(path), parser)
    except etree.XMLSyntaxError as exc:
        raise ValueError(f"{path}: {exc}") from exc
    domain = root.find("domain")
    state = states.parse_state(root.get("state", ""))
    pid = root.get("pid", "")
    if root.tag != "domstatus" or domain is None or state is None or not pid.isdigit():
        raise ValueError(f"{path}: not a domain status file")
    private = [node for node in root if isinstance(node.tag, str) and node is not domain]
    definition = Domain.load(etree.tostring(domain))
    reason = states.parse_reason(state, root.get("reason", ""))
    return Status(state, reason, int(pid), private, definition)
