# SPDX-License-Identifier: Apache-2.0
"""Devices of a persistent definition: added, removed, replaced."""

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.hotplug import config
from nova_pyvirt.model.domain import Domain
from tests.base import TestCase
from tests.fixtures.qemu72 import caps, define

DISK = "<disk><source file='/{0}'/><target dev='{0}' bus='{1}'/></disk>"
NIC = "<interface type='user'><mac address='52:54:00:00:00:0{}'/><model type='virtio'/></interface>"
RNG = "<rng model='virtio'><backend model='random'>/dev/{}</backend></rng>"
MANY = (
    DISK.format("vda", "virtio") + DISK.format("sda", "scsi") + NIC.format(1) + NIC.format(2)
    + RNG.format("random")
    + "<serial type='pty'/><channel type='unix'><target type='virtio' name='c'/></channel>"
    + "<input type='tablet' bus='usb'/><watchdog model='i6300esb' action='reset'/>"
    + "<sound model='ich6'/><shmem name='s'><model type='ivshmem-plain'/><size unit='M'>4</size>"
    + "</shmem><redirdev bus='usb' type='tcp'>"
    + "<source mode='connect' host='h' service='1'/></redirdev><vsock model='virtio'><cid auto='yes'/></vsock>"
    + "<filesystem><source dir='/s'/><target dir='t'/></filesystem>"
    + "<graphics type='vnc' passwd='old'/>"
)  # fmt: skip
#: a device that is there: list, and what attaching it again says
TWICE = (
    (DISK.format("vda", "virtio"), "target vda already exists"),
    (DISK.format("vda", "scsi"), "target vda already exists"),
    ("<controller type='scsi' index='0'/>", "controller index='0' already exists"),
    ("<watchdog model='ib700'/>", "domain already has a watchdog"),
    ("<vsock model='virtio'/>", "domain already has a vsock device"),
    ("<filesystem><source dir='/o'/><target dir='t'/></filesystem>", "Target already exists"),
    ("<shmem name='s'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>",
     "device is already in the domain configuration"),
    ("<channel type='unix'><target type='virtio' name='c'/></channel>", "chardev already exists"),
    ("<console type='pty'/>", "attaching serial console is not supported"),
    ("<memballoon model='virtio'/>", "persistent attach of device 'memballoon' is not supported"),
    ("<video><model type='virtio'/></video>", "persistent attach of device 'video' is not supported"),
)  # fmt: skip
#: a device that goes: the list it was in
GOES = (
    ("<disk><target dev='sda'/></disk>", "disks"),
    ("<interface type='user'><mac address='52:54:00:00:00:02'/></interface>", "interfaces"),
    (RNG.format("random"), "rngs"),
    ("<channel type='unix'><target type='virtio' name='c'/></channel>", "channels"),
    ("<input type='tablet' bus='usb'/>", "inputs"),
    ("<watchdog model='ib700'/>", "watchdogs"),
    ("<sound model='ich6'/>", "sounds"),
    ("<shmem name='s'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>", "shmems"),
    (
        "<redirdev bus='usb' type='tcp'><source mode='connect' host='h' service='1'/></redirdev>",
        "redirdevs",
    ),
    ("<filesystem><source dir='/x'/><target dir='t'/></filesystem>", "filesystems"),
)
#: a device that isn't there: what detaching it says
MISSING = (
    ("<disk><target dev='vdz'/></disk>", Code.DEVICE_MISSING, "no target device vdz"),
    (NIC.format(3), Code.DEVICE_MISSING, "no device found at address '(<null>)' matching MAC"),
    ("<interface type='user'/>", Code.OPERATION_FAILED, "multiple matching devices found"),
    (RNG.format("hwrng"), Code.DEVICE_MISSING, "no matching RNG device was found"),
    ("<channel type='unix'><target type='virtio' name='d'/></channel>", Code.INVALID_ARG,
     "device not present in domain configuration"),
    ("<console type='pty'/>", Code.OPERATION_INVALID, "detaching serial console"),
    ("<video><model type='vga'/></video>", Code.OPERATION_UNSUPPORTED, "persistent detach"),
    ("<controller type='scsi' index='4'/>", Code.DEVICE_MISSING, "device not present"),
)  # fmt: skip


