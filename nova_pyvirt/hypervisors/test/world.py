# SPDX-License-Identifier: Apache-2.0
"""The in-memory host: its objects, one lock, its events."""

import itertools
import uuid as uuidlib
from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, TypeVar

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test import fixture
from nova_pyvirt.hypervisors.test.document import Document
from nova_pyvirt.util.native import threading, time

# virDomainState and reasons
RUNNING, PAUSED, SHUTOFF = 1, 3, 5
#: sort of a definition: Domain, Network and so on; for events
DOMAIN: Final = "Domain"


class Thing:
    """A network, a pool or an interface."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.name = document.name
        self.uuid = document.uuid
        self.active = False
        self.persistent = True
        self.autostart = False


class TestDomain(Thing):
    """A guest that exists only here.

    :ivar document: the live definition while it runs
    :ivar config: the definition for the next start, when it runs and differs
    """

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self.config: Document | None = None
        self.id = -1
        self.state = SHUTOFF
        self.reason = 0
        self.started = 0.0
        self.saved: int | None = None
        self.metadata: dict[tuple[int, str | None], str] = {}
        self.metadata_key: dict[str, str] = {}

    @property
    def ref(self) -> DomainRef:
        return DomainRef(self.name, self.uuid, self.id)


T = TypeVar("T", bound=Thing)


class Things(Generic[T]):
    """Objects of one kind by name.

    :param code: the error when one isn't there
    """

    def __init__(self, code: Code, what: str) -> None:
        self.code = code
        self.what = what
        self.by_name: dict[str, T] = {}
        self._by_uuid: dict[bytes, T] = {}

    def get(self, name: str) -> T:
        found = self.by_name.get(name)
        if found is None:
            text = f"no {self.what} with matching name '{name}'"
            raise error(self.code, text, domain=From.TEST)
        return found

    def by_uuid(self, uuid: bytes) -> T:
        found = self._by_uuid.get(uuid)
        if found is not None:
            return found
        text = f"no {self.what} with matching uuid '{uuidlib.UUID(bytes=uuid)}'"
        raise error(self.code, text, domain=From.TEST)

    def all(self) -> Iterable[T]:
        return list(self.by_name.values())

    def add(self, thing: T) -> None:
        """A new one; raises OPERATION_FAILED when the UUID belongs to another name."""
        other = self._by_uuid.get(thing.uuid)
        if other is not None and other.name != thing.name:
            text = f"{self.what} '{other.name}' is already defined with this uuid"
            raise error(Code.OPERATION_FAILED, text, domain=From.TEST)
        self.by_name[thing.name] = thing
        self._by_uuid[thing.uuid] = thing

    def drop(self, thing: T) -> None:
        """One less."""
        self.by_name.pop(thing.name, None)
        self._by_uuid.pop(thing.uuid, None)


class Events:
    """Who wants which events; callbacks only enqueue, so they are called with the lock held."""

    def __init__(self) -> None:
        self._ids = itertools.count()
        self._wanted: dict[int, tuple[str, int, Any, Callable[..., None]]] = {}

    def add(self, family: str, ref: Any, event_id: int, callback: Callable[..., None]) -> int:
        number = next(self._ids)
        self._wanted[number] = (family, event_id, ref, callback)
        return number

    def remove(self, number: int) -> None:
        if self._wanted.pop(number, None) is None:
            text = f"could not find event callback {number} for deletion"
            raise error(Code.INVALID_ARG, text, domain=From.EVENT)

    def emit(self, family: str, event_id: int, ref: Any, *args: Any) -> None:
        for wanted_family, wanted_id, wanted_ref, callback in list(self._wanted.values()):
            if (wanted_family, wanted_id) != (family, event_id):
                continue
            if wanted_ref is None or wanted_ref.uuid == ref.uuid:
                callback(ref, *args)


class World:
    """One test host."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.domains: Things[TestDomain] = Things(Code.NO_DOMAIN, "domain")
        self.networks: Things[Thing] = Things(Code.NO_NETWORK, "network")
        self.pools: Things[Thing] = Things(Code.NO_STORAGE_POOL, "storage pool")
        self.interfaces: Things[Thing] = Things(Code.NO_INTERFACE, "interface")
        self.devices: Things[Thing] = Things(Code.NO_NODE_DEVICE, "node device")
        self.events = Events()
        self._ids = itertools.count(1)

    @classmethod
    def default(cls) -> "World":
        """test:///default as it starts."""
        world = cls()
        domain = TestDomain(Document.parse(fixture.DOMAIN, "domain"))
        world.domains.add(domain)
        world.start(domain, 0)
        for things, xml, kind in (
            (world.networks, fixture.NETWORK, "network"),
            (world.pools, fixture.POOL, "pool"),
            (world.interfaces, fixture.INTERFACE, "interface"),
            (world.devices, fixture.DEVICE, "device"),
        ):
            thing = Thing(Document.parse(xml, kind))
            thing.active = True
            things.add(thing)
        return world

    def start(self, domain: TestDomain, reason: int, paused: bool = False) -> None:
        """Makes it run (no events)."""
        domain.id = next(self._ids)
        domain.active = True
        domain.state, domain.reason = (PAUSED, 11) if paused else (RUNNING, reason)
        domain.started = time.monotonic()
        if domain.persistent:
            domain.config = domain.document.copy()

    def stop(self, domain: TestDomain, reason: int) -> None:
        """Makes it end (no events); a transient one is gone."""
        domain.id = -1
        domain.active = False
        domain.state, domain.reason = SHUTOFF, reason
        if domain.config is not None:
            domain.document, domain.config = domain.config, None
        if not domain.persistent:
            self.domains.drop(domain)


_default: list[World] = []
_guard = threading.Lock()


def shared() -> World:
    """The world all connections to test:///default share."""
    with _guard:
        if not _default:
            _default.append(World.default())
        return _default[0]


def forget() -> None:
    """The last connection is closed: the next one finds a fresh world."""
    with _guard:
        _default.clear()
