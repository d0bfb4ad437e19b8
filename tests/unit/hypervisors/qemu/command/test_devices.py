# SPDX-License-Identifier: Apache-2.0
"""Descriptions of devices: each as libvirt 9.0 gives it to QEMU 7.2."""

import json
from typing import Any

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import alias, command
from nova_pyvirt.model.qemuns import (
    QemuFrontend,
    QemuOverride,
    QemuOverrideDevice,
    QemuProperty,
)
from tests.base import TestCase
from tests.fixtures.qemu72 import after, argv, caps, define

RAW = "<disk><source file='/d'/><target dev='vda'/>{}</disk>"
SHARED = "<memoryBacking><access mode='shared'/></memoryBacking>"
PCI = '"bus":"pci.0","addr":"0x2"'
#: devices -> what must be among the arguments, in that order
GOLDEN: tuple[tuple[str, tuple[str, ...]], ...] = (
    (RAW.format(""), (
        '{"driver":"file","filename":"/d","node-name":"libvirt-1-storage","auto-read-only":true,'
        '"discard":"unmap"}',
        '{"node-name":"libvirt-1-format","read-only":false,"driver":"raw",'
        '"file":"libvirt-1-storage"}',
        '{"driver":"virtio-blk-pci",' + PCI + ',"drive":"libvirt-1-format","id":"virtio-disk0","bootindex":1}',
    )),
    (RAW.format("<driver type='qcow2' cache='none' discard='unmap'/><serial>a b</serial>"), (
        '{"node-name":"libvirt-1-format","read-only":false,"discard":"unmap","cache":'
        '{"direct":true,"no-flush":false},"driver":"qcow2","file":"libvirt-1-storage"}',
        '{"driver":"virtio-blk-pci",' + PCI + ',"drive":"libvirt-1-format","id":"virtio-disk0","bootindex":1,'
        '"write-cache":"on","serial":"a\\\\ b"}',
    )),
    (RAW.format("<driver copy_on_read='on'/>"), (
        '{"driver":"copy-on-read","node-name":"libvirt-CoR-vda","file":"libvirt-1-format",'
        '"discard":"unmap"}',
    )),
    ("<disk type='network'><source protocol='rbd' name='pool/image'><host name='mon' port='6789'/>"
     "<auth username='me'><secret type='ceph' usage='x'/></auth></source><target dev='vda'/></disk>", (
        '{"qom-type":"secret","id":"libvirt-1-storage-auth-secret0","data":"","keyid":"masterKey0",'
        '"iv":"","format":"base64"}',
        '{"driver":"rbd","pool":"pool","image":"image","server":[{"host":"mon","port":"6789"}],'
        '"user":"me","auth-client-required":["cephx","none"],'
        '"key-secret":"libvirt-1-storage-auth-secret0","node-name":"libvirt-1-storage",'
        '"auto-read-only":true,"discard":"unmap"}',
    )),
    ("<disk device='cdrom'><target dev='hdc' bus='ide'/></disk>", (
        '{"driver":"ide-cd","bus":"ide.1","unit":0,"id":"ide0-1-0"}',
    )),
    ("<controller type='scsi' model='virtio-scsi'/><disk type='block' device='lun'>"
     "<source dev='/dev/x'/><target dev='sda' bus='scsi'/></disk>", (
        '{"driver":"virtio-scsi-pci","id":"scsi0",' + PCI + '}',
        '{"driver":"host_device","filename":"/dev/x","node-name":"libvirt-1-storage",'
        '"auto-read-only":true,"discard":"unmap"}',
        '{"driver":"scsi-block","bus":"scsi0.0","channel":0,"scsi-id":0,"lun":0,'
        '"drive":"libvirt-1-format","id":"scsi0-0-0-0","bootindex":1}',
    )),
    ("<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='b'/>"
     "<model type='virtio'/><driver queues='2'/><mtu size='1400'/></interface>", (
        '{"type":"tap","fds":"-1:-1","id":"hostnet0"}',
        '{"driver":"virtio-net-pci","mq":true,"vectors":6,"host_mtu":1400,"netdev":"hostnet0",'
        '"id":"net0","mac":"52:54:00:00:00:01",' + PCI + '}',
    )),
    ("<serial type='pty'><log file='/log,1' append='off'/></serial>", (
        "pty,id=charserial0,logfile=/log,,1,logappend=off",
        '{"driver":"isa-serial","chardev":"charserial0","id":"serial0","index":0}',
    )),
    ("<serial type='tcp'><source mode='bind' host='::1' service='4555'/><protocol type='telnet'/>"
     "</serial>", (
        "socket,id=charserial0,host=::1,port=4555,telnet=on,server=on,wait=off",
    )),
    ("<channel type='unix'><source mode='bind' path='/s'/><target type='virtio' name='agent'/>"
     "</channel>", (
        '{"driver":"virtio-serial-pci","id":"virtio-serial0",' + PCI + '}',
        "socket,id=charchannel0,path=/s,server=on,wait=off",
        '{"driver":"virtserialport","bus":"virtio-serial0.0","nr":1,"chardev":"charchannel0",'
        '"id":"channel0","name":"agent"}',
    )),
    ("<graphics type='vnc' listen='::1' passwd='x' keymap='de'/><video><model type='virtio'/></video>", (
        "[::1]:0,password=on,audiodev=audio1", "de",
        '{"driver":"virtio-vga","id":"video0","max_outputs":1,' + PCI + '}',
    )),
    ("<graphics type='spice' port='5901' listen='1.1.1.1'><streaming mode='off'/></graphics>"
     "<video><model type='qxl'/></video>", (
        "port=5901,addr=1.1.1.1,disable-ticketing=on,streaming-video=off,seamless-migration=on",
        '{"driver":"qxl-vga","id":"video0","max_outputs":1,"ram_size":67108864,'
        '"vram_size":67108864,"vram64_size_mb":0,"vgamem_mb":16,' + PCI + '}',
    )),
    ("<input type='tablet' bus='usb'/>", (
        '{"driver":"piix3-usb-uhci","id":"usb","bus":"pci.0","addr":"0x1.0x2"}',
        '{"driver":"usb-tablet","id":"input0","bus":"usb.0","port":"1"}',
    )),
    ("<hostdev mode='subsystem' type='pci' managed='yes'>"
     "<driver name='vfio'/><source><address domain='0' bus='6' slot='18'"
     " function='5'/></source><rom bar='off'/></hostdev>", (
        '{"driver":"vfio-pci","host":"0000:06:12.5","id":"hostdev0",' + PCI + ',"rombar":0}',
    )),
    ("<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source>"
     "<address uuid='53764d0e-85a0-42b4-af5c-2046b460b1dc'/></source></hostdev>", (
        '{"driver":"vfio-pci","id":"hostdev0","sysfsdev":"/sys/bus/mdev/devices/'
        '53764d0e-85a0-42b4-af5c-2046b460b1dc","display":"off",' + PCI + '}',
    )),
    ("<rng model='virtio'><rate bytes='123'/><backend model='random'>/dev/urandom</backend></rng>", (
        '{"driver":"virtio-balloon-pci","id":"balloon0",' + PCI + '}',
        '{"qom-type":"rng-random","id":"objrng0","filename":"/dev/urandom"}',
        '{"driver":"virtio-rng-pci","rng":"objrng0","id":"rng0","max-bytes":123,"period":1000,'
        '"bus":"pci.0","addr":"0x3"}',
    )),
    ("<tpm model='tpm-crb'><backend type='emulator'/></tpm>", (
        "emulator,id=tpm-tpm0,chardev=chrtpm",
        '{"driver":"tpm-crb","tpmdev":"tpm-tpm0","id":"tpm0"}',
    )),
    ("<watchdog model='ib700' action='dump'/>", ('{"driver":"ib700","id":"watchdog0"}', "pause")),
    ("<sound model='ich6'/>", (
        '{"driver":"intel-hda","id":"sound0",' + PCI + '}',
        '{"driver":"hda-duplex","id":"sound0-codec0","bus":"sound0.0","cad":0,"audiodev":"audio1"}',
    )),
    ("<shmem name='s'><model type='ivshmem-plain'/></shmem><memballoon model='none'/>", (
        '{"qom-type":"memory-backend-file","id":"shmmem-shmem0","mem-path":"/dev/shm/s",'
        '"size":4194304,"share":true}',
        '{"driver":"ivshmem-plain","id":"shmem0","memdev":"shmmem-shmem0",' + PCI + '}',
    )),
    ("<filesystem accessmode='mapped'><source dir='/e'/><target dir='/t'/></filesystem>", (
        "local,security_model=mapped,id=fsdev-fs0,path=/e",
        '{"driver":"virtio-9p-pci","id":"fs0","fsdev":"fsdev-fs0","mount_tag":"/t",' + PCI + '}',
    )),
    ("<redirdev bus='usb' type='tcp'><source host='h' service='1'/></redirdev>"
     "<redirfilter><usbdev class='0x08' version='2.0' allow='yes'/><usbdev allow='no'/></redirfilter>", (
        '{"driver":"usb-redir","chardev":"charredir0","id":"redir0",'
        '"filter":"0x08:-1:-1:0x0200:1|-1:-1:-1:-1:0","bus":"usb.0","port":"1"}',
    )),
    ("<smartcard mode='host'/>", (
        '{"driver":"usb-ccid","id":"ccid0","bus":"usb.0","port":"1"}',
        '{"driver":"ccid-card-emulated","backend":"nss-emulated","id":"smartcard0","bus":"ccid0.0"}',
    )),
)  # fmt: skip


