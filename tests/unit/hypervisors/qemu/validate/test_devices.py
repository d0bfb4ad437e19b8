# SPDX-License-Identifier: Apache-2.0
"""Devices that are refused, each with libvirt's code and words."""

from nova_pyvirt.errors import Code, libvirtError
from tests.base import TestCase
from tests.fixtures.qemu72 import define

U, X, I = Code.CONFIG_UNSUPPORTED, Code.XML_ERROR, Code.INTERNAL_ERROR  # noqa: E741


def disk(inner: str, attributes: str = "", target: str = "dev='vda'") -> str:
    return f"<disk {attributes}><source file='/d'/><target {target}/>{inner}</disk>"


def network(source: str, inner: str = "") -> str:
    return (
        f"<disk type='network'><source {source}<host name='h'/>{inner}</source>"
        "<target dev='vda'/></disk>"
    )


def port(kind: str, parameters: str = "") -> str:
    return (
        f"<interface type='bridge'><source bridge='br0'/><virtualport type='{kind}'>"
        f"<parameters {parameters}/></virtualport></interface>"
    )


def cookie(name: str, value: str, inner: str = "") -> str:
    one = f"<cookies><cookie name='{name}'>{value}</cookie>{inner}</cookies>"
    return network("protocol='https' name='a'>", one)


UUID = "09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f"

