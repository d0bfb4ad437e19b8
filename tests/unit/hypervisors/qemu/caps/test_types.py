# SPDX-License-Identifier: Apache-2.0
from nova_pyvirt.hypervisors.qemu.caps import store
from tests.base import TestCase
from tests.unit.hypervisors.qemu.caps.fake import caps, machine


class QueriesTest(TestCase):
    def test_machines(self) -> None:
        found = caps()
        self.assertEqual("pc-q35-7.2", found.canonical_machine("q35"))
        self.assertEqual("foo", found.canonical_machine("foo"))
        self.assertEqual("pc-i440fx-7.2", found.preferred_machine())
        self.assertEqual((288, 0), (found.max_cpus("pc-q35-7.2"), found.max_cpus("q35")))
        self.assertEqual("qemu64", found.machine_default_cpu("pc-q35-7.2"))
        self.assertIsNone(found.machine_default_cpu("foo"))

    def test_types_of_guests(self) -> None:
        self.assertTrue(caps().serves("qemu"))
        self.assertFalse(caps().serves("kvm"))
        self.assertFalse(caps().serves("tcg"))
        self.assertTrue(caps("kvm").serves("kvm"))
        self.assertEqual(("kvm", "qemu", None), (
            caps("kvm").virt_type, caps().virt_type, caps(flags=frozenset()).virt_type,
        ))  # fmt: skip
        self.assertEqual([True, True, False], [
            caps().serves_arch(arch) for arch in ("x86_64", "i686", "aarch64")
        ])  # fmt: skip

    def test_filtered(self) -> None:
        found = caps("query-hotpluggable-cpus", "spice")
        self.assertTrue(found.filtered(machine="pc-q35-7.2").has("query-hotpluggable-cpus"))
        self.assertFalse(found.filtered(machine="isapc").has("query-hotpluggable-cpus"))
        changed = found.filtered(add=["vnc"], remove=["spice"])
        self.assertEqual((True, False), (changed.has("vnc"), changed.has("spice")))
        self.assertTrue(found.has("spice"))

    def test_deprecated_machine_is_kept(self) -> None:
        self.assertTrue(machine("x", deprecated=True).deprecated)


class StoreTest(TestCase):
    def test_there_and_back(self) -> None:
        found = caps("kvm", hyperv=("spinlocks",), stamp={"a": [1, "b"]})
        again = store.load(store.dump(found))
        self.assertEqual(found, again)
        assert again is not None
        self.assertEqual(found.stamp, again.stamp)

    def test_not_a_cache_file(self) -> None:
        for text in ("", "{", "[]", "{}", '{"form": 1}', '{"form": 1, "caps": {"flags": []}}',
                     store.dump(caps()).replace('"form": 1', '"form": 0'), "null"):  # fmt: skip
            self.assertIsNone(store.load(text), text[:40])
