# SPDX-License-Identifier: Apache-2.0
"""The table's block jobs."""

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu.ops import blockjobs
from nova_pyvirt.hypervisors.qemu.slots.base import Slots
from nova_pyvirt.util.typed import Params


class BlockJobSlots(Slots):
    """See ops.blockjobs."""

    def domain_block_pull(self, dom: DomainRef, path: str, bandwidth: int, flags: int) -> None:
        blockjobs.pull(self.state, dom, path, bandwidth, flags)

    def domain_block_rebase(
        self, dom: DomainRef, path: str, base: str | None, bandwidth: int, flags: int
    ) -> None:
        blockjobs.rebase(self.state, dom, path, base, bandwidth, flags)

    def domain_block_copy(
        self,
        dom: DomainRef,
        path: str,
        xml: str,
        params: Params,
        flags: int,
    ) -> None:
        blockjobs.block_copy(self.state, dom, path, xml, params, flags)

    def domain_block_commit(
        self,
        dom: DomainRef,
        disk: str,
        base: str | None,
        top: str | None,
        bandwidth: int,
        flags: int,
    ) -> None:
        blockjobs.commit(self.state, dom, disk, base, top, bandwidth, flags)

    def domain_get_block_job_info(
        self, dom: DomainRef, path: str, flags: int
    ) -> tuple[int, int, int, int, int]:
        return blockjobs.get_info(self.state, dom, path, flags)

    def domain_block_job_abort(self, dom: DomainRef, path: str, flags: int) -> None:
        blockjobs.abort(self.state, dom, path, flags)

    def domain_block_job_set_speed(
        self, dom: DomainRef, path: str, bandwidth: int, flags: int
    ) -> None:
        blockjobs.set_speed(self.state, dom, path, bandwidth, flags)