REFUSED = (
    (port("802.1Qbg"), X, "missing managerid in <virtualport type='802.1Qbg'>"),
    (port("802.1Qbg", "managerid='1' typeid='1' typeidversion='1' profileid='p'"), X,
     "extra profileid unsupported in <virtualport type='802.1Qbg'>"),
    (port("802.1Qbh"), X, "missing profileid"),
    (port("802.1Qbh", f"profileid='{'p' * 40}'"), X, "profileid parameter too long"),
    (port("openvswitch", f"instanceid='{UUID}'"), X, "extra instanceid unsupported"),
    (port("midonet"), X, "missing interfaceid in <virtualport type='midonet'>"),
    (network("protocol='rbd' name='v'>"), X, "can't split path 'v' into pool name and image name"),
    (network("protocol='http'>"), X, "missing name for disk source"),
    (network("protocol='rbd' name='p/v'>", f"<auth username='u'><secret uuid='{UUID}'/></auth>"), U,
     "unknown secret type '<null>'"),
    (network("protocol='rbd' name='p/v'>",
             f"<auth username='u'><secret type='iscsi' uuid='{UUID}'/></auth>"), U,
     "invalid secret type 'iscsi'"),
    (network("protocol='rbd' name='p/v'>", "<auth username='u' type='x'/>"), U,
     "unknown auth type 'x'"),
    (network("protocol='rbd' name='p/v'>",
             "<auth username='u'><secret type='ceph' uuid='{}'/></auth>"), X, "invalid secret uuid"),
    (network("protocol='tftp' name='v'>"), U, "'tftp' protocol is not supported"),
    (network("protocol='nfs' name='v'>", "<host name='i'/>"), U, "exactly one host"),
    (cookie("a b", "v"), X, "cookie name 'a b' contains invalid characters"),
    (cookie("a", "v;w"), X, "value of cookie 'a' contains invalid characters"),
    (cookie("a", '"v'), X, "value of cookie 'a' contains invalid characters"),
    (cookie("a", "v", "<cookie name='a'>w</cookie>"), X, "duplicate cookie 'a'"),
    ("<audio id='1' type='none'><input fixedSettings='yes'/></audio>", U,
     "fixed audio settings requires mixing engine"),
    ("<audio id='1' type='none'><input><settings/></input></audio>", U,
     "audio settings specified without fixed settings flag"),
    ("<hostdev type='mdev' model='vfio-pci'><source><address uuid='x'/></source></hostdev>", I,
     "Cannot parse uuid attribute"),
    ("<hostdev type='mdev'><source><address uuid='x'/></source></hostdev>", X,
     "Missing required attribute 'model' in element 'hostdev'"),
    ("<graphics type='spice' autoport='x'/>", X,
     "Invalid value for attribute 'autoport' in element 'graphics': 'x'"),
    ("<graphics type='vnc' port='x'/>", I, "cannot parse vnc port x"),
    ("<graphics type='vnc' passwd='p' passwdValidTo='soon'/>", I, "password validity time 'soon'"),
    ("<serial type='spicevmc'/>", U, "spicevmc device type only supports virtio"),
    ("<serial type='nmdm'><source master='/m'/></serial>", I, "both master and slave path"),
    ("<serial type='spiceport'><source channel='c'/></serial>", U, "without spice graphics"),
    ("<serial type='pty'><target type='isa-serial' port='1'/></serial>" * 2, I,
     "target port '1' already allocated"),
    ("<serial type='pty'><target type='isa-serial' port='4'/></serial>", I,
     "Maximum supported number of ISA serial ports is '4'"),
    ("<channel type='pty'><target name='n'/></channel>", U, "unknown target type '(null)'"),
    ("<channel type='pty'><target type='guestfwd' port='1'/></channel>", X,
     "does not define a target address"),
    ("<channel type='pty'><target type='guestfwd' address='h' port='1'/></channel>",
     Code.SYSTEM_ERROR, "Cannot parse socket address 'h'"),
    (disk("<encryption format='qcow'/>"), U, "old qcow/qcow2 encryption is not supported"),
    (disk("<encryption format='luks2'/>"), U, "luks2 is currently not supported"),
    (disk("<driver type='vdi'/><encryption format='luks'/>"), U,
     "encryption is supported only with 'raw' and 'qcow2' image format"),
    (disk("<encryption engine='librbd' format='luks'/>"), U, "only with RBD backed disks"),
    ("<controller type='pci' index='1' model='pci-bridge'><model name='pxb'/></controller>", U,
     "Option 'modelName' has invalid value for PCI controller with index '1'"),
    (disk("<driver type='luks'/>"), U, "unknown driver format value 'luks'"),
    ("<interface type='vds'/>", X, "interface type='vds' requires a 'source' element"),
    ("<interface type='internal'><source/></interface>", X, "attribute 'name' in element 'source'"),
    ("<video><model type='vga' ram='1024'/></video>", U, "only supported for video type qxl"),
    ("<input type='tablet' bus='usb'><address type='pci' slot='9'/></input>", X,
     "Invalid address for a USB device"),
    ("<rng model='virtio'><backend model='builtin'/><address type='virtio-s390'/></rng>", X,
     "virtio-s390 bus doesn't have an address"),
    (disk("<driver error_policy='default'/>"), X, "Invalid value for attribute 'error_policy'"),
    ("<tpm><backend type='external'/></tpm>", X, "missing external TPM backend type"),
    ("<watchdog model='diag288'/>", U, "allowed for s390 and s390x only"),
    ("<channel type='unix'><source><reconnect enabled='no'/></source><target type='virtio'/>"
     "</channel>", I, "reconnect is possible only for connect mode"),
    ("<hostdev type='scsi_host'><source protocol='vhost'/></hostdev>", X, "source wwpn"),
    ("<hostdev type='scsi_host'><source protocol='x'/></hostdev>", U,
     "Unknown scsi_host subsystem protocol 'x'"),
    ("<hostdev type='usb'><source><vendor id='1'/></source></hostdev>", I, "missing product"),
    ("<hostdev type='usb'><source><address bus='1'/></source></hostdev>", X,
     "Missing required attribute 'device' in element 'address'"),
    ("<disk type='nvme'><source type='x'/><target dev='vda'/></disk>", X,
     "unsupported source type 'x'"),
    ("<disk type='vhostuser'><source type='unix'/><target dev='vda'/></disk>", X,
     "missing 'path' attribute for vhostuser disk source"),
    ("<disk type='volume'><source pool='p'/><target dev='vda'/></disk>", X,
     "'pool' and 'volume' must be specified together"),
    ("<disk type='file'><source dev='/d'/><target dev='vda'/></disk>", Code.NO_SOURCE, "vda"),
    ("<disk device='cdrom'><target dev='foo' bus='ide'/><address type='drive'/></disk>", U,
     "invalid disk target 'foo'"),
    (disk("<driver name=''/>"), U, "unsupported driver name ''"),
    ("<interface type='direct'><source dev='e' mode='x'/></interface>", X,
     "Invalid value for attribute 'mode' in element 'source': 'x'"),
    ("<interface type='hostdev'><source><address type=''/></source></interface>", X,
     "missing source address type"),
    ("<input type='evdev'/>", X, "Missing evdev path for input device"),
    ("<graphics type='vnc' listen=''><listen type='address' address='::'/></graphics>", U,
     "must match 'address' attribute of first listen element"),
    ("<input type='tablet' bus='usb'><address type='usb' port='1.2.3.4.5'/></input>", I,
     "Cannot parse <address> 'port' attribute"),
    (disk("") * 2, X, "target 'vda' duplicated for disk sources"),
    ("<disk><target dev='vda'/></disk>", Code.NO_SOURCE, "vda"),
    ("<disk><source file='/d'/></disk>", Code.NO_TARGET, ""),
    (disk("", "", "dev='vda1'"), U, "partitions can't appear in disk targets"),
    (disk("", "device='cdrom'"), U, "does not support ejectable media"),
    (disk("", "device='lun'"), U, "only valid for block type disk source"),
    (disk("<vendor>x</vendor>"), U, "Only scsi disk supports vendor and product"),
    (disk("<driver io='native'/>"), U, "io='native' needs either no disk cache"),
    (disk("<driver io='native'/><shareable/>"), U, "io='native' needs either no disk cache"),
    (disk("<driver type='qcow2'/><shareable/>"), U, "requires use of supported storage format"),
    (disk("<wwn>5000c50015ea71ad</wwn>", "", "dev='sda' bus='sata'"), U, "Only ide and scsi disk"),
    ("<disk type='dir'><driver type='fat'/><source dir='/d'/><target dev='vda'/></disk>", U,
     "virtual FAT storage can't be accessed in read-write mode"),
    ("<disk type='dir'><driver type='raw'/><source dir='/d'/><target dev='vda'/><readonly/></disk>",
     U, "requires use of storage format 'fat'"),
    (disk("<driver type='fat'/>"), U, "'fat' is supported only with 'dir' storage type"),
    (disk("<driver iothread='3'/>"), U, "iothread '3' not defined in iothreadid"),
    (disk("<serial>a&amp;b</serial>"), I, "contains unsafe characters"),
    (disk("<readonly/>", "", "dev='hda'"), U, "readonly ide disks are not supported"),
    (disk("<transient/><readonly/>"), U, "must not be read-only"),
    (disk("<iotune><total_bytes_sec>1</total_bytes_sec><read_bytes_sec>1</read_bytes_sec></iotune>"),
     X, "total and read/write bytes_sec cannot be set at the same time"),
    (disk("<address type='pci' slot='9'/>", "", "dev='hda'"), U, "Invalid address type 'pci'"),
    ("<disk type='vhostuser'><source type='unix' path='/s'/><target dev='vda'/></disk>", U,
     "requires shared memory"),
    ("<controller type='pci' index='1' model='pci-root'/>", X, "should have index 0"),
    ("<controller type='scsi' index='0'/>" * 2, X, "Multiple 'scsi' controllers with index '0'"),
    ("<controller type='ide' index='1'/>", U, "Only a single IDE controller"),
    ("<controller type='usb' index='0' model='none'/><controller type='usb' index='1'/>",
     Code.XML_DETAIL, "USB is disabled for this domain"),
    ("<interface type='bridge'/>", X, "interface type='bridge' requires a 'source' element"),
    ("<interface type='bridge'><source/></interface>", X,
     "Missing required attribute 'bridge' in element 'source'"),
    ("<interface type='user'><mac address='01:00:00:00:00:00'/></interface>", X,
     "expected unicast mac address"),
    ("<interface type='user'><mac address='zz'/></interface>", X, "unable to parse mac address"),
    ("<interface type='user'><mtu size='1400'/></interface>", U, "setting MTU on interface type user"),
    ("<interface type='user'><model type='virtio'/><driver rx_queue_size='3'/></interface>", U,
     "rx_queue_size has to be a power of two"),
    ("<interface type='user'><vlan><tag id='5'/></vlan></interface>", U, "vlan tag not supported"),
    ("<interface type='user'><script path='/s'/></interface>", U, "scripts are not supported"),
    ("<serial type='tcp'/>", I, "Missing source host attribute"),
    ("<serial type='file'/>", I, "Missing source path attribute"),
    ("<serial type='tcp'><source host='h' service='1'><reconnect enabled='yes' timeout='0'/>"
     "</source></serial>", Code.INVALID_ARG, "reconnect source timeout cannot be '0'"),
    ("<channel type='spicevmc'><target type='virtio'/></channel>", U, "without spice graphics"),
    ("<graphics type='vnc' passwd='123456789'/>", U, "9 characters long, only 8 permitted"),
    ("<graphics type='vnc' listen='1.1.1.1'><listen type='address' address='2.2.2.2'/></graphics>",
     U, "must match 'address' attribute of first listen element"),
    ("<video><model type='vga' heads='2'/></video>", U, "doesn't support multiple 'heads'"),
    ("<video><model type='qxl'/></video><video><model type='vga'/></video>", U,
     "only valid as primary video device"),
    ("<video><model type='none'/></video><video><model type='vga'/></video>", U,
     "must be the only video device"),
    ("<input type='tablet' bus='ps2'/>", I, "ps2 bus does not support tablet input device"),
    ("<input type='passthrough' bus='usb'/>", U, "only bus 'virtio' is supported"),
    ("<hostdev mode='subsystem' type='mdev' model='vfio-pci' display='on'><source>"
     "<address uuid='53764d0e-85a0-42b4-af5c-2046b460b1dc'/></source></hostdev>", U,
     "graphics device is needed"),
    ("<hostdev mode='subsystem' type='pci'><source><address bus='6' slot='2' function='0'/></source>"
     "</hostdev>" * 2, X, "Hostdev already exists"),
    ("<hostdev mode='subsystem' type='scsi_host'><source protocol='vhost' wwpn='naa.5123456789abcde0'/></hostdev>"
     * 2, X, "Hostdev already exists"),
    ("<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/><product id='0x2'/></source>"
     "</hostdev>" * 2, X, "Hostdev already exists"),
    ("<hostdev mode='subsystem' type='scsi'><source protocol='iscsi' name='iqn.x'>"
     "<host name='h' port='1'/></source></hostdev>" * 2, X, "Hostdev already exists"),
    ("<memory model='dimm'><target><size>524288</size><node>0</node></target></memory>",
     U, "when domain 'maxMemory' is not defined"),
    ("<watchdog model='i6300esb'/>" * 2, I, "only a single watchdog device is supported"),
    ("<memballoon model='virtio'/>" * 2, I, "only a single memory balloon device is supported"),
    ("<iommu model='virtio'/>" * 2, X, "only a single IOMMU device is supported"),
    ("<vsock/>" * 2, X, "only a single vsock device is supported"),
    ("<redirfilter/>" * 2, I, "only one set of redirection filter rule is supported"),
    ("<controller type='usb' index='0' model='ich9-uhci1'><master startport='0'/></controller>",
     Code.XML_DETAIL, "No master USB controller specified"),
    ("<watchdog model='itco'/>", U, "unknown watchdog model 'itco'"),
    ("<iommu model='intel'/>", U, "only supported with Q35 machines"),
    ("<vsock><cid auto='no' address='2'/></vsock>", U, "guest CIDs must be >= 3"),
    ("<filesystem><driver type='virtiofs'/><source dir='/d'/><target dir='t'/></filesystem>", U,
     "'virtiofs' requires shared memory"),
    ("<panic model='isa'/>" * 2, X, "Multiple panic devices with model 'isa'"),
    ("<rng model='virtio'><alias name='ua-x'/><backend model='random'/></rng>" * 2, U,
     "non unique alias detected: ua-x"),
    ("<shmem name='a/b'/>", U, "shmem name cannot include '/'"),
    ("<tpm model='tpm-crb'><backend type='emulator' version='1.2'/></tpm>", U,
     "Unsupported interface 'tpm-crb' for TPM 1.2"),
    ("<sound model='ac97'><audio id='9'/></sound>", X, "no audio device with ID 9"),
    ("<redirdev bus='usb' type='tcp'><source host='h' service='1'/></redirdev>"
     "<controller type='usb' model='none'/>", U, "USB is disabled"),
)  # fmt: skip


