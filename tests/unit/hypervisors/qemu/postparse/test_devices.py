# SPDX-License-Identifier: Apache-2.0
"""What definitions leave out."""

from nova_pyvirt.model.domain import Domain
from tests.base import TestCase
from tests.fixtures.qemu72 import define

DISK = "<disk><source file='/{0}'/><target dev='{0}'/></disk>"


class Implicit(TestCase):
    def test_what_a_domain_always_has(self) -> None:
        devices = define("").devices
        self.assertEqual(["mouse", "keyboard"], [i.type for i in devices.inputs])
        self.assertEqual([(1, "none")], [(a.id, a.type) for a in devices.audios])
        self.assertEqual("virtio", devices.memballoon.model)
        kinds = [(c.type, c.model) for c in devices.controllers]
        self.assertEqual([("usb", "piix3-uhci"), ("pci", "pci-root")], kinds)

    def test_on_q35(self) -> None:
        kinds = {(c.type, c.model) for c in define("", machine="q35").devices.controllers}
        self.assertLessEqual({("usb", "qemu-xhci"), ("sata", None), ("pci", "pcie-root")}, kinds)

    def test_a_display_needs_an_adapter(self) -> None:
        devices = define("<graphics type='vnc'/>").devices
        self.assertEqual([("cirrus", 16384, True)],
                         [(v.model, v.vram, v.primary) for v in devices.videos])  # fmt: skip
        self.assertEqual(("-1", True), (devices.graphics[0].port, devices.graphics[0].autoport))
        self.assertEqual("spice", define("<graphics type='spice'/>").devices.audios[0].type)

    def test_first_console_and_first_serial_port(self) -> None:
        devices = define("<serial type='pty'/>").devices
        self.assertEqual([("serial", 0)], [(c.target_type, c.port) for c in devices.consoles])
        devices = define("<console type='file'><source path='/log'/></console>").devices
        self.assertEqual([("isa-serial", "/log")],
                         [(s.target_type, s.source_path) for s in devices.serials])  # fmt: skip


class Defaults(TestCase):
    def test_buses_by_name(self) -> None:
        devices = define("".join(DISK.format(n) for n in ("vda", "sda", "hda"))).devices
        self.assertEqual({"vda": "virtio", "sda": "scsi", "hda": "ide"},
                         {d.target: d.bus for d in devices.disks})  # fmt: skip
        models = {c.type: c.model for c in devices.controllers}
        self.assertEqual("lsilogic", models["scsi"])

    def test_disks_come_by_bus_and_name(self) -> None:
        disk = "<disk><source file='/d'/><target dev='{}' bus='{}'/></disk>"
        wanted = (("vdb", "virtio"), ("sda", "sata"), ("vda", "virtio"))
        found = define("".join(disk.format(*w) for w in wanted)).devices.disks
        self.assertEqual(["vda", "vdb", "sda"], [d.target for d in found])

    def test_macs(self) -> None:
        nic = "<interface type='user'/>"
        one, two = define(nic * 2).devices.interfaces
        self.assertRegex(one.mac, "^52:54:00:([0-9a-f]{2}:){2}[0-9a-f]{2}$")
        self.assertNotEqual(one.mac, two.mac)
        self.assertEqual("rtl8139", one.model)

    def test_names_of_taps_that_are_made_are_not_kept(self) -> None:
        nic = "<interface type='bridge'><source bridge='b'/><target dev='{}'/></interface>"
        self.assertIsNone(define(nic.format("vnet3")).devices.interfaces[0].target)
        self.assertEqual("tap0", define(nic.format("tap0")).devices.interfaces[0].target)

    def test_own_channel_sockets_are_not_kept(self) -> None:
        xml = (
            "<channel type='unix'><source mode='bind' path='{}'/>"
            "<target type='virtio' name='agent'/></channel>"
        )
        own = "/var/lib/libvirt/qemu/channel/target/domain-3-guest/agent"
        self.assertIsNone(define(xml.format(own)).devices.channels[0].source_path)
        self.assertEqual("/tmp/a", define(xml.format("/tmp/a")).devices.channels[0].source_path)

    def test_indexes_of_controllers(self) -> None:
        devices = define("<controller type='scsi' index='1'/><controller type='scsi'/>").devices
        self.assertEqual([0, 1], [c.index for c in devices.controllers if c.type == "scsi"])

    def test_what_only_a_run_has_is_dropped(self) -> None:
        disk = define(
            "<disk><source file='/a' index='4'/><target dev='vda'/><alias name='virtio-disk0'/></disk>"
        ).devices.disks[0]
        self.assertEqual((None, None), (disk.alias, disk.source.index))

    def test_small_devices(self) -> None:
        devices = define(
            "<rng model='virtio'><backend model='random'/></rng><watchdog model='i6300esb'/>"
            "<panic/><tpm><backend type='emulator' version='2.0'/></tpm><vsock/>"
        ).devices
        self.assertEqual("/dev/random", devices.rngs[0].backend.path)
        self.assertEqual("reset", devices.watchdogs[0].action)
        self.assertEqual("isa", devices.panics[0].model)
        self.assertEqual("tpm-tis", devices.tpms[0].model)
        self.assertEqual(("virtio", True), (devices.vsock.model, devices.vsock.cid_auto))


