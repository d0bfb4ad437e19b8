# SPDX-License-Identifier: Apache-2.0
import errno
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest import mock

from nova_pyvirt.core.host import HostFs
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import alias
from nova_pyvirt.hypervisors.qemu.host import opened
from nova_pyvirt.hypervisors.qemu.start.context import Start
from nova_pyvirt.model.domain import Domain
from tests.base import TestCase
from tests.fixtures.qemu72 import define

SCSI = ("<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host2'/>"
        "<address bus='0' target='1' unit='5'/></source></hostdev>")  # fmt: skip
VHOST = ("<hostdev mode='subsystem' type='scsi_host'><source protocol='vhost' wwpn='naa.5123456789abcde0'/>"
         "</hostdev>")  # fmt: skip
TPM = "<tpm><backend type='passthrough'><device path='{}'/></backend></tpm>"
VDPA = "<interface type='vdpa'><source dev='{}'/><model type='virtio'/></interface>"


class OpenedTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.fs = HostFs(self.root)

    def domain(self, devices: str) -> Domain:
        domain = define(devices)
        alias.assign(domain)
        return domain

    def test_scsi_devices_by_their_generic_name(self) -> None:
        (self.root / "sys/bus/scsi/devices/2:0:1:5/scsi_generic/sg7").mkdir(parents=True)
        self.assertEqual({"hostdev0": "/dev/sg7"}, opened.paths(self.domain(SCSI), self.fs))

    def test_scsi_devices_that_are_not_there(self) -> None:
        with self.assertRaises(libvirtError) as caught:
            opened.paths(self.domain(SCSI), self.fs)
        self.assertEqual(Code.SYSTEM_ERROR, caught.exception.get_error_code())
        words = "cannot open directory '/sys/bus/scsi/devices/2:0:1:5/scsi_generic'"
        self.assertIn(words, str(caught.exception))


class PrepareTest(OpenedTest):
    def prepared(self, devices: str) -> Start:
        state = SimpleNamespace(view=SimpleNamespace(fs=self.fs))
        start = SimpleNamespace(definition=self.domain(devices), fds={}, state=state)
        opened.prepare(cast(Start, start))
        for group in start.fds.values():
            for fd in group:
                self.addCleanup(os.close, fd)
        return cast(Start, start)

    def test_descriptors(self) -> None:
        path = self.root / "vdpa"
        path.touch()
        self.assertEqual(["vdpa-net0"], list(self.prepared(VDPA.format(path)).fds))
        self.assertEqual(2, len(self.prepared(TPM.format(path)).fds["tpm0"]))

    def test_descriptors_that_cannot_be_had(self) -> None:
        for devices, words in (
            (VDPA.format("/nowhere"), "Unable to open '/nowhere' for vdpa device"),
            (TPM.format("/nowhere"), "Could not open TPM device /nowhere"),
            (VHOST, "vhost-scsi device file '/dev/vhost-scsi' cannot be found"),
        ):  # fmt: skip
            with self.subTest(devices), self.assertRaisesRegex(libvirtError, words):
                self.prepared(devices)

    def test_context_ids(self) -> None:
        path = str(self.root / "vsock")
        Path(path).touch()
        busy = OSError(errno.EADDRINUSE, "busy")
        for xml, answers, cid in (
            ("<vsock/>", [busy, busy, None], 5),
            ("<vsock><cid auto='no' address='9'/></vsock>", [None], 9),
        ):
            told = mock.patch.object(opened.fcntl, "ioctl", side_effect=answers)
            with self.subTest(xml), mock.patch.object(opened, "_VHOST_VSOCK", path), told as ioctl:
                start = self.prepared(xml)
                self.assertEqual(cid, start.definition.devices.vsock.cid)
                self.assertEqual(cid.to_bytes(8, "little"), ioctl.call_args.args[2])

    def test_context_ids_that_are_taken(self) -> None:
        busy = OSError(errno.EADDRINUSE, "busy")
        path = str(self.root / "vsock")
        Path(path).touch()
        told = mock.patch.object(opened.fcntl, "ioctl", side_effect=busy)
        refused = self.assertRaisesRegex(libvirtError, "failed to set guest cid")
        with mock.patch.object(opened, "_VHOST_VSOCK", path), told, refused:
            self.prepared("<vsock><cid auto='no' address='9'/></vsock>")
        refused = self.assertRaisesRegex(libvirtError, "unable to open vhost-vsock device")
        with mock.patch.object(opened, "_VHOST_VSOCK", "/nowhere"), refused:
            self.prepared("<vsock/>")
