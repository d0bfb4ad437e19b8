# SPDX-License-Identifier: Apache-2.0
"""The driver table of the in-memory hypervisor."""

from collections.abc import Callable

from nova_pyvirt.core.drivertable import DriverTable
from nova_pyvirt.hypervisors.test.domains import DomainSlots
from nova_pyvirt.hypervisors.test.host import HostSlots
from nova_pyvirt.hypervisors.test.interfaces import InterfaceSlots
from nova_pyvirt.hypervisors.test.networks import NetworkSlots
from nova_pyvirt.hypervisors.test.nodedevs import NodeDeviceSlots
from nova_pyvirt.hypervisors.test.volumes import VolumeSlots
from nova_pyvirt.hypervisors.test.world import World
from nova_pyvirt.util.native import threading


class TestTable(
    DomainSlots, NetworkSlots, InterfaceSlots, VolumeSlots, NodeDeviceSlots, HostSlots, DriverTable
):
    """One connection.

    :param world: the host
    :param leave: called once when the connection ends
    """

    __test__ = False  # not a test case
    #: events come from the calls that cause them, before these return
    events_in_caller = True

    def __init__(self, uri: str, readonly: bool, world: World, leave: Callable[[], None]) -> None:
        self.uri = uri
        self.readonly = readonly
        self.world = world
        self._leave: Callable[[], None] | None = leave
        self._guard = threading.Lock()

    def close(self) -> None:
        """Ends the connection."""
        with self._guard:
            leave, self._leave = self._leave, None
        if leave is not None:
            leave()
