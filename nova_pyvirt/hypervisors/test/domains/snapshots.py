# SPDX-License-Identifier: Apache-2.0
"""Snapshots: definition and state of a domain, to come back to."""

from typing import Final
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.refs import DomainRef, SnapshotRef
from nova_pyvirt.core.states import Life, Paused, Running, Shutoff, State
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test.domains import moments
from nova_pyvirt.hypervisors.test.domains.lifecycle import LifecycleSlots
from nova_pyvirt.hypervisors.test.slots import invalid, slot
from nova_pyvirt.hypervisors.test.world import Saved
from nova_pyvirt.util.native import time

_KIND: Final = moments.Kind("snapshot", "domainsnapshot", Code.NO_DOMAIN_SNAPSHOT)
_REDEFINE, _CURRENT, _HALT = 1, 2, 8
_CREATE: Final = _REDEFINE | _CURRENT | _HALT | 64 | 128 | 256 | 512
_SECURE: Final = 1
_DELETE_CHILDREN, _DELETE_METADATA, _DELETE_ONLY_CHILDREN = 1, 2, 4
_REVERT_RUNNING, _REVERT_PAUSED, _REVERT_FORCE = 1, 2, 4
_LIST: Final = 0x7FF
_NO_METADATA: Final = 1 << 9
_STOPPED, _STARTED, _SUSPENDED = 6, 3, 5
_STATES: Final = {
    State.RUNNING: "running", State.PAUSED: "paused", State.SHUTOFF: "shutoff",
    State.CRASHED: "crashed",
}  # fmt: skip
_ACTIVE: Final = (State.RUNNING, State.PAUSED)