CELLS = "<cpu><numa><cell id='0' cpus='0' memory='1048576'/></numa></cpu>"
ROOM = "<maxMemory slots='1'>4194304</maxMemory>"
DIMM = "<memory model='dimm'><target><size>524288</size><node>{}</node></target>{}</memory>"
HOTPLUG = (
    (ROOM, "", U, "At least one numa node has to be configured"),
    (ROOM + CELLS, DIMM.format(0, "") + DIMM.format(0, ""), I, "failed to find an empty memory slot"),
    (ROOM + CELLS, DIMM.format(0, "<address type='pci' slot='9'/>"), U,
     "only 'dimm' addresses are supported"),
    (ROOM + CELLS, DIMM.format(0, "").replace("<node>0</node>", ""), U,
     "target NUMA node needs to be specified"),
    (ROOM + CELLS, DIMM.format(3, ""), Code.XML_DETAIL, "has only '1' NUMA nodes configured"),
    ("<vcpu current='4'>2</vcpu>", "", U, "maximum vCPU count must not be less than current"),
    ("<cputune><vcpusched vcpus='99' scheduler='batch'/></cputune>", "", U,
     "vCPU '99' is not present in domain definition"),
    ("<cputune><iothreadpin iothread='4' cpuset='0'/></cputune>", "", U, "Cannot find 'iothread' : 4"),
    ("<cpu><feature name='vmx'/></cpu>", "", X, "Non-empty feature list specified without CPU model"),
    ("<cpu><vendor>Intel</vendor></cpu>", "", X, "CPU vendor specified without CPU model"),
    ("<cpu mode='host-model'><cache mode='disable'/><cache mode='disable'/></cpu>", "", X,
     "at most one CPU cache element"),
    ("<bootloader_args>x</bootloader_args>", "", U, "bootloader is not supported by QEMU"),
    ("<on_crash>rename-restart</on_crash>", "", U, "the 'rename-restart' action"),
    ("<on_poweroff>preserve</on_poweroff>", "", U, "the 'preserve' action"),
    ("<on_poweroff>restart</on_poweroff><on_reboot>destroy</on_reboot>", "", U,
     "'onPoweroff' set to 'reboot'"),
    ("<clock offset='utc'><timer name='armvtimer'/></clock>", "", U,
     "Configuring the 'armvtimer' timer is not supported for virtType=kvm arch=x86_64"),
    ("<clock offset='timezone'/>", "", I, "missing 'timezone' attribute"),
    ("<sysinfo type='smbios'><system><entry name='uuid'>c7a5fdbd-edaf-9455-926a-d65c16db1800</entry>"
     "</system></sysinfo>", "", Code.XML_DETAIL, "UUID mismatch between <uuid> and <sysinfo>"),
)  # fmt: skip