class Golden(TestCase):
    def test_arguments(self) -> None:
        for xml, wanted in GOLDEN:
            with self.subTest(xml=xml):
                words = argv(xml)
                at = -1
                for word in wanted:
                    self.assertIn(word, words, "\n".join(words))
                    self.assertGreater(words.index(word), at, "in another order")
                    at = words.index(word)


class Descriptors(TestCase):
    NIC = "<interface type='ethernet'><model type='virtio'/></interface>"

    def test_taps(self) -> None:
        fds = {"net0": [30], "vhost-net0": [31]}
        words = argv(self.NIC, context={"fds": fds, "standalone": False})
        self.assertEqual(
            ['{"type":"tap","fd":"30","vhost":true,"vhostfd":"31","id":"hostnet0"}'],
            after(words, "-netdev"),
        )

    def test_logs(self) -> None:
        log = "<serial type='pty'><log file='/log' append='off'/></serial>"
        words = argv(log, context={"fds": {"serial0-log": [9]}, "standalone": False})
        self.assertEqual(["set=0,fd=9,opaque=serial0-log"], after(words, "-add-fd"))
        self.assertIn("pty,id=charserial0,logfile=/dev/fdset/0,logappend=on", words)

    def test_sockets_of_channels(self) -> None:
        xml = "<channel type='unix'><target type='virtio' name='a'/></channel>"
        words = argv(xml, context={"fds": {"channel0": [7]}, "standalone": False})
        self.assertIn("socket,id=charchannel0,fd=7,server=on,wait=off", words)


