# SPDX-License-Identifier: Apache-2.0
import tempfile
from dataclasses import replace
from pathlib import Path

from nova_pyvirt.core.host import HostFs
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.caps import CapsCache, HostView
from nova_pyvirt.hypervisors.qemu.prepare import caps_of_run, prepare, settle_drivers
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.qemuns import URI
from tests.base import TestCase
from tests.fixtures.qemu72 import caps, define

DISK = "<disk type='file'><source file='/d' fdgroup='mine'/><target dev='vda'/></disk>"


class PrepareTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.view = HostView(CapsCache(self.root / "caps"), HostFs(self.root))
        flags = caps().flags | {"spice-rendernode", "egl-headless.rendernode"}
        self.caps = replace(caps(), flags=flags)

    def prepared(self, devices: str, fd_groups: tuple[str, ...] = ()) -> Domain:
        domain = define(devices)
        prepare(domain, self.caps, self.view, "/nvram", fd_groups=fd_groups)
        return domain

    def gpus(self, *names: str) -> None:
        directory = self.root / "dev" / "dri"
        directory.mkdir(parents=True)
        for name in names:
            (directory / name).touch()

    def refused(self, code: Code, devices: str) -> str:
        with self.assertRaises(libvirtError) as caught:
            self.prepared(devices)
        self.assertEqual(code, caught.exception.get_error_code())
        return str(caught.exception)

    def test_displays_that_render_get_the_first_gpu(self) -> None:
        self.gpus("card0", "renderD129", "renderD128")
        for xml in (
            "<graphics type='spice'><listen type='none'/><gl enable='yes'/></graphics>",
            "<graphics type='vnc'/><graphics type='egl-headless'/>",
            "<graphics type='dbus'><gl enable='yes'/></graphics>",
        ):
            with self.subTest(xml):
                display = self.prepared(xml).devices.graphics[-1]
                self.assertEqual("/dev/dri/renderD128", display.gl.rendernode)

    def test_a_gpu_that_is_named_stays(self) -> None:
        xml = "<graphics type='vnc'/><graphics type='egl-headless'><gl rendernode='/x'/></graphics>"
        self.assertEqual("/x", self.prepared(xml).devices.graphics[1].gl.rendernode)

    def test_displays_that_do_not_render_need_no_gpu(self) -> None:
        for xml in (
            "<graphics type='vnc'/>",
            "<graphics type='spice'><listen type='none'/><gl enable='no'/></graphics>",
        ):
            with self.subTest(xml):
                self.prepared(xml)

    def test_without_a_gpu(self) -> None:
        xml = "<graphics type='dbus'><gl enable='yes'/></graphics>"
        said = self.refused(Code.SYSTEM_ERROR, xml)
        self.assertEqual("cannot open directory '/dev/dri': No such file or directory", said)
        self.gpus("card0")
        said = self.refused(Code.INTERNAL_ERROR, xml)
        self.assertEqual("internal error: No DRM render nodes available", said)

    def test_descriptors_must_be_there(self) -> None:
        said = self.refused(Code.INVALID_ARG, DISK)
        self.assertIn("file descriptor group 'mine' was not associated with the domain", said)
        self.prepared(DISK, fd_groups=("mine",))

    def test_a_display_on_a_network_that_is_not_there(self) -> None:
        xml = "<graphics type='vnc'><listen type='network' network='n'/></graphics>"
        said = self.refused(Code.NO_NETWORK, xml)
        self.assertEqual("Network not found: no network with matching name 'n'", said)


class DriversTest(TestCase):
    def test_the_host_s_driver_is_settled(self) -> None:
        where = "<source><address bus='6' slot='{}'/></source>"
        domain = define(
            f"<hostdev mode='subsystem' type='pci'>{where.format(1)}</hostdev>"
            f"<hostdev mode='subsystem' type='pci'><driver name='kvm'/>{where.format(2)}</hostdev>"
            "<interface type='hostdev'><source><address type='pci' bus='6' slot='3'/></source>"
            "</interface>"
        )
        self.assertIsNone(domain.devices.hostdevs[0].driver_name)
        settle_drivers(domain)
        names = [h.driver_name for h in domain.devices.hostdevs]
        self.assertEqual(["vfio", "kvm"], names)
        self.assertEqual("vfio", domain.devices.interfaces[0].driver_name)


class CapsOfRunTest(TestCase):
    def domain(self, own: str) -> Domain:
        more = f"<capabilities xmlns='{URI}'>{own}</capabilities>"
        return define("", more=more)

    def test_added_and_removed(self) -> None:
        domain = self.domain("<add capability='sev-guest'/><del capability='blockdev'/>")
        found = caps_of_run(domain, caps())
        self.assertTrue(found.has("sev-guest"))
        self.assertFalse(found.has("blockdev"))

    def test_names_of_old_are_known(self) -> None:
        caps_of_run(self.domain("<add capability='vnc-colon'/>"), caps())

    def test_other_names_are_not(self) -> None:
        with self.assertRaises(libvirtError) as caught:
            caps_of_run(self.domain("<add capability='nonsense'/>"), caps())
        self.assertEqual(
            "internal error: invalid qemu namespace capability 'nonsense'", str(caught.exception)
        )