class ConfigCase(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.definition = define(MANY)

    def refused(self, call: object, xml: str) -> libvirtError:
        assert callable(call)
        with self.assertRaises(libvirtError) as seen:
            call(self.definition, xml, caps())
        return seen.exception


class Attach(ConfigCase):
    def test_gets_a_place_and_what_it_needs(self) -> None:
        device, whole = config.attach(define(""), DISK.format("sdb", "scsi"), caps())
        self.assertEqual(("drive", 1), (device.address.type, device.address.unit))
        self.assertIn("scsi", [c.type for c in whole.devices.controllers])
        self.assertIsNone(device.alias)

    def test_the_original_stays_as_it_is(self) -> None:
        before = self.definition.format()
        config.attach(self.definition, DISK.format("vdb", "virtio"), caps())
        self.assertEqual(before, self.definition.format())

    def test_twice(self) -> None:
        for xml, text in TWICE:
            with self.subTest(xml):
                self.assertIn(text, str(self.refused(config.attach, xml)))

    def test_place_on_a_bus_that_is_taken(self) -> None:
        place = "<address type='drive' controller='0' bus='0' target='0' unit='0'/>"
        disk = DISK.format("sdc", "scsi").replace("</disk>", f"{place}</disk>")
        self.refused(config.attach, disk)

    def test_name_of_the_users_that_is_taken(self) -> None:
        named = DISK.format("vdb", "virtio").replace("</disk>", "<alias name='ua-x'/></disk>")
        _device, self.definition = config.attach(self.definition, named, caps())
        said = self.refused(config.attach, named.replace("vdb", "vdc"))
        self.assertIn("non unique alias detected: ua-x", str(said))

    def test_boot_order(self) -> None:
        ordered = DISK.format("vdb", "virtio").replace("</disk>", "<boot order='1'/></disk>")
        said = self.refused(config.attach, ordered)
        self.assertIn("per-device boot elements cannot be used together with os/boot", str(said))

    def test_memory_counts(self) -> None:
        more = ("<maxMemory slots='2' unit='GiB'>4</maxMemory><cpu><numa>"
                "<cell id='0' cpus='0' memory='1048576'/></numa></cpu>")  # fmt: skip
        dimm = "<memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>"
        domain = define("", more=more)
        _device, domain = config.attach(domain, dimm, caps())
        self.assertEqual(1048576 + 524288, domain.memory)
        domain = config.detach(domain, dimm, caps())
        self.assertEqual(1048576, domain.memory)
        huge = dimm.replace("512", "8192")
        with self.assertRaisesRegex(libvirtError, "would exceed domain's maxMemory"):
            config.attach(domain, huge, caps())


class Detach(ConfigCase):
    def test_one_of_each(self) -> None:
        for xml, name in GOES:
            with self.subTest(xml):
                whole = config.detach(self.definition, xml, caps())
                counts = [len(d.devices.__dict__[name]) for d in (self.definition, whole)]
                self.assertEqual(counts[0] - 1, counts[1])

    def test_none_of_each(self) -> None:
        for xml, code, text in MISSING:
            with self.subTest(xml):
                seen = self.refused(config.detach, xml)
                self.assertEqual(code, seen.get_error_code(), str(seen))
                self.assertIn(text, str(seen))

    def test_the_only_vsock(self) -> None:
        xml = "<vsock model='virtio'><cid auto='yes'/></vsock>"
        self.assertIsNone(config.detach(self.definition, xml, caps()).devices.vsock)


class Update(ConfigCase):
    def updated(self, xml: str) -> Domain:
        return config.update(self.definition, xml, caps())

    def test_disk(self) -> None:
        whole = self.updated("<disk><source file='/new'/><target dev='vda' bus='virtio'/></disk>")
        self.assertEqual("/new", whole.devices.disks[0].path)
        self.assertIn("target vdz doesn't exist.", str(self.refused(
            config.update, "<disk><target dev='vdz'/></disk>")))  # fmt: skip

    def test_interface(self) -> None:
        link = NIC.format(1).replace("</interface>", "<link state='down'/></interface>")
        nics = self.updated(link).devices.interfaces
        self.assertEqual(["down", None], [nic.link for nic in nics])

    def test_display(self) -> None:
        whole = self.updated("<graphics type='vnc' passwd='new'/>")
        self.assertEqual("new", whole.devices.graphics[0].password)
        said = self.refused(config.update, "<graphics type='spice'/>")
        self.assertIn("cannot find existing graphics type 'spice' device to modify", str(said))

    def test_what_can_not_be(self) -> None:
        said = self.refused(config.update, RNG.format("random"))
        self.assertIn("persistent update of device 'rng' is not supported", str(said))
