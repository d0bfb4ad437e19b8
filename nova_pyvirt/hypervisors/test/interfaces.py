# SPDX-License-Identifier: Apache-2.0
"""Host interface slots of the in-memory hypervisor."""

import copy
from typing import Final

from nova_pyvirt.core.refs import InterfaceRef
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test.document import Document, place
from nova_pyvirt.hypervisors.test.networks import pick
from nova_pyvirt.hypervisors.test.slots import Base, invalid, slot
from nova_pyvirt.hypervisors.test.world import Thing

_TYPES: Final = ("ethernet", "bridge", "bond", "vlan")
_FILTERS: Final = ((1, 2, lambda thing: not thing.active),)
_VALIDATE: Final = 1


def read(xml: str) -> Document:
    """A definition.

    :raises libvirtError: XML_ERROR, XML_DETAIL
    """
    document = Document.parse(xml, "interface", From.INTERFACE, named=False)
    root = document.root
    for name in ("type", "name"):
        if root.get(name) is None:
            detail = f"Missing required attribute '{name}' in element 'interface'"
            raise error(Code.XML_ERROR, detail, domain=From.XML)
    if root.get("type") not in _TYPES:
        detail = f"unknown interface type {root.get('type')}"
        raise error(Code.XML_ERROR, detail, domain=From.INTERFACE)
    place(root, ("start", "mtu", "protocol", "mac", "bond", "bridge", "vlan"))
    return document


class InterfaceSlots(Base):
    """Interfaces, and the transaction that changes to them may be in."""

    @slot("virInterfaceObjListExport", 3)
    def connect_list_all_interfaces(self, flags: int) -> list[InterfaceRef]:
        return [_ref(thing) for thing in pick(self.world.interfaces, flags, _FILTERS)]

    @slot()
    def connect_list_interfaces(self) -> list[str]:
        return [thing.name for thing in self.world.interfaces.all() if thing.active]

    @slot()
    def connect_num_of_interfaces(self) -> int:
        return len(self.connect_list_interfaces())

    @slot()
    def connect_list_defined_interfaces(self) -> list[str]:
        return [thing.name for thing in self.world.interfaces.all() if not thing.active]

    @slot()
    def connect_num_of_defined_interfaces(self) -> int:
        return len(self.connect_list_defined_interfaces())

    @slot()
    def interface_lookup_by_name(self, name: str) -> InterfaceRef:
        return _ref(self.world.interfaces.get(name))

    @slot()
    def interface_lookup_by_mac_string(self, mac: str) -> InterfaceRef:
        found = [one for one in map(_ref, self.world.interfaces.all()) if one.mac == mac]
        if not found:
            detail = f"no interface with matching mac '{mac}'"
            raise error(Code.NO_INTERFACE, detail, domain=From.TEST)
        if len(found) > 1:
            raise error(Code.MULTIPLE_INTERFACES, domain=From.TEST)
        return found[0]

    @slot("testInterfaceGetXMLDesc")
    def interface_get_xml_desc(self, iface: InterfaceRef, flags: int) -> str:
        return self.world.interfaces.get(iface.name).document.format()

    @slot("testInterfaceDefineXML", _VALIDATE)
    def interface_define_xml(self, xml: str, flags: int) -> InterfaceRef:
        document = read(xml)
        thing = self.world.interfaces.by_name.get(document.name)
        if thing is None:
            thing = Thing(document, uuid=False)
            self.world.interfaces.add(thing)
        thing.document = document
        return _ref(thing)

    @slot()
    def interface_undefine(self, iface: InterfaceRef) -> None:
        self.world.interfaces.drop(self.world.interfaces.get(iface.name))

    @slot("testInterfaceCreate")
    def interface_create(self, iface: InterfaceRef, flags: int) -> None:
        self._switch(iface, True)

    @slot("testInterfaceDestroy")
    def interface_destroy(self, iface: InterfaceRef, flags: int) -> None:
        self._switch(iface, False)

    def _switch(self, iface: InterfaceRef, active: bool) -> None:
        thing = self.world.interfaces.get(iface.name)
        if thing.active is active:
            raise error(Code.OPERATION_INVALID, domain=From.TEST)
        thing.active = active

    @slot()
    def interface_is_active(self, iface: InterfaceRef) -> int:
        return int(self.world.interfaces.get(iface.name).active)

    @slot("testInterfaceChangeBegin")
    def interface_change_begin(self, flags: int) -> None:
        if self.world.backup is not None:
            raise invalid("there is another transaction running.")
        self.world.backup = copy.deepcopy(self.world.interfaces)

    @slot("testInterfaceChangeCommit")
    def interface_change_commit(self, flags: int) -> None:
        if self.world.backup is None:
            raise invalid("no transaction running, nothing to be committed.")
        self.world.backup = None

    @slot("testInterfaceChangeRollback")
    def interface_change_rollback(self, flags: int) -> None:
        if self.world.backup is None:
            raise invalid("no transaction running, nothing to rollback.")
        self.world.interfaces, self.world.backup = self.world.backup, None


def _ref(thing: Thing) -> InterfaceRef:
    mac = thing.document.root.find("mac")
    return InterfaceRef(thing.name, "" if mac is None else mac.get("address", ""))
