# SPDX-License-Identifier: Apache-2.0
"""Devices of a running guest whose QEMU is a script: what it is asked when it refuses."""

from types import SimpleNamespace
from typing import Any
from unittest import mock

from nova_pyvirt.core.states import EventID
from nova_pyvirt.errors import Code, error, libvirtError
from nova_pyvirt.hypervisors.qemu import alias, unplug
from nova_pyvirt.hypervisors.qemu.events.devices import on_deleted, on_tray
from nova_pyvirt.hypervisors.qemu.events.guest import on_unplug_error
from nova_pyvirt.hypervisors.qemu.hotplug import interface, plug, recover
from nova_pyvirt.hypervisors.qemu.monitor import QMPCommandError, QMPTimeout
from nova_pyvirt.hypervisors.qemu.ops import devices as ops
from nova_pyvirt.util.native import os, threading
from tests.fixtures.qemu72 import caps, define
from tests.unit.hypervisors.qemu.ops.case import LIVE, OpsCase

NIC = "<interface type='ethernet'><target dev='t0'/><model type='virtio'/></interface>"
RNG = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
CDROM = "<disk device='cdrom'>{}<target dev='hdc' bus='ide'/></disk>"


def refusal(command: str) -> QMPCommandError:
    return QMPCommandError(command, "GenericError", "no")


class LiveCase(OpsCase):
    def begin(self, devices: str = "", **answers: Any) -> None:
        self.monitor = self.start(**answers)
        self.vm.definition = define(devices)
        self.vm.definition.id = 7
        self.vm.definition.uuid, self.vm.definition.name = self.vm.config.uuid, self.vm.config.name
        alias.assign(self.vm.definition)
        self.vm.private.caps = caps()
        for patch in (
            mock.patch("nova_pyvirt.hypervisors.qemu.status.save"),
            mock.patch.object(plug, "host_context", lambda _state, _domain: {}),
        ):
            patch.start()
            self.addCleanup(patch.stop)
        self.changes: list[tuple[str, str]] = []
        for event in (EventID.DEVICE_ADDED, EventID.DEVICE_REMOVED, EventID.DEVICE_REMOVAL_FAILED):
            self.state.bus.register(
                self,
                None,
                event,
                lambda _r, name, event=event: self.changes.append((event.name, name)),
            )

    def asked(self) -> list[str]:
        return [command for command, _args in self.monitor.asked]

    def attach(self, xml: str) -> None:
        ops.attach_device_flags(self.state, self.ref, xml, LIVE)

    def tell(self, handler: Any, **data: Any) -> None:
        """An event from the worker's thread."""
        args = (self.state, self.vm, data, 0.0)
        threading.Thread(target=handler, args=args, daemon=True).start()


