# SPDX-License-Identifier: Apache-2.0
"""Small parts around a guest: users, audit records, monitor events, JSON, image sizes, devices."""

import logging
import os
import re
import struct
import tempfile
from pathlib import Path
from typing import Any

from nova_pyvirt.core import audit
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.settings import Settings
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import audit as qemu_audit
from nova_pyvirt.hypervisors.qemu import identity, jsontext
from nova_pyvirt.hypervisors.qemu.block import sizes
from nova_pyvirt.hypervisors.qemu.host import labels
from nova_pyvirt.hypervisors.qemu.identity import Identity
from nova_pyvirt.hypervisors.qemu.limits import devices, rlimits
from nova_pyvirt.hypervisors.qemu.monitorevents import NOCASE, REGEX, MonitorEvents
from nova_pyvirt.model.devices.disk import Disk, DiskSource
from nova_pyvirt.model.domain import Domain
from tests.base import TestCase

XML = """<domain type='kvm'><name>a</name><memory>65536</memory>{extra}
<os><type arch='x86_64' machine='pc'>hvm</type><kernel>/k</kernel></os>
<devices>{devices}</devices></domain>"""


def domain(devices: str = "", extra: str = "") -> Domain:
    return Domain.load(XML.format(devices=devices, extra=extra))


def disk(source: str, target: str, more: str = "") -> str:
    return f"<disk type='file'>{source}<target dev='{target}' bus='virtio'/>{more}</disk>"


class TestIdentity(TestCase):
    def test_labels(self) -> None:
        self.assertEqual((0, 7), identity.parse("root:+7"))
        self.assertEqual((4294, 7), identity.parse("4294:7"))
        for text, said in (
            ("root", "Failed to parse uid and gid from 'root'"),
            ("no-such-user:+0", "Failed to parse user 'no-such-user'"),
            ("+0:no-such-group", "Failed to parse group 'no-such-group'"),
            ("+x:+0", "Failed to parse user"),
        ):
            with self.assertRaisesRegex(libvirtError, said.replace("+", r"\+")):
                identity.parse(text)

    def test_whose_a_guest_is(self) -> None:
        named = domain(extra="<seclabel type='static' model='dac'><label>+5:+6</label></seclabel>")
        settings = Settings(uid=1, gid=2)
        self.assertEqual(Identity(5, 6), identity.of(named, settings))
        self.assertEqual(Identity(1, 2), identity.of(domain(), settings))
        self.assertIsNone(identity.of(named, Settings()))  # we can't become anybody else
        self.assertEqual("+5:+6", Identity(5, 6).label())


class TestOwners(TestCase):
    def owned(self, definition: Domain, **settings: Any) -> dict[str, tuple[int, bool]]:
        found = labels.owned(Settings(uid=1, gid=2, **settings), definition)
        return {path: (owner.uid, alone) for path, owner, alone in found}

    def test_files(self) -> None:
        label = "<seclabel model='dac' relabel='{}'>{}</seclabel>"
        definition = domain(
            disk("<source file='/top'/><backingStore type='file'><format type='raw'/><source file='/base'/>"
                 "<backingStore/></backingStore>", "vda")
            + disk("<source file='/ro'/>", "vdb", "<readonly/>")
            + disk(f"<source file='/no'>{label.format('no', '')}</source>", "vdc")
            + disk(f"<source file='/own'>{label.format('yes', '<label>+9:+9</label>')}</source>",
                   "vdd")
        )  # fmt: skip
        wanted = {"/top": (1, True), "/base": (1, False), "/ro": (1, False), "/own": (9, True),
                  "/k": (1, False)}  # fmt: skip
        self.assertEqual(wanted, self.owned(definition))
        self.assertEqual({}, self.owned(definition, dynamic_ownership=False))

    def test_left_alone(self) -> None:
        for label in ("<seclabel type='none' model='dac'/>",
                      "<seclabel type='static' model='dac' relabel='no'><label>+1:+1</label>"
                      "</seclabel>"):  # fmt: skip
            definition = domain(disk("<source file='/top'/>", "vda"), label)
            self.assertEqual({}, self.owned(definition))