class Secrets(TestCase):
    DISK = (
        "<disk><source file='/d'><encryption format='luks'><secret type='passphrase'"
        " uuid='0a81f5b2-8403-7b23-c8d6-21ccc2f80d6f'/></encryption></source>"
        "<target dev='vda'/></disk>"
    )

    def test_given(self) -> None:
        ident = "libvirt-1-format-encryption-secret0"
        asked = []

        def seal(which: Any) -> dict[str, str]:
            asked.append(which.uuid)
            return {"file": "/lib/s"}

        words = argv(self.DISK, context={"seal": seal, "standalone": False})
        self.assertEqual(["0a81f5b2-8403-7b23-c8d6-21ccc2f80d6f"], asked)
        self.assertIn(f'{{"qom-type":"secret","id":"{ident}","file":"/lib/s"}}', words)
        luks = [json.loads(node) for node in after(words, "-blockdev")][-1]
        self.assertEqual(("luks", ident), (luks["driver"], luks["key-secret"]))

    def test_nobody_gave_it(self) -> None:
        with self.assertRaisesRegex(libvirtError, "no secret was prepared"):
            argv(self.DISK, context={"standalone": False})

    def test_passwords_never_appear(self) -> None:
        words = argv("<graphics type='vnc' passwd='sesame'/>")
        self.assertFalse([word for word in words if "sesame" in word])


