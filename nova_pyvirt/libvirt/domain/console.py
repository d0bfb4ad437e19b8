# SPDX-License-Identifier: Apache-2.0
"""Consoles, channels, graphics, screenshots."""

from typing import Any

from nova_pyvirt.libvirt.call import Int, Str, bind
from nova_pyvirt.libvirt.objects import Owned

_DOMAIN_OPEN_CONSOLE: Int = bind("virDomainOpenConsole")
_DOMAIN_OPEN_CHANNEL: Int = bind("virDomainOpenChannel")
_DOMAIN_OPEN_GRAPHICS: Int = bind("virDomainOpenGraphics")
_DOMAIN_OPEN_GRAPHICS_FD: Int = bind("virDomainOpenGraphicsFD")
_DOMAIN_GRAPHICS_RELOAD: Int = bind("virDomainGraphicsReload")
_DOMAIN_SCREENSHOT: Str = bind("virDomainScreenshot")


class Console(Owned):
    """Methods of virDomain."""

    def openConsole(self, dev_name: str | None, st: Any, flags: int = 0) -> int:
        """virDomainOpenConsole (libvirt 0.8.6; domain:open-device)."""
        return _DOMAIN_OPEN_CONSOLE(self, dev_name, st, flags)

    def openChannel(self, name: str | None, st: Any, flags: int = 0) -> int:
        """virDomainOpenChannel (libvirt 1.0.2; domain:open-device)."""
        return _DOMAIN_OPEN_CHANNEL(self, name, st, flags)

    def openGraphics(self, idx: int, fd: int, flags: int = 0) -> int:
        """virDomainOpenGraphics (libvirt 0.9.7; domain:open-graphics)."""
        return _DOMAIN_OPEN_GRAPHICS(self, idx, fd, flags)

    def openGraphicsFD(self, idx: int, flags: int = 0) -> int:
        """virDomainOpenGraphicsFD (libvirt 1.2.8)."""
        return _DOMAIN_OPEN_GRAPHICS_FD(self, idx, flags)

    def graphicsReload(self, type: int, flags: int = 0) -> int:
        """virDomainGraphicsReload (libvirt 10.2.0; domain:write)."""
        return _DOMAIN_GRAPHICS_RELOAD(self, type, flags)

    def screenshot(self, stream: Any, screen: int, flags: int = 0) -> str:
        """virDomainScreenshot (libvirt 0.9.2; domain:screenshot)."""
        return _DOMAIN_SCREENSHOT(self, stream, screen, flags)
