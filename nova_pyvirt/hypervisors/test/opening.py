# SPDX-License-Identifier: Apache-2.0
"""The host behind a URI: ``test:///default``, or ``test:///path/to/node.xml``.

All connections of the process to test:///default share one host, which is forgotten with the last
of them; a file is read anew for each.
"""

import os.path
from typing import Any, Final

from lxml import etree

from nova_pyvirt.core.registry import AuthSpec
from nova_pyvirt.core.states import Shutoff, State
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test import fixture, interfaces, networks, storage
from nova_pyvirt.hypervisors.test.document import Document
from nova_pyvirt.hypervisors.test.domains.iothreads import POLLING
from nova_pyvirt.hypervisors.test.storage import Pool, Volume
from nova_pyvirt.hypervisors.test.table import TestTable
from nova_pyvirt.hypervisors.test.world import Node, Thing, World
from nova_pyvirt.model import document
from nova_pyvirt.util.native import threading

_READ_ONLY: Final = 1
_AUTHNAME, _PASSPHRASE, _NOECHOPROMPT = 2, 5, 7
_SPACE: Final = "{http://libvirt.org/schemas/domain/test/1.0}"
_STATES: Final = range(1, 8)

_guard = threading.Lock()
_default: list[World] = []
_users = 0


def open_table(uri: str, flags: int, auth: AuthSpec | None = None) -> TestTable:
    """What core.registry calls for ``test:///``.

    :raises libvirtError: INVALID_ARG without a path; what the file's content says; AUTH_FAILED
    """
    path = uri.partition("?")[0].partition("://")[2]
    if path in ("", "/"):
        detail = "testOpen: supply a path or use test:///default"
        raise error(Code.INVALID_ARG, detail, domain=From.TEST)
    if path == "/default":
        return TestTable(uri, bool(flags & _READ_ONLY), _share(), _leave)
    world = read(path)
    _authenticate(world.node, auth)
    return TestTable(uri, bool(flags & _READ_ONLY), world, lambda: None)


def _share() -> World:
    global _users
    with _guard:
        if not _default:
            _default.append(default())
        _users += 1
        return _default[0]


def _leave() -> None:
    global _users
    with _guard:
        _users -= 1
        if not _users:
            _default.clear()


def default() -> World:
    """test:///default as it starts."""
    world = World()
    _domain(world, fixture.DOMAIN, State.RUNNING)
    _add(world.networks, Thing(networks.read(fixture.NETWORK)))
    _add(world.pools, Pool(storage.read(fixture.POOL)))
    _add(world.interfaces, Thing(interfaces.read(fixture.INTERFACE), uuid=False))
    for text in (*map(fixture.scsi_host, fixture.SCSI_HOSTS), fixture.DEVICE):
        _add(world.devices, _device(text))
    return world


def _add(things: Any, thing: Thing) -> None:
    thing.active = True
    things.add(thing)


def _domain(
    world: World, xml: str, state: State, *, persistent: bool = True, saved: bool = False
) -> None:
    """Adds a domain in a state."""
    table = TestTable("test:///default", False, world, lambda: None)
    ref = table.domain_define_xml(xml)
    vm = world.domains.by_uuid(ref.uuid)
    assert vm is not None  # it was just defined
    vm.persistent = persistent
    if state is not State.SHUTOFF:
        world.start(vm, 0)
    else:
        world.stop(vm, Shutoff.UNKNOWN)
    vm.private.iothreads = {one.id: dict(POLLING) for one in vm.definition.iothread_ids}
    vm.has_managed_save = saved
    vm.set_state(state, 0)


def read(path: str) -> World:
    """The host that a file describes (libvirt's examples/xml/test/testnode.xml).

    :raises libvirtError: XML_ERROR, XML_DETAIL, and what the objects' own documents say
    """
    root = document.load(_text(path), "node", name=path, domain=From.TEST)
    world = World(_node(root))
    for one in root.iterfind("domain"):
        one = _referred(one, path)
        _domain(
            world,
            etree.tostring(one, encoding="unicode"),
            _state(one),
            persistent=one.find(f"{_SPACE}transient") is None,
            saved=one.find(f"{_SPACE}hasmanagedsave") is not None,
        )
    for tag, things, make in (
        ("network", world.networks, lambda text: Thing(networks.read(text))),
        ("interface", world.interfaces, _interface),
        ("device", world.devices, _device),
    ):
        for one in root.iterfind(tag):
            _add(things, make(etree.tostring(_referred(one, path), encoding="unicode")))
    for one in root.iterfind("pool"):
        _pool(world, _referred(one, path), path)
    return world


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as exc:
        detail = f"failed to read '{path}': {exc.strerror}"
        raise error(Code.XML_ERROR, detail, domain=From.TEST) from exc


