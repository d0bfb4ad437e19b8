# SPDX-License-Identifier: Apache-2.0
"""The table's questions for snapshots and checkpoints."""

from nova_pyvirt.core.refs import CheckpointRef, DomainRef, SnapshotRef
from nova_pyvirt.hypervisors.qemu.ops import moments
from nova_pyvirt.hypervisors.qemu.ops.moments import CHECKPOINTS, SNAPSHOTS
from nova_pyvirt.hypervisors.qemu.slots.base import Slots


class MomentSlots(Slots):
    """See ops.moments."""

    def domain_snapshot_num(self, dom: DomainRef, flags: int) -> int:
        moments.check_none(self.state, dom, SNAPSHOTS, flags, "qemuDomainSnapshotNum")
        return 0

    def domain_snapshot_list_names(self, dom: DomainRef, flags: int) -> list[str]:
        moments.check_none(self.state, dom, SNAPSHOTS, flags, "qemuDomainSnapshotListNames")
        return []

    def domain_list_all_snapshots(self, dom: DomainRef, flags: int) -> list[SnapshotRef]:
        moments.check_none(self.state, dom, SNAPSHOTS, flags, "qemuDomainListAllSnapshots")
        return []

    def domain_list_all_checkpoints(self, dom: DomainRef, flags: int) -> list[CheckpointRef]:
        moments.check_none(self.state, dom, CHECKPOINTS, flags, "qemuDomainListAllCheckpoints")
        return []

    def domain_has_current_snapshot(self, dom: DomainRef, flags: int) -> int:
        return moments.has_current_snapshot(self.state, dom, flags)

    def domain_snapshot_current(self, dom: DomainRef, flags: int) -> SnapshotRef:
        moments.current_snapshot(self.state, dom, flags)

    def domain_snapshot_lookup_by_name(self, dom: DomainRef, name: str, flags: int) -> SnapshotRef:
        function = "qemuDomainSnapshotLookupByName"
        moments.not_found(self.state, dom, SNAPSHOTS, name, flags, function)

    def domain_checkpoint_lookup_by_name(
        self, dom: DomainRef, name: str, flags: int
    ) -> CheckpointRef:
        function = "qemuDomainCheckpointLookupByName"
        moments.not_found(self.state, dom, CHECKPOINTS, name, flags, function)

    def domain_backup_get_xml_desc(self, dom: DomainRef, flags: int) -> str:
        moments.backup_xml(self.state, dom, flags)