class SnapshotSlots(LifecycleSlots):
    """The calls."""

    @slot("testDomainSnapshotCreateXML", _CREATE)
    def domain_snapshot_create_xml(self, dom: DomainRef, xml: str, flags: int) -> SnapshotRef:
        vm = self.vm(dom)
        if vm.private.checkpoints:
            detail = "cannot create snapshot while checkpoint exists"
            raise error(Code.OPERATION_UNSUPPORTED, detail, domain=From.TEST)
        if not vm.persistent and flags & _HALT:
            raise invalid("cannot halt after transient domain snapshot")
        root, name = _KIND.read(xml)
        held: dict[str, Saved] = vm.private.snapshots
        if not flags & _REDEFINE:
            _KIND.check_new(held, name)
        one = self._make(vm, root, name)
        if flags & _REDEFINE:
            one.parent = root.findtext("parent/name")
        else:
            one.parent = vm.private.snapshot
        held[name] = one
        if not flags & _REDEFINE or flags & _CURRENT:
            vm.private.snapshot = name
        if flags & _HALT and vm.active:
            self.end(vm, Shutoff.FROM_SNAPSHOT, _STOPPED)
        return SnapshotRef(dom, name)

    @staticmethod
    def _make(vm: DomainObj, root: etree._Element, name: str) -> Saved:
        one = Saved(name, vm.definition.copy(), vm.state, int(time.time()))
        one.definition.id = None
        text = root.findtext("description")
        one.description = text or None
        memory = root.find("memory")
        asked = memory.get("snapshot") if memory is not None else None
        one.memory = asked or ("internal" if vm.active else "no")
        one.disks = _disks(vm, root, external=one.memory == "external")
        return one

    @slot()
    def domain_snapshot_get_xml_desc(self, snap: SnapshotRef, flags: int) -> str:
        one = self._snap(snap)
        lines = ["<domainsnapshot>", f"  <name>{escape(one.name)}</name>"]
        if one.description:
            lines.append(f"  <description>{escape(one.description)}</description>")
        lines.append(f"  <state>{_STATES.get(one.state, 'shutoff')}</state>")
        if one.parent:
            lines += ["  <parent>", f"    <name>{escape(one.parent)}</name>", "  </parent>"]
        lines.append(f"  <creationTime>{one.created}</creationTime>")
        lines.append(f"  <memory snapshot='{one.memory}'/>")
        if one.disks:
            lines.append("  <disks>")
            lines += [f"    <disk name={_quoted(t)} snapshot='{m}'/>" for t, m in one.disks]
            lines.append("  </disks>")
        domain = one.definition.format(secure=bool(flags & _SECURE), inactive=True)
        lines += [f"  {line}" for line in domain.splitlines()]
        return "\n".join([*lines, "</domainsnapshot>", ""])

    def _snap(self, snap: SnapshotRef) -> Saved:
        return _KIND.get(self.vm(snap.dom).private.snapshots, snap.name)

    # --- lists

    @slot("testDomainSnapshotNum", _LIST)
    def domain_snapshot_num(self, dom: DomainRef, flags: int) -> int:
        return len(self._snaps(dom, None, not flags & moments.ROOTS, flags))

    @slot("testDomainSnapshotListNames", _LIST)
    def domain_snapshot_list_names(self, dom: DomainRef, flags: int) -> list[str]:
        return [one.name for one in self._snaps(dom, None, not flags & moments.ROOTS, flags)]

    @slot("testDomainListAllSnapshots", _LIST)
    def domain_list_all_snapshots(self, dom: DomainRef, flags: int) -> list[SnapshotRef]:
        found = self._snaps(dom, None, not flags & moments.ROOTS, flags)
        return [SnapshotRef(dom, one.name) for one in found]

    @slot("testDomainSnapshotNumChildren", _LIST)
    def domain_snapshot_num_children(self, snap: SnapshotRef, flags: int) -> int:
        return len(self._children(snap, flags))

    @slot("testDomainSnapshotListChildrenNames", _LIST)
    def domain_snapshot_list_children_names(self, snap: SnapshotRef, flags: int) -> list[str]:
        return [one.name for one in self._children(snap, flags)]

    @slot("testDomainSnapshotListAllChildren", _LIST)
    def domain_snapshot_list_all_children(self, snap: SnapshotRef, flags: int) -> list[SnapshotRef]:
        return [SnapshotRef(snap.dom, one.name) for one in self._children(snap, flags)]

    def _children(self, snap: SnapshotRef, flags: int) -> list[Saved]:
        self._snap(snap)
        return self._snaps(snap.dom, snap.name, bool(flags & moments.DESCENDANTS), flags)

    def _snaps(self, dom: DomainRef, top: str | None, deep: bool, flags: int) -> list[Saved]:
        held = self.vm(dom).private.snapshots
        states = {1 << 4: (State.SHUTOFF,), 1 << 5: _ACTIVE, 1 << 6: ()}
        asked = [wanted for bit, wanted in states.items() if flags & bit]
        place = flags & (1 << 7 | 1 << 8)
        if flags & _NO_METADATA and not flags & 1 << 1:
            return []

        def test(one: Saved) -> bool:
            if asked and not any(one.state in wanted for wanted in asked):
                return False
            return place in (0, 1 << 7, 1 << 7 | 1 << 8)  # all of them are internal

        return moments.chosen(held, top, deep=deep, flags=flags, test=test)

    # --- which

    @slot("testDomainSnapshotLookupByName")
    def domain_snapshot_lookup_by_name(self, dom: DomainRef, name: str, flags: int) -> SnapshotRef:
        _KIND.get(self.vm(dom).private.snapshots, name)
        return SnapshotRef(dom, name)

    @slot("testDomainHasCurrentSnapshot")
    def domain_has_current_snapshot(self, dom: DomainRef, flags: int) -> int:
        return int(self.vm(dom).private.snapshot is not None)

    @slot("testDomainSnapshotCurrent")
    def domain_snapshot_current(self, dom: DomainRef, flags: int) -> SnapshotRef:
        name = self.vm(dom).private.snapshot
        if name is None:
            raise _KIND.none("the domain does not have a current snapshot")
        return SnapshotRef(dom, name)

    @slot("testDomainSnapshotGetParent")
    def domain_snapshot_get_parent(self, snap: SnapshotRef, flags: int) -> SnapshotRef:
        parent = self._snap(snap).parent
        if parent is None:
            raise _KIND.none(f"snapshot '{snap.name}' does not have a parent")
        return SnapshotRef(snap.dom, parent)

    @slot("testDomainSnapshotIsCurrent")
    def domain_snapshot_is_current(self, snap: SnapshotRef, flags: int) -> int:
        self._snap(snap)
        return int(self.vm(snap.dom).private.snapshot == snap.name)

    @slot("testDomainSnapshotHasMetadata")
    def domain_snapshot_has_metadata(self, snap: SnapshotRef, flags: int) -> int:
        self._snap(snap)
        return 1

    # --- change

    @slot("testDomainSnapshotDelete", _DELETE_CHILDREN | _DELETE_ONLY_CHILDREN)
    def domain_snapshot_delete(self, snap: SnapshotRef, flags: int) -> None:
        one = self._snap(snap)
        private = self.vm(snap.dom).private
        moments.remove(
            private.snapshots,
            snap.name,
            only_children=bool(flags & _DELETE_ONLY_CHILDREN),
            with_children=bool(flags & _DELETE_CHILDREN),
        )
        if private.snapshot not in private.snapshots:
            still = snap.name in private.snapshots
            private.snapshot = snap.name if still else one.parent

    @slot("testDomainRevertToSnapshot", _REVERT_RUNNING | _REVERT_PAUSED | _REVERT_FORCE)
    def domain_revert_to_snapshot(self, snap: SnapshotRef, flags: int) -> None:
        vm, one = self.vm(snap.dom), self._snap(snap)
        asked = flags & (_REVERT_RUNNING | _REVERT_PAUSED)
        if not vm.persistent and one.state not in _ACTIVE and not asked:
            detail = "transient domain needs to request run or pause to revert to inactive"
            raise invalid(f"{detail} snapshot")
        if vm.active:
            self.world.stop(vm, Shutoff.FROM_SNAPSHOT)
            self.tell(vm.ref, Life.STOPPED, _STOPPED)
        vm.definition = one.definition.copy()
        if one.state in _ACTIVE or asked:
            self.world.start(vm, Running.FROM_SNAPSHOT)
            self.tell(vm.ref, Life.STARTED, _STARTED)
            paused = one.state is State.PAUSED or asked & _REVERT_PAUSED
            if paused and not asked & _REVERT_RUNNING:
                vm.set_state(State.PAUSED, Paused.FROM_SNAPSHOT)
                self.tell(vm.ref, Life.SUSPENDED, _SUSPENDED)
        vm.private.snapshot = snap.name


def _disks(vm: DomainObj, root: etree._Element, *, external: bool) -> list[tuple[str, str]]:
    """Each disk's mode (virDomainSnapshotAlignDisks).

    :raises libvirtError: CONFIG_UNSUPPORTED
    """
    asked = {d.get("name", ""): d.get("snapshot") for d in root.iterfind("disks/disk")}
    known = {disk.target: disk for disk in vm.definition.devices.disks}
    for name in asked:
        if name not in known:
            raise _unsupported(f"no disk named '{name}'")
    made = []
    for target, disk in known.items():
        if external and asked.get(target) is None:
            detail = f"source for disk '{target}' is not a regular file; refusing to generate"
            raise _unsupported(f"{detail} external snapshot name")
        mode = asked.get(target) or ("no" if disk.readonly else "internal")
        if mode == "external" and not external:
            raise _unsupported(f"disk '{target}' must use snapshot mode 'internal'")
        made.append((target, mode))
    return made


def _unsupported(detail: str) -> Exception:
    return error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN_SNAPSHOT)


def _quoted(text: str) -> str:
    return "'" + quoteattr(text)[1:-1].replace("'", "&apos;") + "'"