def _referred(node: etree._Element, path: str) -> etree._Element:
    """The element itself, or the root of the file that it names, relative to `path`."""
    name = node.get("file")
    if name is None:
        return node
    where = name if os.path.isabs(name) else os.path.join(os.path.dirname(path), name)
    return document.load(_text(where), str(node.tag), name=where, domain=From.TEST)


def _device(text: str) -> Thing:
    return Thing(Document.parse(text, "device", From.NODEDEV), uuid=False)


def _interface(text: str) -> Thing:
    return Thing(interfaces.read(text), uuid=False)


def _pool(world: World, node: etree._Element, path: str) -> None:
    volumes = [_referred(one, path) for one in node.iterfind("volume")]
    for one in node.findall("volume"):
        node.remove(one)
    pool = Pool(storage.read(etree.tostring(node, encoding="unicode")))
    _add(world.pools, pool)
    for one in volumes:
        text = etree.tostring(one, encoding="unicode")
        made = Document.parse(text, "volume", From.STORAGE)
        given = made.text("target/path")
        volume = Volume(made, pool.target)
        volume.path = given or volume.path
        pool.volumes[volume.name] = volume


def _state(node: etree._Element) -> State:
    text = node.findtext(f"{_SPACE}runstate")
    if text is None:
        return State.RUNNING
    if not text.isdigit() or int(text) not in _STATES:
        raise error(Code.XML_ERROR, f"runstate '{text}' out of range", domain=From.TEST)
    return State(int(text))


def _node(root: etree._Element) -> Node:
    base = Node()
    numbers = {
        name: _number(root, f"cpu/{name}", getattr(base, name))
        for name in ("nodes", "sockets", "cores", "threads", "mhz")
    }
    count = numbers["nodes"] * numbers["sockets"] * numbers["cores"] * numbers["threads"]
    users = []
    for one in root.iterfind("auth/user"):
        if not one.text:
            detail = "missing username in /node/auth/user field"
            raise error(Code.XML_ERROR, detail, domain=From.TEST)
        users.append((one.text, one.get("password")))
    return Node(
        model=root.findtext("cpu/model") or base.model,
        memory=_number(root, "memory", base.memory),
        cpus=min(count, _number(root, "cpu/active", count)),
        users=tuple(users),
        **numbers,
    )


def _number(root: etree._Element, path: str, default: int) -> int:
    text = root.findtext(path)
    if text is None:
        return default
    if not text.strip().isdigit():
        detail = f"invalid node {path.replace('/', ' ')} value"
        raise error(Code.XML_ERROR, detail, domain=From.TEST)
    return int(text)


def _authenticate(node: Node, auth: AuthSpec | None) -> None:
    """Asks for a user's name and password, when the file names users.

    :raises libvirtError: AUTH_FAILED
    """
    if not node.users:
        return
    name = _ask(auth, (_AUTHNAME,), "Enter username for localhost")
    users = dict(node.users)
    wanted = users.get(name, "")
    given = None
    if name not in users or wanted is not None:
        kinds = (_PASSPHRASE, _NOECHOPROMPT)
        given = _ask(auth, kinds, f"Enter {name}'s password for localhost")
    if name not in users or (wanted is not None and given != wanted):
        detail = "authentication failed, see test XML for the correct username/password"
        raise error(Code.AUTH_FAILED, detail, domain=From.TEST)


def _ask(auth: AuthSpec | None, kinds: tuple[int, ...], prompt: str) -> str:
    kind = next((one for one in kinds if auth is not None and one in auth.types), None)
    if auth is None or kind is None:
        detail = "Missing authentication credentials" if auth is None else "no suitable credential"
        raise error(
            Code.INVALID_ARG if auth is None else Code.AUTH_FAILED, detail, domain=From.AUTH
        )
    credential: list[Any] = [kind, prompt, "localhost", None, None]
    if auth.callback([credential], auth.data) < 0 or credential[4] is None:
        detail = "failed to retrieve user response for authentication callback"
        raise error(Code.AUTH_FAILED, detail, domain=From.AUTH)
    return str(credential[4])