class Refused(LiveCase):
    """Whatever QEMU refuses, what came before is taken back, in reverse."""

    def setUp(self) -> None:
        super().setUp()
        self.deleted: list[str] = []

        def connect(nic: Any, _virt: str, undo: Any, fds: dict[str, list[int]]) -> None:
            fds[nic.alias] = [os.open("/dev/null", os.O_RDWR)]
            fds[f"vhost-{nic.alias}"] = [os.open("/dev/null", os.O_RDWR)]
            undo.callback(self.deleted.append, nic.target)

        patched = mock.patch.object(interface.net, "connect", connect)
        patched.start()
        self.addCleanup(patched.stop)

    def test_each_step_of_an_interface(self) -> None:
        steps = ["getfd", "getfd", "netdev_add", "device_add"]
        back = ["closefd", "closefd", "netdev_del"]
        for number, step in enumerate(steps):
            if steps.index(step) != number:
                continue
            with self.subTest(step):
                self.begin(**{step.replace("-", "_"): refusal(step)})
                fds = len(os.listdir("/proc/self/fd"))
                self.deleted.clear()
                self.refused(Code.INTERNAL_ERROR, ops.attach_device_flags, NIC, LIVE)
                self.assertEqual(steps[: number + 1] + back[:number][::-1], self.asked())
                self.assertEqual(["t0"], self.deleted)
                self.assertEqual([], self.vm.definition.devices.interfaces)
                self.assertEqual([], self.vm.private.plugging)
                self.assertEqual([], self.changes)
                self.assertEqual(fds, len(os.listdir("/proc/self/fd")))

    def test_link_that_can_not_be_down(self) -> None:
        self.begin(set_link=refusal("set_link"))
        down = NIC.replace("</interface>", "<link state='down'/></interface>")
        self.refused(Code.INTERNAL_ERROR, ops.attach_device_flags, down, LIVE)
        self.assertEqual(
            ["set_link", "device_del", "netdev_del", "closefd", "closefd"], self.asked()[-5:]
        )

    def test_no_answer_may_mean_that_it_was_done(self) -> None:
        self.begin(device_add=QMPTimeout("x", "a", 1))
        self.refused(Code.OPERATION_TIMEOUT, ops.attach_device_flags, RNG, LIVE)
        self.assertEqual(["object-add", "device_add", "device_del", "object-del"], self.asked())

    def test_names_that_qemu_knows_descriptors_by(self) -> None:
        self.begin()
        self.attach(NIC)
        sent = {command: args for command, args in self.monitor.asked if command != "getfd"}
        self.assertEqual("tapfd-net00", sent["netdev_add"]["fd"])
        self.assertEqual("vhostfd-net00", sent["netdev_add"]["vhostfd"])
        self.assertEqual([("DEVICE_ADDED", "net0")], self.changes)


class Unplugged(LiveCase):
    def detach(self) -> None:
        ops.detach_device_flags(self.state, self.ref, RNG, LIVE)

    def test_gone(self) -> None:
        self.begin(RNG, device_del=lambda args: self.tell(on_deleted, device=args["id"]))
        self.detach()
        self.assertEqual(["device_del", "object-del"], self.asked())
        self.assertEqual([("DEVICE_REMOVED", "rng0")], self.changes)
        self.assertEqual([], self.vm.definition.devices.rngs)

    def test_kept_by_the_guest(self) -> None:
        self.begin(RNG, device_del=lambda args: self.tell(on_unplug_error, device=args["id"]))
        self.refused(Code.OPERATION_FAILED, ops.detach_device_flags, RNG, LIVE)
        self.assertEqual(1, len(self.vm.definition.devices.rngs))
        self.assertEqual({}, self.vm.private.unplugging)

    def test_goes_later(self) -> None:
        self.begin(RNG)
        with mock.patch.object(unplug, "WAIT", 0.05):
            self.detach()
        self.assertEqual(1, len(self.vm.definition.devices.rngs))
        gone = threading.Event()
        self.state.bus.register(self, None, EventID.DEVICE_REMOVED, lambda *_: gone.set())
        on_deleted(self.state, self.vm, {"device": "rng0"}, 0.0)
        self.assertTrue(gone.wait(10))
        self.assertEqual([], self.vm.definition.devices.rngs)

    def test_refused_by_qemu(self) -> None:
        self.begin(RNG, device_del=refusal("device_del"))
        self.refused(Code.INTERNAL_ERROR, ops.detach_device_flags, RNG, LIVE)
        self.assertEqual(1, len(self.vm.definition.devices.rngs))

    def test_one_that_qemu_does_not_have(self) -> None:
        self.begin(RNG, device_del=QMPCommandError("device_del", "DeviceNotFound", "no"))
        self.detach()
        self.assertEqual([("DEVICE_REMOVED", "rng0")], self.changes)

    def test_the_end_of_the_guest_ends_the_wait(self) -> None:
        self.begin(RNG, device_del=lambda _args: unplug.ended(self.vm))
        self.refused(Code.OPERATION_FAILED, ops.detach_device_flags, RNG, LIVE)

    def test_an_event_of_a_device_that_nobody_knows(self) -> None:
        self.begin(RNG)
        with (
            self.assertLogs("nova_pyvirt.hypervisors.qemu.hotplug.remove") as logged,
            mock.patch.object(threading, "Thread", _Now),
        ):
            on_deleted(self.state, self.vm, {"device": "foreign"}, 0.0)
        self.assertIn("no device found with alias foreign", logged.output[0])
        self.assertEqual([], self.changes)


