# SPDX-License-Identifier: Apache-2.0
"""One in-memory host: its objects and who listens to them."""

import itertools
import uuid as uuidlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from nova_pyvirt.core.domain import DomainList, DomainObj
from nova_pyvirt.core.states import Shutoff, State
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test.document import Document
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import threading


class Thing:
    """A network, a pool, an interface, a node device.

    :param uuid: it has one, which is made up where the document has none
    """

    def __init__(self, document: Document, *, uuid: bool = True) -> None:
        self.document = document
        self.name = document.name
        self.uuid = document.uuid if uuid else b""
        self.active = False
        self.persistent = True
        self.autostart = False


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
        """:raises libvirtError: there is none of that name"""
        found = self.by_name.get(name)
        if found is None:
            text = f"no {self.what} with matching name '{name}'"
            raise error(self.code, text, domain=From.TEST)
        return found

    def by_uuid(self, uuid: bytes) -> T:
        """:raises libvirtError: there is none"""
        found = self._by_uuid.get(uuid)
        if found is not None:
            return found
        text = f"no {self.what} with matching uuid '{uuidlib.UUID(bytes=uuid)}'"
        raise error(self.code, text, domain=From.TEST)

    def find_uuid(self, uuid: bytes) -> T | None:
        return self._by_uuid.get(uuid)

    def all(self) -> Iterable[T]:
        return list(self.by_name.values())

    def add(self, thing: T) -> None:
        """Takes in, or takes another one's place."""
        self.by_name[thing.name] = thing
        if thing.uuid:
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
            if wanted_ref is None or _same(wanted_ref, ref):
                callback(ref, *args)


def _same(one: Any, other: Any) -> bool:
    if hasattr(one, "uuid"):
        return bool(one.uuid == other.uuid)
    return bool(one.name == other.name)


@dataclass
class Saved:
    """A snapshot or a checkpoint of a domain.

    :ivar definition: of the domain when it was made
    :ivar state: of the domain then
    :ivar created: seconds since the epoch
    :ivar disks: (target, snapshot or checkpoint mode) of each disk
    """

    name: str
    definition: Domain
    state: State
    created: int
    description: str | None = None
    parent: str | None = None
    memory: str = "no"
    disks: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class TestPrivate:
    """What the in-memory hypervisor knows of a domain beyond its definition.

    :ivar clock: seconds and nanoseconds of the guest
    :ivar frozen: whether each of its filesystems is
    :ivar iothreads: polling parameters by id
    """

    __test__ = False  # not a test case

    clock: tuple[int, int] = (627319920, 0)
    frozen: list[bool] = field(default_factory=lambda: [False, False])
    iothreads: dict[int, dict[str, int]] = field(default_factory=dict)
    snapshots: dict[str, Saved] = field(default_factory=dict)
    snapshot: str | None = None
    checkpoints: dict[str, Saved] = field(default_factory=dict)
    checkpoint: str | None = None


@dataclass(frozen=True)
class Node:
    """The host (virNodeInfo); memory in KiB.

    :ivar users: name and password of those who may connect; anybody when empty
    """

    model: str = "i686"
    memory: int = 3145728
    cpus: int = 16
    mhz: int = 1400
    nodes: int = 2
    sockets: int = 2
    cores: int = 2
    threads: int = 2
    users: tuple[tuple[str, str | None], ...] = ()

    @property
    def maximum(self) -> int:
        """VIR_NODEINFO_MAXCPUS."""
        return self.nodes * self.sockets * self.cores * self.threads


class World:
    """One test host."""

    def __init__(self, node: Node = Node()) -> None:
        self.lock = threading.RLock()
        self.node = node
        self.domains = DomainList()
        self.networks: Things[Thing] = Things(Code.NO_NETWORK, "network")
        self.pools: Things[Any] = Things(Code.NO_STORAGE_POOL, "storage pool")
        self.interfaces: Things[Thing] = Things(Code.NO_INTERFACE, "interface")
        #: the interfaces before the transaction under way
        self.backup: Things[Thing] | None = None
        self.devices: Things[Thing] = Things(Code.NO_NODE_DEVICE, "node device")
        self.events = Events()
        self._ids = itertools.count(1)

    def start(self, vm: DomainObj, reason: int) -> None:
        """Makes it run (no events)."""
        vm.set_state(State.RUNNING, reason)
        if vm.persistent:
            vm.new_definition = vm.definition
            vm.definition = vm.definition.copy()
        vm.id = vm.definition.id = next(self._ids)
        vm.has_managed_save = False

    def stop(self, vm: DomainObj, reason: Shutoff) -> None:
        """Makes it end (no events); its list entry stays."""
        if vm.new_definition is not None:
            vm.definition, vm.new_definition = vm.new_definition, None
        vm.id, vm.definition.id = -1, None
        vm.set_state(State.SHUTOFF, reason)
