# SPDX-License-Identifier: Apache-2.0
"""Node device slots of the in-memory hypervisor."""

from typing import Any, Final

from nova_pyvirt.core.refs import NodeDeviceRef
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test.document import Document
from nova_pyvirt.hypervisors.test.slots import Base, slot
from nova_pyvirt.hypervisors.test.world import Thing

#: VIR_CONNECT_LIST_NODE_DEVICES_CAP_*
_CAPS: Final = (
    "system pci usb_device usb net scsi_host scsi_target scsi storage fc_host vports scsi_generic"
    " drm mdev_types mdev ccw css vdpa ap_card ap_queue ap_matrix vpd"
).split()
_CREATED, _DELETED = 0, 1
_VALIDATE: Final = 1


def caps(thing: Thing) -> list[str]:
    """The capabilities of a device, nested ones behind those they are in."""
    found = [node.get("type", "") for node in thing.document.root.iter("capability")]
    return ["vports" if name == "vport_ops" else name for name in found]


class NodeDeviceSlots(Base):
    """Node devices: a computer and its SCSI hosts."""

    def _device(self, dev: NodeDeviceRef) -> Thing:
        return self.world.devices.get(dev.name)

    @slot("virNodeDeviceObjListExport", (1 << len(_CAPS)) - 1)
    def connect_list_all_node_devices(self, flags: int) -> list[NodeDeviceRef]:
        wanted = {name for n, name in enumerate(_CAPS) if flags >> n & 1}
        every = self.world.devices.all()
        return [_ref(one) for one in every if not wanted or wanted & set(caps(one))]

    @slot("testNodeNumOfDevices")
    def node_num_of_devices(self, cap: str | None, flags: int) -> int:
        return len(self.node_list_devices(cap, flags))

    @slot("testNodeListDevices")
    def node_list_devices(self, cap: str | None, flags: int) -> list[str]:
        every = self.world.devices.all()
        return [one.name for one in every if cap is None or cap in caps(one)]

    @slot()
    def node_device_lookup_by_name(self, name: str) -> NodeDeviceRef:
        return _ref(self.world.devices.get(name))

    @slot("testNodeDeviceGetXMLDesc")
    def node_device_get_xml_desc(self, dev: NodeDeviceRef, flags: int) -> str:
        return self._device(dev).document.format()

    @slot()
    def node_device_get_parent(self, dev: NodeDeviceRef) -> str | None:
        return self._device(dev).document.root.findtext("parent")

    @slot()
    def node_device_num_of_caps(self, dev: NodeDeviceRef) -> int:
        return len(caps(self._device(dev)))

    @slot()
    def node_device_list_caps(self, dev: NodeDeviceRef) -> list[str]:
        return caps(self._device(dev))

    @slot("testNodeDeviceCreateXML", _VALIDATE)
    def node_device_create_xml(self, xml: str, flags: int) -> NodeDeviceRef:
        """A virtual SCSI host below another one, with the names of the ports that it is given."""
        root = Document.parse(xml, "device", From.NODEDEV, named=False).root
        wwnn, wwpn = root.findtext(".//wwnn"), root.findtext(".//wwpn")
        for name, value in (("WWNN", wwnn), ("WWPN", wwpn)):
            if not value:
                detail = f"no {name} supplied for 'new device', and auto-generation failed"
                raise error(Code.INTERNAL_ERROR, detail, domain=From.NODEDEV)
        parent = root.findtext("parent") or "scsi_host1"
        self.world.devices.get(parent)
        thing = self.vport(parent, str(wwnn), str(wwpn))
        return _ref(thing)

    def vport(self, parent: str, wwnn: str, wwpn: str) -> Thing:
        """Adds a virtual SCSI host."""
        number = 12
        while f"scsi_host{number}" in self.world.devices.by_name:
            number += 1
        text = (
            f"<device><name>scsi_host{number}</name><parent>{parent}</parent>"
            f"<capability type='scsi_host'><host>{number}</host><unique_id>{number - 1}</unique_id>"
            f"<capability type='fc_host'><wwnn>{wwnn}</wwnn><wwpn>{wwpn}</wwpn>"
            "<fabric_wwn>2000000043214321</fabric_wwn></capability></capability></device>"
        )
        thing = Thing(Document.parse(text, "device", From.NODEDEV), uuid=False)
        self.world.devices.add(thing)
        self.world.events.emit("NodeDevice", 0, _ref(thing), _CREATED, 0)
        return thing

    @slot()
    def node_device_destroy(self, dev: NodeDeviceRef) -> None:
        thing = self._device(dev)
        if "fc_host" not in caps(thing):
            detail = f"Device '{thing.name}' is not a fibre channel HBA"
            raise error(Code.INTERNAL_ERROR, detail, domain=From.NODEDEV)
        self.world.devices.drop(thing)
        self.world.events.emit("NodeDevice", 0, dev, _DELETED, 0)

    @slot()
    def connect_node_device_event_register_any(self, dev: Any, event_id: int, callback: Any) -> int:
        return self.world.events.add("NodeDevice", dev, event_id, callback)

    @slot()
    def connect_node_device_event_deregister_any(self, number: int) -> None:
        self.world.events.remove(number)


def _ref(thing: Thing) -> NodeDeviceRef:
    return NodeDeviceRef(thing.name)