class Refused(TestCase):
    def test_codes_and_words(self) -> None:
        for xml, code, words in REFUSED:
            with self.subTest(xml=xml):
                with self.assertRaises(libvirtError) as seen:
                    define(xml)
                self.assertEqual(code, seen.exception.get_error_code(), str(seen.exception))
                self.assertIn(words, str(seen.exception))

    def test_devices_that_the_domain_has_no_room_for(self) -> None:
        for more, xml, code, words in HOTPLUG:
            with self.subTest(more=more, xml=xml):
                with self.assertRaises(libvirtError) as seen:
                    define(xml, more=more)
                self.assertEqual(code, seen.exception.get_error_code(), str(seen.exception))
                self.assertIn(words, str(seen.exception))


#: what libvirt takes, though it looks wrong
ACCEPTED = (
    port("openvswitch"),
    cookie("a", '"v"'),
    "<serial type='file'><source path=''/></serial>",
    "<serial type='pty'><source mode='x'/></serial>",
    "<graphics type='vnc' fullscreen='x' defaultMode='x' connected='x'/>",
    "<graphics type='sdl' websocket='x' sharePolicy='x'/>",
    "<disk device='cdrom' type='block'><source file='x'/><target dev='sda' bus='sata'/></disk>",
    "<interface type='user'><source bridge='x' mode='x'/><model type='e1000'/>"
    "<driver name='x' queues='x'/></interface>",
    "<hostdev type='usb' display='x' ramfb='x'><source><address bus='1' device='2'/></source>"
    "</hostdev>",
    "<tpm><backend type='passthrough' version='x'><source type='x'/></backend></tpm>",
    "<controller type='scsi' model='virtio-scsi' ports='x' vectors='x'>"
    "<address type='pci' slot='9' reg='x' iobase='x' base='x' cssid='x' target='x'/></controller>",
    "<hostdev type='usb'><source writeFiltering='x'><address bus='1' device='2' slot='x'/></source>"
    "</hostdev>",
    "<interface type='user' managed='x'/>",
    "<filesystem accessmode=''><source dir='/d'/><target dir='t'/></filesystem>",
    "<audio id='1' type='none'><input tryPoll='x' bufferCount='x'/></audio>",
    "<audio id='1' type='none'><input fixedSettings='yes' mixingEngine='yes'/></audio>",
    f"<hostdev type='mdev' model='vfio-pci'><source><address uuid=' {UUID.upper()}'/></source>"
    "</hostdev>",
)


