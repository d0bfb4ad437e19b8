# SPDX-License-Identifier: Apache-2.0
from nova_pyvirt.core.host import identity
from tests.unit.core.host.fake import FakeHost

FIRMWARE = "4c4c4544-0051-3010-8058-b4c04f334e32"
MACHINE = "0123456789abcdef0123456789abcdef"
CONFIGURED = "c0ffee00-1111-4222-8333-444455556666"


class UuidTest(FakeHost):
    def test_order(self) -> None:
        self.write("etc/machine-id", MACHINE)
        self.assertEqual("01234567-89ab-cdef-0123-456789abcdef", identity.host_uuid(self.fs))
        self.write("sys/class/dmi/id/product_uuid", FIRMWARE.upper())
        self.assertEqual(FIRMWARE, identity.host_uuid(self.fs))
        self.assertEqual(CONFIGURED, identity.host_uuid(self.fs, CONFIGURED))
        self.assertNotEqual(FIRMWARE, identity.host_uuid(self.fs, None, "machine-id"))

    def test_a_uuid_of_equal_digits_is_none(self) -> None:
        self.write("sys/class/dmi/id/product_uuid", "ffffffff-ffff-ffff-ffff-ffffffffffff")
        self.write("etc/machine-id", MACHINE)
        self.assertTrue(identity.host_uuid(self.fs).startswith("01234567"))

    def test_libvirtd_conf(self) -> None:
        self.assertEqual((None, "smbios"), identity.libvirtd_uuid(self.fs))
        self.write("etc/libvirt/libvirtd.conf", f'#host_uuid = "x"\nhost_uuid = "{CONFIGURED}"')
        self.assertEqual((CONFIGURED, "smbios"), identity.libvirtd_uuid(self.fs))


class AbilitiesTest(FakeHost):
    def test_iommu(self) -> None:
        self.assertFalse(identity.has_iommu(self.fs))
        self.write("sys/kernel/iommu_groups/0/type", "DMA")
        self.assertTrue(identity.has_iommu(self.fs))

    def test_suspend_only_with_systemd(self) -> None:
        self.write("sys/power/state", "freeze mem disk")
        self.assertEqual([], identity.suspend_targets(self.fs))
        self.write("run/systemd/system/x", "")
        self.assertEqual(
            ["suspend_mem", "suspend_disk", "suspend_hybrid"], identity.suspend_targets(self.fs)
        )
