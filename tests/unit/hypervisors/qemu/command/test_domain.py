# SPDX-License-Identifier: Apache-2.0
"""What a domain is without its devices: the definition and the command line of libvirt 9.0 with QEMU 7.2.

tests/golden/domain: NAME.xml was asked, NAME.defined is the definition, NAME.args the options of the
domain's own part, one a line; devices are left out of all three.
"""

import re
from dataclasses import replace
from pathlib import Path

from lxml import etree

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import alias, command, postparse
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.caps.types import CpuDefinition
from nova_pyvirt.hypervisors.qemu.definition import parse_definition
from nova_pyvirt.model.domain import Domain
from tests.base import TestCase
from tests.fixtures.qemu72 import caps

GOLDEN = Path(__file__).parents[4] / "golden" / "domain"
OWN = frozenset(
    "-machine -accel -cpu -m -overcommit -smp -numa -smbios -fw_cfg -rtc -global -no-hpet -no-acpi "
    "-boot -kernel -initrd -append -dtb -acpitable -bios -uuid -name".split()
)
OBJECTS = re.compile(r'memory-backend|"iothread"|main-loop|thread-context')


def full_caps() -> QemuCaps:
    """caps() with the CPU models and the older machines the goldens name."""
    base = caps()
    cpus = tuple(
        CpuDefinition(name, f"{name}-x86_64-cpu", True, (), False)
        for name in ("qemu64", "qemu32", "core2duo")
    )
    older = {"pc-i440fx-7.2": "pc-i440fx-4.0", "pc-q35-7.2": "pc-q35-2.10"}
    accels = {}
    for kind, accel in base.accels.items():
        new = tuple(replace(m, numa_mem_supported=False) for m in accel.machines)
        machines = new + tuple(
            replace(m, name=older[m.name], alias=None, default=False) for m in accel.machines
        )
        accels[kind] = replace(accel, cpus=cpus, machines=machines)
    return replace(base, accels=accels)


def define(name: str) -> Domain:
    return parse_definition((GOLDEN / f"{name}.xml").read_text(), lambda domain: full_caps())


def own_options(argv: list[str]) -> list[str]:
    found = []
    for number, word in enumerate(argv):
        rest = argv[number + 1 : number + 2]
        value = "" if not rest or rest[0].startswith("-") else rest[0]
        if word in OWN or (word == "-object" and OBJECTS.search(value)):
            found.append(f"{word} {value}".strip())
    return found


def canonical(text: str) -> str:
    """One form for equal documents; without devices."""
    root = etree.fromstring(text, etree.XMLParser(remove_blank_text=True))
    for devices in root.findall("devices"):
        root.remove(devices)
    return etree.tostring(root, method="c14n", strip_text=True).decode()


class GoldenTest(TestCase):
    maxDiff = None
    names = sorted(path.stem for path in GOLDEN.glob("*.xml"))

    def test_there_are_goldens(self) -> None:
        self.assertGreater(len(self.names), 30)

    def test_definition(self) -> None:
        for name in self.names:
            with self.subTest(name):
                expected = (GOLDEN / f"{name}.defined").read_text()
                found = define(name).format(inactive=True)
                self.assertEqual(canonical(expected), canonical(found))

    def test_options(self) -> None:
        for name in self.names:
            with self.subTest(name):
                domain = define(name)
                alias.assign(domain)
                postparse.align(domain)
                context = command.CommandContext(
                    standalone=True, lib_dir=f"/var/lib/libvirt/qemu/domain--1-{domain.name}",
                    host_nodes=frozenset(range(8)),
                    hugetlbfs={2048: "/run/hp2m", 1048576: "/run/hp1g"},
                )  # fmt: skip
                argv = command.build(domain, full_caps(), context).argv
                expected = (GOLDEN / f"{name}.args").read_text().splitlines()
                self.assertEqual(expected, own_options(argv))


def options(*, os: str = "pc", body: str = "", devices: str = "") -> list[str]:
    """The command line of a small domain."""
    text = (
        "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>g</name>"
        "<uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid><memory>1048576</memory>"
        f"<os><type arch='x86_64' machine='{os}'>hvm</type></os>{body}"
        f"<devices><memballoon model='none'/>{devices}</devices></domain>"
    )
    base = full_caps()
    plain = replace(base.machine("pc-i440fx-7.2"), name="isapc", alias=None, default_ram_id=None)
    accels = {k: replace(a, machines=(*a.machines, plain)) for k, a in base.accels.items()}
    offered = replace(base, accels=accels, flags=base.flags | {"compat-deprecated"})
    domain = parse_definition(text, lambda _: offered)
    alias.assign(domain)
    context = command.CommandContext(
        standalone=True, lib_dir="/lib/domain-1-g", hugetlbfs={2048: "/huge"}
    )
    return command.build(domain, offered, context).argv