class AcceptedTest(TestCase):
    def test_accepted(self) -> None:
        for devices in ACCEPTED:
            with self.subTest(devices=devices):
                shown = define(devices).format(inactive=True)
                self.assertNotIn("'x'", shown)

    def test_a_port_on_usb_ends_before_zero(self) -> None:
        for given, got in (("0", "1"), ("00.2", "1"), (" 2", "2"), ("2.0", "2")):
            where = f"<address type='usb' bus='0' port='{given}'/>"
            domain = define(f"<input type='tablet' bus='usb'>{where}</input>")
            self.assertEqual(got, domain.devices.inputs[0].address.port)

    def test_what_is_shown_without_a_password_can_be_defined_again(self) -> None:
        until = "passwdValidTo='2030-01-01T00:00:00' connected='keep'"
        shown = define(f"<graphics type='vnc' passwd='p' {until}/>").format(inactive=True)
        self.assertIn(until, shown)
        again = define(f"<graphics type='vnc' {until}/>").format(inactive=True)
        self.assertIn(until, again)

    def test_switch_ports_get_an_identity(self) -> None:
        found = define(port("openvswitch")).devices.interfaces[0].virtualport
        self.assertRegex(found.interfaceid, "^[0-9a-f-]{36}$")
        self.assertIsNone(found.instanceid)

    def test_numbers_that_say_nothing_are_dropped(self) -> None:
        shown = define(
            "<disk><driver queues='0'/><source file='/d'/><geometry cyls='0' heads='1' secs='1'/>"
            "<target dev='vda'/></disk>"
            "<interface type='user'><model type='virtio'/><driver rx_queue_size='0'/></interface>"
        ).format(inactive=True)
        self.assertNotIn("queue", shown)
        self.assertNotIn("geometry", shown)

    def test_an_address_on_bus_0_in_slot_0_is_none(self) -> None:
        where = "<address type='pci' slot='0' function='1'/>"
        domain = define(f"<controller type='ide' index='0'>{where}</controller>")
        found = next(c for c in domain.devices.controllers if c.type == "ide")
        self.assertEqual((0, 0, 1, 1), found.address.key())
