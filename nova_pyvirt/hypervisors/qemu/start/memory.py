# SPDX-License-Identifier: Apache-2.0
"""Between launch and refresh: vCPUs that are plugged in (qemuProcessSetupHotpluggableVcpus), then the
guest's memory is read in (qemuMigrationDstRun)."""

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import plug
from nova_pyvirt.hypervisors.qemu.migration import wait
from nova_pyvirt.hypervisors.qemu.start.context import Start
from nova_pyvirt.hypervisors.qemu.start.launch import last_words
from nova_pyvirt.util.breakpoints import reach


def run(start: Start) -> None:
    """The memory of a guest that boots is empty.

    :raises libvirtError: INTERNAL_ERROR with QEMU's own words when it can't read the memory;
        CONFIG_UNSUPPORTED for <vcpus> that the machine can't have
    """
    incoming = start.incoming
    with start.private.stage("memory"):
        try:
            plug.at_start(start.vm)  # memory that is read in names them
            if incoming is None or not incoming.source:
                return
            wait.enable_events(start.private)
            start.private.mon.command("migrate-incoming", {"uri": incoming.source})
            reach("start-incoming")
            wait.incoming(start.vm, start.private)
        except libvirtError as exc:
            raise last_words(start, exc) from exc
