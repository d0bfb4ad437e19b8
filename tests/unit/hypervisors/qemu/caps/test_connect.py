# SPDX-License-Identifier: Apache-2.0
import shutil
from unittest import mock

from lxml import etree

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.caps import CapsCache, HostView, connect, security_models
from tests.unit.core.host.fake import FakeHost
from tests.unit.hypervisors.qemu.caps.fake import caps

BINARY = "/usr/bin/qemu-system-x86_64"


class ConnectTest(FakeHost):
    def setUp(self) -> None:
        super().setUp()
        self.machine()
        cache = mock.create_autospec(CapsCache, instance=True)
        cache.host_arch = "x86_64"
        cache.default_emulator.side_effect = lambda arch: BINARY if arch == "x86_64" else None
        cache.get.return_value = caps("iothread", "cpu-max")
        self.view = HostView(cache, self.fs, security=security_models("none", dac=(1, 2)))

    def refused(self, text: str, code: Code, emulator: str | None, *args: str | None) -> None:
        with self.assertRaises(libvirtError) as caught:
            connect.get_domain_capabilities(self.view, emulator, *args)
        self.assertIn(text, caught.exception.get_error_message() or "")
        self.assertEqual(code, caught.exception.get_error_code())

    def test_refusals(self) -> None:
        bad = Code.INVALID_ARG
        self.refused("unknown architecture: bogus", bad, None, "bogus", None, None)
        self.refused("unknown virttype: bogus", bad, None, None, None, "bogus")
        self.refused("the machine 'bogus' is not supported", bad, None, None, "bogus", "qemu")
        self.refused("doesn't match given architecture", bad, BINARY, "aarch64", None, None)
        self.refused("the accel 'kvm' is not supported by", bad, None, None, None, "kvm")
        none = Code.CONFIG_UNSUPPORTED
        self.refused(
            "unable to find any emulator to serve 's390x'", none, None, "s390x", None, None
        )

    def test_domain_capabilities(self) -> None:
        text = connect.get_domain_capabilities(self.view, None, None, "q35", "qemu")
        root = etree.fromstring(text)
        self.assertEqual("pc-q35-7.2", root.findtext("machine"))
        self.assertEqual("288", root.find("vcpu").get("max"))
        custom = {m.text: m.get("usable") for m in root.iterfind("cpu/mode[@name='custom']/model")}
        self.assertEqual({"qemu64": "yes", "Conroe": "no"}, custom)
        self.assertEqual("no", root.find("features/vmcoreinfo").get("supported"))
        buses = root.xpath("devices/disk/enum[@name='bus']/value/text()")
        self.assertEqual(["fdc", "scsi", "virtio"], buses)

    def test_board_with_ide(self) -> None:
        text = connect.get_domain_capabilities(self.view, None, None, "pc", "qemu")
        self.assertIn("<value>ide</value>", text)

    def test_capabilities(self) -> None:
        root = etree.fromstring(connect.get_capabilities(self.view))
        self.assertEqual("2", root.find("host/topology/cells").get("num"))
        self.assertEqual(["none", "dac"], root.xpath("host/secmodel/model/text()"))
        self.assertEqual("+1:+2", root.findtext("host/secmodel/baselabel"))
        self.assertEqual(
            ["pc-i440fx-7.2", "pc", "pc-q35-7.2", "q35"],
            root.xpath("guest/arch[@name='x86_64']/machine/text()"),
        )
        self.assertEqual(["qemu"], root.xpath("guest/arch/domain/@type"))

    def test_capabilities_again(self) -> None:
        """The same text while nothing has changed, a new one when something has."""
        first = connect.get_capabilities(self.view)
        self.assertIs(first, connect.get_capabilities(self.view))
        pages = "sys/devices/system/node/node0/hugepages/hugepages-2048kB"
        self.write(f"{pages}/free_hugepages", 0)
        self.assertIs(first, connect.get_capabilities(self.view))  # free pages are not shown
        self.write(f"{pages}/nr_hugepages", 7)
        second = connect.get_capabilities(self.view)
        self.assertIn("<pages unit='KiB' size='2048'>7</pages>", second)
        self.write("sys/devices/system/cpu/online", "0-6")
        shutil.rmtree(self.root / "sys/devices/system/cpu/cpu7/topology")
        third = connect.get_capabilities(self.view)
        self.assertNotEqual(second, third)
        self.view.caps.get.return_value = caps("kvm")  # type: ignore[attr-defined]
        self.assertIn("<domain type='kvm'/>", connect.get_capabilities(self.view))

    def test_capabilities_without_any_qemu(self) -> None:
        self.view.caps.default_emulator.side_effect = lambda _arch: None  # type: ignore[attr-defined]
        root = etree.fromstring(connect.get_capabilities(self.view))
        self.assertEqual(["host"], [part.tag for part in root])

    def test_model_names(self) -> None:
        names = connect.get_cpu_model_names("x86_64")
        self.assertEqual(58, len(names))
        self.assertEqual(names, connect.get_cpu_model_names("i686"))
        self.assertEqual([], connect.get_cpu_model_names("aarch64"))
        self.assertIn("POWER9", connect.get_cpu_model_names("ppc64"))
        for arch, code in (("bogus", Code.INVALID_ARG), ("riscv64", Code.NO_SUPPORT)):
            with self.assertRaises(libvirtError) as caught:
                connect.get_cpu_model_names(arch)
            self.assertEqual(code, caught.exception.get_error_code())

    def test_max_vcpus(self) -> None:
        self.assertEqual(16, connect.get_max_vcpus(self.view, None))
        self.assertEqual(16, connect.get_max_vcpus(self.view, "QEMU"))
        with self.assertRaisesRegex(libvirtError, "unknown type 'bogus'"):
            connect.get_max_vcpus(self.view, "bogus")
        with self.assertRaisesRegex(libvirtError, "Unable to open /dev/kvm"):
            connect.get_max_vcpus(self.view, "kvm")

    def test_every_flag_is_checked(self) -> None:
        calls = (
            lambda: connect.get_domain_capabilities(self.view, None, None, None, None, 8),
            lambda: connect.get_cpu_model_names("x86_64", 2),
            lambda: connect.compare_cpu(self.view, "<cpu/>", 4),
            lambda: connect.compare_hypervisor_cpu(self.view, None, None, None, None, "<cpu/>", 4),
            lambda: connect.baseline_cpu(self.view, ["<cpu/>"], 64),
            lambda: connect.baseline_hypervisor_cpu(
                self.view, None, None, None, None, ["<cpu/>"], 4
            ),
            lambda: connect.get_sysinfo(self.view, 1),
            lambda: connect.node_get_cpu_map(self.view, 1),
            lambda: connect.node_get_cpu_stats(self.view, -1, 1),
            lambda: connect.node_get_memory_stats(self.view, -1, 1),
            lambda: connect.node_get_memory_parameters(self.view, 1),
            lambda: connect.node_get_free_pages(self.view, [4], 0, 1, 1),
        )
        for call in calls:
            with self.assertRaisesRegex(libvirtError, r"^unsupported flags \(0x"):
                call()

    def test_security_model(self) -> None:
        self.assertEqual(("none", "0"), connect.node_get_security_model(self.view))
        self.assertEqual(
            ("", ""), connect.node_get_security_model(HostView(self.view.caps, security=()))
        )