class TestDevices(TestCase):
    def test_needed(self) -> None:
        definition = domain(
            disk("<source file='/top'/>", "vda")
            + disk("<source file='/ro'/>", "vdb", "<readonly/>")
            + "<serial type='dev'><source path='/dev/ttyS9'/></serial>"
            "<rng model='virtio'><backend model='random'>/dev/hwrng</backend></rng>"
            "<hostdev mode='subsystem' type='usb'><source><address bus='1' device='12'/></source>"
            "</hostdev>"
        )
        wanted = {("/top", "rw"), ("/ro", "r"), ("/dev/ttyS9", "rw"), ("/dev/hwrng", "rw"),
                  ("/dev/bus/usb/001/012", "rw")}  # fmt: skip
        self.assertEqual(wanted, set(devices.needed(definition)))

    def test_rlimits(self) -> None:
        self.assertEqual({"core": (0, 0)}, rlimits.of(domain(), Settings()))
        locked = "<memoryBacking><locked/></memoryBacking>"
        found = rlimits.of(domain(extra=locked), Settings(max_files=7, max_processes=8))
        self.assertEqual((-1, 7, 8), (found["memlock"][0], found["nofile"][0], found["nproc"][0]))
        hard = locked + "<memtune><hard_limit>1024</hard_limit></memtune>"
        self.assertEqual(1 << 20, rlimits.of(domain(extra=hard), Settings())["memlock"][0])


class TestAudit(TestCase):
    def test_names_can_not_make_up_fields(self) -> None:
        self.assertEqual('vm="web-1"', audit.encode("vm", "web-1"))
        for name in ('a" uuid=x', "a b", "a\nb"):
            self.assertEqual(f"vm={name.encode().hex().upper()}", audit.encode("vm", name))

    def test_lines(self) -> None:
        who = audit.Subject("kvm", "a", "u")
        with self.assertLogs("nova_pyvirt.audit", "INFO") as logged:
            audit.control(who, "start", "booted", 7, success=False)
            audit.resource(who, "net", "start", None, "52:54")
            audit.resource(who, "vcpu", "update", 1, 2)
        self.assertEqual(
            [(logging.WARNING, 'success=no virt=kvm op=start reason=booted vm="a" uuid=u vm-pid=7'),
             (logging.INFO, 'success=yes virt=kvm resrc=net reason=start vm="a" uuid=u'
              ' old-net="?" new-net="52:54"'),
             (logging.INFO, 'success=yes virt=kvm resrc=vcpu reason=update vm="a" uuid=u'
              " old-vcpu=1 new-vcpu=2")],
            [(record.levelno, record.getMessage()) for record in logged.records],
        )  # fmt: skip

    def test_what_a_guest_gets(self) -> None:
        text = (
            disk("<source file='/a b'/>", "vda")
            + "<interface type='user'><mac address='52:54:00:00:00:01'/></interface>"
            "<filesystem type='mount'><source dir='/srv'/><target dir='x'/></filesystem>"
            "<serial type='file'><source path='/s'/></serial><console type='pty'/>"
            "<channel type='unix'><source mode='bind' path='/c'/>"
            "<target type='virtio' name='n'/></channel>"
            "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
            "<tpm model='tpm-tis'><backend type='emulator'/></tpm>"
            "<shmem name='m'><size unit='M'>4</size></shmem>"
            "<hostdev mode='subsystem' type='pci'><source>"
            "<address domain='0x0' bus='0x1' slot='0x2' function='0x3'/></source></hostdev>"
            "<hostdev mode='subsystem' type='usb'><source>"
            "<address bus='1' device='14'/></source></hostdev>"
        )
        label = "<seclabel type='static' model='dac'><label>+1:+2</label></seclabel>"
        with self.assertLogs("nova_pyvirt.audit", "INFO") as logged:
            qemu_audit.started(domain(text, f"<vcpu>1</vcpu>{label}"), 7, "booted", success=True)
        (uuid,) = {re.search("uuid=(.*?) ", line)[1] for line in logged.output}  # type: ignore[index]
        who = f'vm="a" uuid={uuid} '
        rows = [record.getMessage().replace(who, "") for record in logged.records]
        start = "reason=start"
        self.assertEqual(
            [f"success=yes virt=kvm {row}" for row in (
                "vm-ctx=+1:+2 img-ctx=? model=dac",
                f'resrc=disk {start} old-disk="?" new-disk=2F612062',
                f'resrc=fs {start} old-fs="?" new-fs="/srv"',
                f'resrc=net {start} old-net="?" new-net="52:54:00:00:00:01"',
                f'resrc=chardev {start} old-chardev="?" new-chardev="/s"',
                f'resrc=chardev {start} old-chardev="?" new-chardev="/c"',
                f'resrc=rng {start} old-rng="?" new-rng="/dev/urandom"',
                f'resrc=dev {start} bus=pci device="0000:01:02.3"',
                f'resrc=dev {start} bus=usb device="001.014"',
                f'resrc=tpm-emulator {start} device="?"',
                f'resrc=shmem {start} size=4194304 path="/dev/shm/m"',
                f"resrc=mem {start} old-mem=0 new-mem=65536",
                f"resrc=vcpu {start} old-vcpu=0 new-vcpu=1",
                "op=start reason=booted vm-pid=7",
            )],
            rows,
        )  # fmt: skip


