# SPDX-License-Identifier: Apache-2.0
"""Snapshots and checkpoints of a domain."""

from nova_pyvirt.libvirt.call import Int, Ref, Refs, Strs, bind
from nova_pyvirt.libvirt.checkpoint import virDomainCheckpoint
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.libvirt.snapshot import virDomainSnapshot

_DOMAIN_SNAPSHOT_CREATE_XML: Ref = bind("virDomainSnapshotCreateXML")
_DOMAIN_SNAPSHOT_CURRENT: Ref = bind("virDomainSnapshotCurrent")
_DOMAIN_SNAPSHOT_LOOKUP_BY_NAME: Ref = bind("virDomainSnapshotLookupByName")
_DOMAIN_SNAPSHOT_NUM: Int = bind("virDomainSnapshotNum")
_DOMAIN_SNAPSHOT_LIST_NAMES: Strs = bind("virDomainSnapshotListNames")
_DOMAIN_HAS_CURRENT_SNAPSHOT: Int = bind("virDomainHasCurrentSnapshot")
_REVERT_TO_SNAPSHOT: Int = bind("virDomainRevertToSnapshot", args="flags:I")
_DOMAIN_LIST_ALL_SNAPSHOTS: Refs = bind("virDomainListAllSnapshots")
_DOMAIN_CHECKPOINT_CREATE_XML: Ref = bind("virDomainCheckpointCreateXML")
_DOMAIN_CHECKPOINT_LOOKUP_BY_NAME: Ref = bind("virDomainCheckpointLookupByName")
_DOMAIN_LIST_ALL_CHECKPOINTS: Refs = bind("virDomainListAllCheckpoints")


class Snapshots(Owned):
    """Methods of virDomain."""

    def snapshotCreateXML(self, xmlDesc: str, flags: int = 0) -> virDomainSnapshot:
        """virDomainSnapshotCreateXML (libvirt 0.8.0; domain:snapshot)."""
        return virDomainSnapshot(self, _DOMAIN_SNAPSHOT_CREATE_XML(self, xmlDesc, flags))

    def snapshotCurrent(self, flags: int = 0) -> virDomainSnapshot:
        """virDomainSnapshotCurrent (libvirt 0.8.0; domain:read)."""
        return virDomainSnapshot(self, _DOMAIN_SNAPSHOT_CURRENT(self, flags))

    def snapshotLookupByName(self, name: str, flags: int = 0) -> virDomainSnapshot:
        """virDomainSnapshotLookupByName (libvirt 0.8.0; domain:read)."""
        return virDomainSnapshot(self, _DOMAIN_SNAPSHOT_LOOKUP_BY_NAME(self, name, flags))

    def snapshotNum(self, flags: int = 0) -> int:
        """virDomainSnapshotNum (libvirt 0.8.0; domain:read)."""
        return _DOMAIN_SNAPSHOT_NUM(self, flags)

    def snapshotListNames(self, flags: int = 0) -> list[str]:
        """virDomainSnapshotListNames (libvirt 0.8.0; domain:read)."""
        return _DOMAIN_SNAPSHOT_LIST_NAMES(self, flags)

    def hasCurrentSnapshot(self, flags: int = 0) -> int:
        """virDomainHasCurrentSnapshot (libvirt 0.8.0; domain:read)."""
        return _DOMAIN_HAS_CURRENT_SNAPSHOT(self, flags)

    def revertToSnapshot(self, snap: virDomainSnapshot, flags: int = 0) -> int:
        """virDomainRevertToSnapshot (libvirt 0.8.0; domain:snapshot)."""
        return _REVERT_TO_SNAPSHOT(snap, flags)

    def listAllSnapshots(self, flags: int = 0) -> list[virDomainSnapshot]:
        """virDomainListAllSnapshots (libvirt 0.9.13; domain:read)."""
        return [virDomainSnapshot(self, ref) for ref in _DOMAIN_LIST_ALL_SNAPSHOTS(self, flags)]

    def checkpointCreateXML(self, xmlDesc: str, flags: int = 0) -> virDomainCheckpoint:
        """virDomainCheckpointCreateXML (libvirt 5.6.0; domain:checkpoint)."""
        return virDomainCheckpoint(self, _DOMAIN_CHECKPOINT_CREATE_XML(self, xmlDesc, flags))

    def checkpointLookupByName(self, name: str, flags: int = 0) -> virDomainCheckpoint:
        """virDomainCheckpointLookupByName (libvirt 5.6.0; domain:read)."""
        return virDomainCheckpoint(self, _DOMAIN_CHECKPOINT_LOOKUP_BY_NAME(self, name, flags))

    def listAllCheckpoints(self, flags: int = 0) -> list[virDomainCheckpoint]:
        """virDomainListAllCheckpoints (libvirt 5.6.0; domain:read)."""
        return [virDomainCheckpoint(self, ref) for ref in _DOMAIN_LIST_ALL_CHECKPOINTS(self, flags)]