class Boot(TestCase):
    DEVICES = RAW.format("{}") + "<interface type='user'>{}</interface>"

    def indexes(self, xml: str, os: str = "") -> list[int | None]:
        devices = [json.loads(d) for d in after(argv(xml, os=os), "-device")]
        return [d.get("bootindex") for d in devices if d["id"] in ("virtio-disk0", "net0")]

    def test_by_kind(self) -> None:
        os = "<boot dev='network'/><boot dev='hd'/>"
        self.assertEqual([2, 1], self.indexes(self.DEVICES.format("", ""), os))

    def test_by_device(self) -> None:
        order = "<boot order='{}'/>"
        xml = self.DEVICES.format(order.format(3), order.format(1))
        self.assertEqual([3, 1], self.indexes(xml))


class Escapes(TestCase):
    def test_paths_cannot_add_options(self) -> None:
        words = argv("<serial type='file'><source path='/a,server=on'/></serial>")
        self.assertIn("file,id=charserial0,path=/a,,server=on", words)


class Chains(TestCase):
    def test_numbers_and_ends(self) -> None:
        xml = (
            "<disk><driver type='qcow2'/><source file='/top'/><backingStore type='file'>"
            "<format type='qcow2'/><source file='/base'/><backingStore/></backingStore>"
            "<target dev='vda'/></disk><disk><source file='/other'/><target dev='vdb'/></disk>"
        )
        nodes = [json.loads(node) for node in after(argv(xml), "-blockdev")]
        names = [(n["node-name"], n.get("backing", "")) for n in nodes if "file" in n]
        self.assertEqual(
            [("libvirt-3-format", None), ("libvirt-2-format", "libvirt-3-format"),
             ("libvirt-1-format", "")],
            names,
        )  # fmt: skip


class Q35(TestCase):
    def test_ports_sata_and_hub(self) -> None:
        words = argv(
            "<disk><source file='/d'/><target dev='sda' bus='sata'/></disk>", machine="q35"
        )
        devices = after(words, "-device")
        self.assertIn(
            '{"driver":"pcie-root-port","port":8,"chassis":1,"id":"pci.1","bus":"pcie.0",'
            '"multifunction":true,"addr":"0x1"}',
            devices,
        )
        self.assertIn(
            '{"driver":"ide-hd","bus":"ide.0","drive":"libvirt-1-format","id":"sata0-0-0",'
            '"bootindex":1}',
            devices,
        )
        self.assertFalse([d for d in devices if '"ahci"' in d])


class Overrides(TestCase):
    def test_properties_by_alias(self) -> None:
        domain = define(RAW.format("<alias name='ua-d'/>"))
        domain.qemu_override = QemuOverride(devices=[QemuOverrideDevice(
            alias="ua-d", frontends=[QemuFrontend(properties=[
                QemuProperty(name="bootindex", type="remove"),
                QemuProperty(name="num-queues", type="unsigned", value="4"),
                QemuProperty(name="packed", type="bool", value="true"),
            ])],
        )])  # fmt: skip
        alias.assign(domain)
        context = command.CommandContext(standalone=True, lib_dir="/lib")
        words = after(command.build(domain, caps(), context).argv, "-device")
        found = next(json.loads(w) for w in words if "ua-d" in w)
        self.assertEqual((4, True), (found["num-queues"], found["packed"]))
        self.assertNotIn("bootindex", found)


class WantedSecrets(TestCase):
    def test_all_of_a_chain(self) -> None:
        domain = define(Secrets.DISK)
        found = command.devices.wanted_secrets(domain)
        self.assertEqual(
            [
                (
                    "libvirt-1-format-encryption-secret0",
                    "volume",
                    "0a81f5b2-8403-7b23-c8d6-21ccc2f80d6f",
                )
            ],
            [(s.alias, s.kind, s.uuid) for s in found],
        )