class TestMonitorEvents(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.events = MonitorEvents()
        self.seen: list[Any] = []
        self.ref = DomainRef("a", bytes(16), 1)

    def register(self, event: str | None, flags: int = 0, uuid: bytes | None = None) -> int:
        def note(_ref: DomainRef, *args: Any) -> None:
            self.seen.append((event, *args))

        return self.events.register(self, uuid, event, flags, note)

    def test_who_wants_what(self) -> None:
        for event, flags in (("STOP", 0), ("stop", 0), ("stop", NOCASE), ("^ST", REGEX),
                             ("OP", REGEX), ("RE", REGEX), (None, 0)):  # fmt: skip
            self.register(event, flags)
        self.register("STOP", 0, b"x" * 16)  # another domain's
        self.events.emit(self.ref, "STOP", {}, 12.25)
        self.assertEqual(["STOP", "stop", "^ST", "OP", None], [one[0] for one in self.seen])
        self.assertEqual(("STOP", "STOP", 12, 250000, None), self.seen[0])

    def test_details_and_the_end(self) -> None:
        number = self.register(None)
        self.events.emit(self.ref, "X", {"a": 1}, 0.0)
        self.assertEqual('{"a":1}', self.seen[0][4])
        self.events.deregister(number)
        with self.assertRaisesRegex(libvirtError, "could not find event callback"):
            self.events.deregister(number)
        self.register(None)
        self.events.drop_owner(self)
        self.events.emit(self.ref, "X", {}, 0.0)
        self.assertEqual(1, len(self.seen))
        with self.assertRaisesRegex(libvirtError, "failed to compile regex"):
            self.register("(", REGEX)


class TestJson(TestCase):
    def said(self, text: str) -> str:
        with self.assertRaises(libvirtError) as raised:
            jsontext.parse(text)
        return str(raised.exception)

    def test_refusals(self) -> None:
        self.assertEqual({"a": [1]}, jsontext.parse('{"a":[1]}'))
        self.assertEqual(
            "internal error: cannot parse json nonsense: lexical error: invalid string in json"
            f" text.\n{' ' * 39}nonsense\n                     (right here) ------^\n",
            self.said("nonsense"),
        )
        for text, word in (
            ('{"a":', "premature EOF"),
            ('{"a" 1}', "separated by a colon"),
            ("{} x", "trailing garbage"),
            ('{"a":}', "unallowed token"),
            ("@", "invalid char in json text"),
        ):
            self.assertIn(word, self.said(text), text)


class TestSizes(TestCase):
    def setUp(self) -> None:
        super().setUp()
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.path = Path(temporary.name, "image")

    def measure(self, kind: str) -> sizes.Sizes:
        return sizes.measure(Disk(type="file", format=kind, source=DiskSource(file=str(self.path))))

    def test_raw_with_holes(self) -> None:
        with open(self.path, "wb") as file:
            file.truncate(1 << 20)
        found = self.measure("raw")
        self.assertEqual((1 << 20, 1 << 20), (found.capacity, found.physical))
        self.assertLess(found.allocation, 1 << 20)
        self.assertEqual(1 << 20, sizes.physical_size(str(self.path)))

    def test_headers(self) -> None:
        self.path.write_bytes(struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 0, 0, 16, 7 << 20))
        self.assertEqual(7 << 20, self.measure("qcow2").capacity)
        self.assertEqual(os.stat(self.path).st_size, self.measure("raw").capacity)
        self.path.write_bytes(b"QFI\xfb")  # damaged
        self.assertEqual(4, self.measure("qcow2").capacity)

    def test_missing(self) -> None:
        with self.assertRaisesRegex(libvirtError, "Failed to open file"):
            self.measure("raw")
        self.assertIsNone(sizes.physical_size(str(self.path)))