class _Now:
    """A thread that does it when it is started."""

    def __init__(self, target: Any, args: Any, **_options: Any) -> None:
        self.start = lambda: target(*args)


class Trays(LiveCase):
    def test_a_locked_tray(self) -> None:
        self.begin(CDROM.format("<source file='/dev/null'/>"))
        with mock.patch("nova_pyvirt.hypervisors.qemu.hotplug.media.TRAY_WAIT", 0.05):
            empty = CDROM.format("")
            said = self.refused(Code.OPERATION_FAILED, ops.update_device_flags, empty, LIVE)
        self.assertIn("timed out waiting to open tray of 'hdc'", said)
        self.assertEqual(["blockdev-open-tray"], self.asked())
        self.assertFalse(self.vm.definition.devices.disks[0].empty)
        ops.update_device_flags(self.state, self.ref, empty, LIVE | ops.FORCE)
        self.assertTrue(self.vm.definition.devices.disks[0].empty)

    def test_a_medium_that_does_not_go_in(self) -> None:
        def opened(args: Any) -> None:
            self.tell(on_tray, **{"id": args["id"], "tray-open": True})

        self.begin(CDROM.format(""), blockdev_open_tray=opened,
                   blockdev_insert_medium=refusal("blockdev-insert-medium"))  # fmt: skip
        medium = CDROM.format("<source file='/etc/hostname'/>")
        self.refused(Code.INTERNAL_ERROR, ops.update_device_flags, medium, LIVE)
        self.assertEqual(["blockdev-del", "blockdev-del"], self.asked()[-2:])
        self.assertTrue(self.vm.definition.devices.disks[0].empty)


class Recovered(LiveCase):
    def settle(self, *there: str, known: str = "") -> None:
        rows = [{"name": name, "type": "child<x>"} for name in there]
        self.monitor.answers["qom_list"] = rows
        listed = [SimpleNamespace(tag="device", get=lambda _k, name=n: name) for n in known.split()]
        devices: Any = _Node("devices", listed)
        recover.recover(self.state, self.vm, [devices])

    def test_half_way_in(self) -> None:
        for there in (True, False):
            with self.subTest(there=there):
                self.begin()
                pending = define(RNG)
                alias.assign(pending)
                self.vm.private.plugging = [("rngs", pending.devices.rngs[0])]
                self.settle(*(["rng0"] if there else []))
                self.assertEqual(there, bool(self.vm.definition.devices.rngs))
                self.assertEqual([] if there else ["object-del"], self.asked()[1:])
                self.assertEqual([], self.vm.private.plugging)

    def test_left_meanwhile(self) -> None:
        self.begin(RNG)
        self.settle("balloon0", known="rng0 balloon0")
        self.assertEqual([], self.vm.definition.devices.rngs)
        self.assertEqual([("DEVICE_REMOVED", "rng0")], self.changes)

    def test_what_was_never_listed_stays(self) -> None:
        self.begin(RNG)
        self.settle(known="balloon9")
        self.assertEqual(1, len(self.vm.definition.devices.rngs))

    def test_a_medium_that_has_gone(self) -> None:
        self.begin(CDROM.format("<source file='/dev/null'/>"))
        drive = self.vm.definition.devices.disks[0]
        row = {"device": "", "qdev": drive.alias, "tray_open": False}
        self.monitor.answers["query_block"] = [row | {"inserted": {}}]
        self.settle(drive.alias)
        self.assertFalse(drive.empty)
        self.monitor.answers["query_block"] = [row | {"tray_open": True}]
        self.settle(drive.alias)
        self.assertEqual((True, "open"), (drive.empty, drive.tray))

    def test_no_answer(self) -> None:
        self.begin()
        self.monitor.answers["qom_list"] = error(Code.OPERATION_TIMEOUT, "late")
        with self.assertRaises(libvirtError):
            recover.recover(self.state, self.vm, [])


class _Node(list[Any]):
    """An element with children."""

    def __init__(self, tag: str, children: list[Any]) -> None:
        super().__init__(children)
        self.tag = tag
