# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: names for moments from which changed blocks are known."""

from typing import Final
from xml.sax.saxutils import escape

from nova_pyvirt.core.refs import CheckpointRef, DomainRef
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test.domains import moments
from nova_pyvirt.hypervisors.test.domains.snapshots import _quoted
from nova_pyvirt.hypervisors.test.slots import Base, invalid, slot
from nova_pyvirt.hypervisors.test.world import Saved
from nova_pyvirt.util.native import time

_KIND: Final = moments.Kind("checkpoint", "domaincheckpoint", Code.NO_DOMAIN_CHECKPOINT)
_REDEFINE: Final = 1
_CREATE: Final = 7
_SECURE, _NO_DOMAIN, _SIZE = 1, 2, 4
_DELETE_CHILDREN, _METADATA_ONLY, _DELETE_ONLY_CHILDREN = 1, 2, 4
_TOPOLOGICAL: Final = 2
_LIST: Final = 15


class CheckpointSlots(Base):
    """The calls."""

    @slot("testDomainCheckpointCreateXML", _CREATE)
    def domain_checkpoint_create_xml(self, dom: DomainRef, xml: str, flags: int) -> CheckpointRef:
        vm = self.vm(dom)
        if vm.private.snapshots:
            detail = "cannot create checkpoint while snapshot exists"
            raise error(Code.OPERATION_UNSUPPORTED, detail, domain=From.TEST)
        if not vm.active:
            raise invalid("cannot create checkpoint for inactive domain")
        root, name = _KIND.read(xml)
        held: dict[str, Saved] = vm.private.checkpoints
        if not flags & _REDEFINE:
            _KIND.check_new(held, name)
        one = Saved(name, vm.definition.copy(), vm.state, int(time.time()))
        one.definition.id = None
        one.description = root.findtext("description") or None
        asked = {d.get("name", ""): d.get("checkpoint") for d in root.iterfind("disks/disk")}
        for disk in vm.definition.devices.disks:
            on = not asked and disk.source is not None and not disk.readonly
            mode = asked.get(disk.target) or ("bitmap" if on or disk.target in asked else "no")
            one.disks.append((disk.target, mode))
        one.parent = root.findtext("parent/name") if flags & _REDEFINE else vm.private.checkpoint
        held[name] = one
        vm.private.checkpoint = name
        return CheckpointRef(dom, name)

    @slot("testDomainCheckpointGetXMLDesc", _SECURE | _NO_DOMAIN | _SIZE)
    def domain_checkpoint_get_xml_desc(self, point: CheckpointRef, flags: int) -> str:
        one = self._point(point)
        lines = ["<domaincheckpoint>", f"  <name>{escape(one.name)}</name>"]
        if one.description:
            lines.append(f"  <description>{escape(one.description)}</description>")
        if one.parent:
            lines += ["  <parent>", f"    <name>{escape(one.parent)}</name>", "  </parent>"]
        lines.append(f"  <creationTime>{one.created}</creationTime>")
        if one.disks:
            lines.append("  <disks>")
            for target, mode in one.disks:
                bitmap = f" bitmap={_quoted(one.name)}" if mode == "bitmap" else ""
                lines.append(f"    <disk name={_quoted(target)} checkpoint='{mode}'{bitmap}/>")
            lines.append("  </disks>")
        if not flags & _NO_DOMAIN:
            domain = one.definition.format(secure=bool(flags & _SECURE), inactive=True)
            lines += [f"  {line}" for line in domain.splitlines()]
        return "\n".join([*lines, "</domaincheckpoint>", ""])

    def _point(self, point: CheckpointRef) -> Saved:
        return _KIND.get(self.vm(point.dom).private.checkpoints, point.name)

    @slot("testDomainListAllCheckpoints", _LIST)
    def domain_list_all_checkpoints(self, dom: DomainRef, flags: int) -> list[CheckpointRef]:
        found = self._points(dom, None, not flags & moments.ROOTS, flags)
        return [CheckpointRef(dom, one.name) for one in found]

    @slot("testDomainCheckpointListAllChildren", _LIST)
    def domain_checkpoint_list_all_children(
        self, point: CheckpointRef, flags: int
    ) -> list[CheckpointRef]:
        self._point(point)
        deep = bool(flags & moments.DESCENDANTS)
        found = self._points(point.dom, point.name, deep, flags)
        return [CheckpointRef(point.dom, one.name) for one in found]

    def _points(self, dom: DomainRef, top: str | None, deep: bool, flags: int) -> list[Saved]:
        held = self.vm(dom).private.checkpoints
        return moments.chosen(held, top, deep=deep, flags=flags, test=lambda _one: True)

    @slot("testDomainCheckpointLookupByName")
    def domain_checkpoint_lookup_by_name(
        self, dom: DomainRef, name: str, flags: int
    ) -> CheckpointRef:
        _KIND.get(self.vm(dom).private.checkpoints, name)
        return CheckpointRef(dom, name)

    @slot("testDomainCheckpointGetParent")
    def domain_checkpoint_get_parent(self, point: CheckpointRef, flags: int) -> CheckpointRef:
        parent = self._point(point).parent
        if parent is None:
            raise _KIND.none(f"checkpoint '{point.name}' does not have a parent")
        return CheckpointRef(point.dom, parent)

    @slot("testDomainCheckpointDelete", _DELETE_CHILDREN | _METADATA_ONLY | _DELETE_ONLY_CHILDREN)
    def domain_checkpoint_delete(self, point: CheckpointRef, flags: int) -> None:
        one = self._point(point)
        private = self.vm(point.dom).private
        moments.remove(
            private.checkpoints,
            point.name,
            only_children=bool(flags & _DELETE_ONLY_CHILDREN),
            with_children=bool(flags & _DELETE_CHILDREN),
        )
        if private.checkpoint not in private.checkpoints:
            still = point.name in private.checkpoints
            private.checkpoint = point.name if still else one.parent