class MirrorTest(TestCase):
    def test_the_first_console_shows_the_place_of_its_port(self) -> None:
        xml = define("<serial type='pty'><target type='pci-serial'/></serial>"
                     "<console type='pty'/>").format(inactive=True)  # fmt: skip
        place = "<address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0'/>"
        console = xml[xml.index("<console") : xml.index("</console>")]
        self.assertIn(place, console)


class ScsiHostdevTest(TestCase):
    def test_its_controller_comes_before_those_of_disks(self) -> None:
        domain = define("<disk><source file='/d'/><target dev='sda' bus='sata'/></disk>"
                        "<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/>"
                        "<address bus='0' target='0' unit='0'/></source></hostdev>")  # fmt: skip
        slots = {c.type: c.address.slot for c in domain.devices.controllers if c.address}
        self.assertEqual((2, 3), (slots["scsi"], slots["sata"]))


class UuidTest(TestCase):
    def test_smbios_tables_can_name_it(self) -> None:
        told = "C7A5FDBD-EDAF-9455-926A-D65C16DB1809"
        domain = Domain.load(
            "<domain type='qemu'><name>g</name><sysinfo type='smbios'><system>"
            f"<entry name='uuid'>{told}</entry></system></sysinfo></domain>"
        )
        self.assertEqual(told.lower(), domain.uuid)


class DroppedTest(TestCase):
    """What libvirt reads and doesn't show again."""

    def test_devices(self) -> None:
        for xml, gone in (
            ("<redirfilter/>", "<redirfilter"),
            ("<sound model='ac97'><codec type='micro'/></sound>", "<codec"),
            ("<audio id='1' type='oss'><input/></audio>", "<input/>"),
            ("<memballoon model='none'><alias name='ua-x'/></memballoon>", "ua-x"),
            ("<graphics type='egl-headless'><gl/></graphics>", "<gl"),
            ("<hostdev mode='subsystem' type='usb'><source><vendor id='1'/><product id='2'/></source>"
             "<readonly/></hostdev>", "<readonly"),
        ):  # fmt: skip
            with self.subTest(xml):
                self.assertNotIn(gone, define(xml).format(inactive=True))

    def test_of_the_domain(self) -> None:
        for more, gone in (
            ("<defaultiothread/>", "<defaultiothread"),
            ("<bootloader/>", "<bootloader"),
            ("<blkiotune><device><path>/d</path></device></blkiotune>", "<blkiotune"),
        ):
            with self.subTest(more):
                self.assertNotIn(gone, define("", more=more).format(inactive=True))

    def test_a_keyboard_without_a_bus_is_the_usual_one(self) -> None:
        inputs = define("<input type='keyboard'/>").devices.inputs
        self.assertEqual(["keyboard"], [i.type for i in inputs if i.type == "keyboard"])

    def test_events_have_an_order(self) -> None:
        events = "".join(f"<event name='{n}' enabled='yes'/>" for n in ("cpu_cycles", "cmt"))
        domain = define("", more=f"<perf>{events}</perf>")
        self.assertEqual(["cmt", "cpu_cycles"], [e.name for e in domain.perf_events])

    def test_a_filter_for_any_product(self) -> None:
        domain = define("<redirfilter><usbdev product='-1' allow='yes'/></redirfilter>")
        self.assertIsNone(domain.devices.redirfilter.rules[0].product)


class DiskTest(TestCase):
    def test_a_drive_without_a_medium_is_of_no_special_kind(self) -> None:
        for kind in ("network", "nvme", "block"):
            xml = f"<disk type='{kind}' device='cdrom'><target dev='sda' bus='sata'/></disk>"
            self.assertEqual("file", define(xml).devices.disks[0].type)

    def test_every_layer_s_server_has_its_port(self) -> None:
        [disk] = define(
            "<disk><driver type='qcow2' cache='default'/><source file='/d'/>"
            "<backingStore type='network'><format type='raw'/><source protocol='https' name='i'>"
            "<host name='h'/></source><backingStore/></backingStore><target dev='vda'/></disk>"
        ).devices.disks
        self.assertEqual("443", disk.backing.source.hosts[0].port)
        self.assertIsNone(disk.cache)
