# SPDX-License-Identifier: Apache-2.0
"""Which driver tables clients get; the daemon's own stays open, so that guests are looked after
while no client is there.
"""

from typing import Any, Final

from nova_pyvirt.core import registry
from nova_pyvirt.core.uri import parse
from nova_pyvirt.errors import Code, From, error

#: paths that are easily taken for hosts
_PLACES: Final = ("system", "session")


class Drivers:
    """Opens tables for clients.

    :param uri: what a client gets that names nothing; also what :meth:`start` opens
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._own: Any = None

    def start(self) -> None:
        """Opens the daemon's own connection: definitions are loaded, running guests re-adopted.

        Raises what the driver does, RESOURCE_BUSY when another process has the directories.
        """
        self._own = registry.open_connection(self.uri, 0, None)

    def __call__(self, name: str | None, flags: int) -> Any:
        """The table for one client; raises NO_CONNECT for what is not this host's."""
        if not name or name == self.uri:
            return registry.open_connection(self.uri, flags, None)
        uri = parse(name)
        if uri.server in _PLACES and not uri.path.strip("/"):
            # how libvirt's client writes scheme:place, too
            text = f"invalid URI {name} (maybe you want {uri.scheme}:///{uri.server})"
            raise error(Code.INTERNAL_ERROR, text, domain=From.NONE)
        if registry.is_remote(uri) or uri.path == "/embed":
            # a client must not make the daemon connect elsewhere, or use directories he names
            raise error(Code.NO_CONNECT, name, domain=From.RPC)
        return registry.open_connection(name, flags, None)

    def reload(self) -> None:
        """Hooks that have come or gone count from now on."""
        if self._own is not None:
            self._own.reload()

    def busy(self) -> bool:
        """Whether guests run."""
        return self._own is not None and self._own.connect_num_of_domains() > 0

    def close(self) -> None:
        """The daemon ends; guests go on."""
        own, self._own = self._own, None
        if own is not None:
            own.close()
