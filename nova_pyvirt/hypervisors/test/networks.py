# SPDX-License-Identifier: Apache-2.0
"""Network slots of the in-memory hypervisor."""

from typing import Any, Final

from lxml import etree

from nova_pyvirt.core.domain import uuid_text
from nova_pyvirt.core.refs import NetworkRef
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test.document import Document, place
from nova_pyvirt.hypervisors.test.slots import CONFIG, LIVE, Base, invalid, slot
from nova_pyvirt.hypervisors.test.world import Thing

_DEFINED, _UNDEFINED, _STARTED, _STOPPED = range(4)
_VALIDATE: Final = 1
_INACTIVE_XML: Final = 0
_FORWARDS: Final = ("none", "nat", "route", "open", "bridge", "private", "vepa", "passthrough",
                    "hostdev")  # fmt: skip
_MODIFY, _DELETE, _ADD_LAST, _ADD_FIRST = 1, 2, 3, 4
#: section of networkUpdate: path of its elements, what tells one from another
_SECTIONS: Final = {
    4: ("ip/dhcp", "host", ("mac", "name", "ip")),
    5: ("ip/dhcp", "range", ("start", "end")),
    6: ("forward", "interface", ("dev",)),
    9: (".", "portgroup", ("name",)),
    10: ("dns", "host", ("ip",)),
    11: ("dns", "txt", ("name",)),
    12: ("dns", "srv", ("service", "protocol")),
}
_FILTERS: Final = (
    (1, 2, lambda thing: not thing.active),
    (4, 8, lambda thing: thing.persistent),
    (16, 32, lambda thing: thing.autostart),
)


def pick(things: Any, flags: int, filters: Any) -> list[Any]:
    """Those that pass all pairs of filter bits: (bit if true, bit if false, test)."""
    made = []
    for thing in things.all():
        pairs = [(flags & (yes | no), yes if test(thing) else no) for yes, no, test in filters]
        if all(not asked or asked & has for asked, has in pairs):
            made.append(thing)
    return made


def read(xml: str) -> Document:
    """A definition with libvirt's defaults.

    :raises libvirtError: XML_ERROR, XML_DETAIL, NO_NAME, CONFIG_UNSUPPORTED
    """
    document = Document.parse(xml, "network", From.NETWORK)
    root = document.root
    forward = root.find("forward")
    mode = forward.get("mode", "nat") if forward is not None else "none"
    if mode not in _FORWARDS:
        detail = f"unknown forwarding type '{mode}'"
        raise error(Code.CONFIG_UNSUPPORTED, detail, domain=From.NETWORK)
    if forward is not None:
        forward.set("mode", mode)
    bridge = root.find("bridge")
    if bridge is not None and mode in ("none", "nat", "route", "open"):
        bridge.set("stp", bridge.get("stp", "on"))
        bridge.set("delay", bridge.get("delay", "0"))
    order = ("name", "uuid", "metadata", "forward", "bridge", "mtu", "mac", "domain", "dns", "vlan",
             "bandwidth", "portgroup", "ip", "route")  # fmt: skip
    place(root, order)
    return document


