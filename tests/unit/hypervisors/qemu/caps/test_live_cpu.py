# SPDX-License-Identifier: Apache-2.0
"""The CPU that QEMU has given a guest against the one it was to have."""

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.caps.cpu import live, x86
from nova_pyvirt.hypervisors.qemu.caps.cpu.cpudef import CpuDef
from tests.base import TestCase


class TestLiveCpu(TestCase):
    def given(self, guest: CpuDef, more: tuple[str, ...] = (), less: tuple[str, ...] = ()) -> int:
        """What QEMU gives: what is wanted, and some more or less."""
        known = x86.get()
        bits = x86.wanted(guest) | known.union(more)
        for name in less:
            bits &= ~known.features[name].mask
        return bits

    def test_differences_are_written_down(self) -> None:
        guest = CpuDef(model="qemu64", features={"svm": "disable", "aes": "require"})
        enabled = self.given(guest, more=("hypervisor", "lahf_lm"), less=("aes",))
        live.update(guest, enabled, x86.get().features["aes"].mask)
        self.assertEqual(
            {"svm": "disable", "aes": "disable", "hypervisor": "require", "lahf_lm": "require"},
            guest.features,
        )

    def test_exact_cpu_passes(self) -> None:
        guest = CpuDef(model="qemu64", check="full", features={"hypervisor": "require"})
        live.update(guest, self.given(guest), 0)
        self.assertEqual({"hypervisor": "require"}, guest.features)

    def test_full_check_refuses_differences(self) -> None:
        for more, less, words in (
            (("lahf_lm",), (), "extra features: lahf_lm"),
            ((), ("sse2",), "missing features: sse2"),
            (("lahf_lm",), ("sse2",), "extra features: lahf_lm, missing features: sse2"),
        ):
            guest = CpuDef(model="qemu64", check="full")
            with self.assertRaises(libvirtError) as caught:
                live.update(guest, self.given(guest, more, less), 0)
            self.assertEqual(Code.OPERATION_FAILED, caught.exception.get_error_code())
            self.assertIn(f"guest CPU doesn't match specification: {words}", str(caught.exception))

    def test_passthrough_has_whatever_there_is(self) -> None:
        guest = CpuDef(mode="host-passthrough", features={"aes": "disable"})
        live.update(guest, x86.get().union(("sse2", "aes")), 0)
        self.assertEqual({"aes": "require"}, guest.features)
