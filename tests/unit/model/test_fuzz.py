# SPDX-License-Identifier: Apache-2.0
"""A slice of the fuzzer (tests/fuzz): damaged definitions are refused, or accepted, quickly."""

import random
from unittest import mock

from lxml import etree

from nova_pyvirt.errors import Code
from nova_pyvirt.model.xmlbind import Element
from tests.base import TestCase
from tests.fixtures.qemu72 import xml
from tests.fuzz import run
from tests.fuzz.documents import DEPTH, STEP, fill

_SEEDS = [
    xml(
        "<disk type='file'><source file='/d'/><target dev='vda'/><boot order='1'/></disk>"
        "<interface type='bridge'><source bridge='b'/><model type='virtio'/></interface>"
        "<graphics type='vnc'/><channel type='unix'><target type='virtio' name='a'/></channel>"
        "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
        "<hostdev mode='subsystem' type='pci' managed='yes'><driver name='vfio'/><source><address domain='0' bus='6'"
        " slot='2' function='5'/></source></hostdev>",
        machine=machine,
        more="<cpu mode='custom'><model>Nehalem</model><topology sockets='1' cores='1' threads='1'/>"
        "<numa><cell id='0' cpus='0' memory='1048576'/></numa></cpu><cputune><vcpupin vcpu='0'"
        " cpuset='0'/></cputune><memoryBacking><hugepages/></memoryBacking>",
    )
    for machine in ("pc", "q35")
]


class FuzzTest(TestCase):
    def test_only_errors_of_libvirt_come_out(self) -> None:
        found = run.run(range(300), [etree.fromstring(text) for text in _SEEDS])
        self.assertEqual([], found.faults)
        self.assertGreater(found.codes[None], 20)
        for code in (Code.XML_ERROR, Code.XML_DETAIL, Code.CONFIG_UNSUPPORTED):
            self.assertGreater(found.codes[int(code)], 10)

    def test_other_exceptions_and_slow_ones_are_told(self) -> None:
        with mock.patch.object(run, "attempt", side_effect=KeyError("x")):
            self.assertIn("KeyError", run.run([7]).faults[0][1])
        with mock.patch.object(run, "LIMIT", -1.0):
            self.assertIn("took", run.run([7]).faults[0][1])

    def test_the_generator_reaches_every_declaration(self) -> None:
        """A declaration that no document ever says is never damaged either."""
        rng = random.Random(1)
        for cls in {c for c in Element.registry if c.__module__.startswith("nova_pyvirt.model.")}:
            missing = {item.path for item in cls._fields.values()}
            for _ in range(200):
                node = etree.Element("x")
                fill(node, cls, rng, DEPTH)
                missing -= {path for path in missing if says(node, path)}
            with self.subTest(cls.__name__):
                self.assertEqual(set(), missing)


def says(node: etree._Element, path: str) -> bool:
    """Is there an attribute, an element or a text of that path?"""
    steps = STEP.findall(path)
    found: etree._Element | None = node
    for step in steps:
        if step.startswith("@"):
            return found is not None and found.get(step[1:]) is not None
        found = None if found is None else found.find(step)
    return found is not None
