# SPDX-License-Identifier: Apache-2.0
"""Between launch and refresh: the guest's memory is read in (qemuMigrationDstRun)."""

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.migration import wait
from nova_pyvirt.hypervisors.qemu.start.context import Start
from nova_pyvirt.hypervisors.qemu.start.launch import last_words
from nova_pyvirt.util.breakpoints import reach


def run(start: Start) -> None:
    """Nothing for a guest that boots.

    :raises libvirtError: INTERNAL_ERROR with QEMU's own words when it can't read the memory
    """
    incoming = start.incoming
    if incoming is None or not incoming.source:
        return
    with start.private.stage("incoming"):
        try:
            wait.enable_events(start.private)
            start.private.mon.command("migrate-incoming", {"uri": incoming.source})
            reach("start-incoming")
            wait.incoming(start.vm, start.private)
        except libvirtError as exc:
            raise last_words(start, exc) from exc
