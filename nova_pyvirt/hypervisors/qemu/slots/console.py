# SPDX-License-Identifier: Apache-2.0
"""The table's slots of consoles, channels and pictures."""

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.stream import Stream
from nova_pyvirt.hypervisors.qemu.ops import console, graphics
from nova_pyvirt.hypervisors.qemu.slots.base import Slots


class ConsoleSlots(Slots):
    """Streams from and to a guest."""

    def domain_open_graphics(self, dom: DomainRef, index: int, fd: int, flags: int) -> None:
        graphics.open_graphics(self.state, dom, index, fd, flags)

    def domain_open_graphics_fd(self, dom: DomainRef, index: int, flags: int) -> int:
        return graphics.open_graphics_fd(self.state, dom, index, flags)

    def domain_open_console(
        self, dom: DomainRef, name: str | None, stream: Stream, flags: int
    ) -> None:
        console.open_console(self.state, dom, name, stream, flags)

    def domain_open_channel(
        self, dom: DomainRef, name: str | None, stream: Stream, flags: int
    ) -> None:
        console.open_channel(self.state, dom, name, stream, flags)

    def domain_screenshot(self, dom: DomainRef, stream: Stream, screen: int, flags: int) -> str:
        return console.screenshot(self.state, dom, stream, screen, flags)