class NetworkSlots(Base):
    """Network calls."""

    def _network(self, net: NetworkRef) -> Thing:
        return self.world.networks.by_uuid(net.uuid)

    def _net_event(self, thing: Thing, event: int) -> None:
        self.world.events.emit("Network", 0, network_ref(thing), event, 0)

    @slot("virNetworkObjListExport", 63)
    def connect_list_all_networks(self, flags: int) -> list[NetworkRef]:
        return [network_ref(thing) for thing in pick(self.world.networks, flags, _FILTERS)]

    @slot()
    def connect_num_of_networks(self) -> int:
        return len(self.connect_list_networks())

    @slot()
    def connect_list_networks(self) -> list[str]:
        return [thing.name for thing in self.world.networks.all() if thing.active]

    @slot()
    def connect_num_of_defined_networks(self) -> int:
        return len(self.connect_list_defined_networks())

    @slot()
    def connect_list_defined_networks(self) -> list[str]:
        return [thing.name for thing in self.world.networks.all() if not thing.active]

    @slot()
    def network_lookup_by_name(self, name: str) -> NetworkRef:
        return network_ref(self.world.networks.get(name))

    @slot()
    def network_lookup_by_uuid(self, uuid: bytes) -> NetworkRef:
        return network_ref(self.world.networks.by_uuid(uuid))

    @slot()
    def network_define_xml(self, xml: str) -> NetworkRef:
        return self.network_define_xml_flags(xml, 0)

    @slot("testNetworkDefineXMLFlags", _VALIDATE)
    def network_define_xml_flags(self, xml: str, flags: int) -> NetworkRef:
        thing = self._assign(read(xml))
        thing.persistent = True
        self._net_event(thing, _DEFINED)
        return network_ref(thing)

    @slot()
    def network_create_xml(self, xml: str) -> NetworkRef:
        return self.network_create_xml_flags(xml, 0)

    @slot("testNetworkCreateXMLFlags", _VALIDATE)
    def network_create_xml_flags(self, xml: str, flags: int) -> NetworkRef:
        document = read(xml)
        known = self.world.networks.find_uuid(document.uuid)
        if known is not None and known.active:
            detail = f"network is already active as '{known.name}'"
            raise invalid(detail, From.NETWORK)
        thing = self._assign(document)
        if known is None:
            thing.persistent = False
        thing.active = True
        self._net_event(thing, _STARTED)
        return network_ref(thing)

    def _assign(self, document: Document) -> Thing:
        """The network for a definition.

        :raises libvirtError: OPERATION_FAILED when name and UUID are of different networks
        """
        networks = self.world.networks
        known = networks.find_uuid(document.uuid)
        if known is not None:
            if known.name != document.name:
                detail = f"network '{known.name}' is already defined with uuid"
                raise _failed(f"{detail} {uuid_text(known.uuid)}")
            known.document = document
            return known
        clash = networks.by_name.get(document.name)
        if clash is not None:
            detail = f"network '{document.name}' already exists with uuid {uuid_text(clash.uuid)}"
            raise _failed(detail)
        thing = Thing(document)
        networks.add(thing)
        return thing

    @slot()
    def network_create(self, net: NetworkRef) -> None:
        thing = self._network(net)
        if thing.active:
            raise invalid(f"Network '{thing.name}' is already running")
        thing.active = True
        self._net_event(thing, _STARTED)

    @slot()
    def network_destroy(self, net: NetworkRef) -> None:
        thing = self._network(net)
        thing.active = False
        self._net_event(thing, _STOPPED)
        if not thing.persistent:
            self.world.networks.drop(thing)

    @slot()
    def network_undefine(self, net: NetworkRef) -> None:
        thing = self._network(net)
        if thing.active:
            raise invalid(f"Network '{thing.name}' is still running")
        self._net_event(thing, _UNDEFINED)
        self.world.networks.drop(thing)

    @slot("testNetworkUpdate", LIVE | CONFIG)
    def network_update(
        self, net: NetworkRef, command: int, section: int, index: int, xml: str, flags: int
    ) -> None:
        thing = self._network(net)
        if flags & LIVE and not thing.active:
            raise invalid("network is not running", From.NETWORK)
        if flags & CONFIG and not thing.persistent:
            detail = "cannot change persistent config of a transient network"
            raise invalid(detail, From.NETWORK)
        _update(thing.document.root, command, section, index, xml)

    @slot("testNetworkGetXMLDesc", _INACTIVE_XML)
    def network_get_xml_desc(self, net: NetworkRef, flags: int) -> str:
        return self._network(net).document.format()

    @slot()
    def network_get_bridge_name(self, net: NetworkRef) -> str:
        thing = self._network(net)
        bridge = thing.document.root.find("bridge")
        if bridge is None or not bridge.get("name"):
            text = f"network '{thing.name}' does not have a bridge name."
            raise error(Code.INTERNAL_ERROR, text, domain=From.TEST)
        return str(bridge.get("name"))

    @slot()
    def network_get_autostart(self, net: NetworkRef) -> int:
        return int(self._network(net).autostart)

    @slot()
    def network_set_autostart(self, net: NetworkRef, autostart: int) -> None:
        thing = self._network(net)
        if not thing.persistent:
            raise invalid("cannot set autostart for transient network", From.NETWORK)
        thing.autostart = bool(autostart)

    @slot()
    def network_is_active(self, net: NetworkRef) -> int:
        return int(self._network(net).active)

    @slot()
    def network_is_persistent(self, net: NetworkRef) -> int:
        return int(self._network(net).persistent)

    @slot()
    def connect_network_event_register_any(self, net: Any, event_id: int, callback: Any) -> int:
        return self.world.events.add("Network", net, event_id, callback)

    @slot()
    def connect_network_event_deregister_any(self, number: int) -> None:
        self.world.events.remove(number)


def network_ref(thing: Thing) -> NetworkRef:
    return NetworkRef(thing.name, thing.uuid)


def _failed(detail: str) -> Exception:
    return error(Code.OPERATION_FAILED, detail, domain=From.NETWORK)


def _update(root: etree._Element, command: int, section: int, index: int, xml: str) -> None:
    """virNetworkDefUpdateSection.

    :raises libvirtError: OPERATION_UNSUPPORTED for other sections; OPERATION_INVALID when there is,
        or is not, such an element
    """
    if section not in _SECTIONS:
        detail = "can't update 'section' section of network"
        raise error(Code.NO_SUPPORT, detail, domain=From.NETWORK)
    path, tag, keys = _SECTIONS[section]
    new = Document.parse(xml, tag, From.NETWORK, named=False).root
    holders = root.findall(path) if path != "." else [root]
    if not holders:
        raise invalid(f"couldn't find any element to hold <{tag}>", From.NETWORK)
    holder = holders[index if 0 <= index < len(holders) else 0]
    found = next((old for old in holder.findall(tag) if _alike(old, new, keys)), None)
    if command in (_ADD_LAST, _ADD_FIRST):
        if found is not None:
            raise invalid(f"there is an existing <{tag}> element that matches", From.NETWORK)
        same = holder.findall(tag)
        where = holder.index(same[0]) if same else len(holder)
        at = where if command == _ADD_FIRST else where + len(same)
        holder.insert(at, new)
    elif found is None:
        raise invalid(f"couldn't locate a matching <{tag}> element", From.NETWORK)
    elif command == _DELETE:
        holder.remove(found)
    elif command == _MODIFY:
        holder.replace(found, new)
    else:
        detail = f"unrecognized network update command code {command}"
        raise error(Code.INVALID_ARG, detail, domain=From.NETWORK)


def _alike(old: etree._Element, new: etree._Element, keys: tuple[str, ...]) -> bool:
    given = [key for key in keys if new.get(key) is not None]
    return bool(given) and any(old.get(key) == new.get(key) for key in given)