class OldWaysTest(TestCase):
    def test_usb_without_a_controller(self) -> None:
        self.assertIn("-usb", options(os="isapc"))
        none = "<controller type='usb' model='none'/>"
        self.assertNotIn("-usb", options(os="isapc", devices=none))
        for machine in ("pc", "q35"):
            self.assertNotIn("-usb", options(os=machine))

    def test_memory_without_a_back_end(self) -> None:
        for backing, expected in (
            ("", []),
            ("<allocation mode='immediate'/>", ["-mem-prealloc"]),
            ("<source type='file'/>", ["-mem-path", "/var/lib/libvirt/qemu/ram/1-g/ram"]),
            ("<hugepages/>", ["-mem-prealloc", "-mem-path", "/huge/libvirt/qemu/1-g"]),
            ("<hugepages><page size='4'/></hugepages>", []),
        ):
            with self.subTest(backing):
                found = options(
                    os="isapc",
                    body=f"<memoryBacking>{backing}</memoryBacking>",
                )
                start, end = found.index("-m") + 2, found.index("-overcommit")
                self.assertEqual(expected, found[start:end])

    def test_deprecated_ways(self) -> None:
        for behavior, expected in (
            ("none", None),
            ("omit", '{"deprecated-output":"hide"}'),
            ("reject", '{"deprecated-output":"hide","deprecated-input":"reject"}'),
            ("crash", '{"deprecated-output":"hide","deprecated-input":"crash"}'),
        ):
            with self.subTest(behavior):
                found = options(body=f"<qemu:deprecation behavior='{behavior}'/>")
                self.assertEqual(expected is not None, "-compat" in found)
                if expected:
                    self.assertEqual(expected, found[found.index("-compat") + 1])

    def test_one_display_of_a_kind(self) -> None:
        with self.assertRaisesRegex(libvirtError, "only 1 graphics device of each type"):
            options(devices="<graphics type='vnc'/><graphics type='vnc'/>")
        options(devices="<graphics type='vnc'/><graphics type='egl-headless'/>")

    def test_usb_controllers_that_are_not_offered(self) -> None:
        for xml, words in (
            (
                "<controller type='usb' model='vt82c686b-uhci'/>",
                "not supported in this QEMU binary",
            ),
            ("<controller type='usb' model='ehci' ports='4'/>", "doesn't support 'ports'"),
        ):
            with self.subTest(xml), self.assertRaisesRegex(libvirtError, words):
                options(devices=xml)

    def test_cells_without_back_ends(self) -> None:
        cells = "<vcpu>1</vcpu><cpu><numa><cell id='0' cpus='0' memory='1048576'{}/></numa></cpu>"
        backing = "<memoryBacking>{}</memoryBacking>"
        for body, back_ends, filled in (
            (cells.format(""), 0, False),
            (cells.format("") + backing.format("<hugepages/>"), 0, True),
            (cells.format("") + backing.format("<allocation mode='immediate'/>"), 0, True),
            (cells.format("") + backing.format("<hugepages><page size='2048' nodeset='0'/></hugepages>"),
             1, False),
            (cells.format(" memAccess='shared'"), 1, False),
            (cells.format("") + backing.format("<source type='memfd'/>"), 1, False),
            (cells.format("") + "<numatune><memnode cellid='0' nodeset='0'/></numatune>", 1, False),
        ):  # fmt: skip
            with self.subTest(body):
                found = options(os="pc-i440fx-4.0", body=body)
                self.assertEqual(back_ends, sum('"id":"ram-node0"' in word for word in found))
                self.assertEqual(filled, "-mem-prealloc" in found)
                node = found[found.index("-numa") + 1]
                self.assertIn("memdev=ram-node0" if back_ends else "mem=1024", node)

    def test_modules_are_filled_with_the_rest(self) -> None:
        body = (
            "<vcpu>1</vcpu><cpu><numa><cell id='0' cpus='0' memory='1048576'/></numa></cpu>"
            "<maxMemory slots='1'>4194304</maxMemory><memoryBacking><hugepages/></memoryBacking>"
        )
        module = "<memory model='dimm'><target><size>524288</size><node>0</node></target></memory>"
        for machine, own in (("pc-i440fx-4.0", False), ("pc", True)):
            with self.subTest(machine):
                found = options(os=machine, body=body, devices=module)
                [back_end] = [word for word in found if '"id":"memdimm0"' in word]
                self.assertEqual(own, '"prealloc":true' in back_end)
