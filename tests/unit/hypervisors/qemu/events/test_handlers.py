# SPDX-License-Identifier: Apache-2.0
"""Each QMP event as subscribers and the domain's state see it."""

from types import SimpleNamespace
from typing import Any
from unittest import mock

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.eventbus import EventBus
from nova_pyvirt.core.job_matrix import AsyncJob
from nova_pyvirt.core.states import EventID, Paused, Running, State
from nova_pyvirt.hypervisors.qemu.events import ending
from nova_pyvirt.hypervisors.qemu.events.dispatch import HANDLERS
from nova_pyvirt.model.domain import Domain
from tests.base import TestCase

XML = """<domain type='qemu' id='1'><name>n</name><memory>1048576</memory>
  <clock offset='variable' adjustment='10'/>
  <devices>
    <disk type='file'><driver name='qemu' type='qcow2'/><source file='/a.qcow2' index='2'/>
      <backingStore type='file' index='3'><format type='raw'/><source file='/b.raw'/></backingStore>
      <target dev='vda' bus='virtio'/><alias name='virtio-disk0'/></disk>
    <disk type='block' device='cdrom'><target dev='sda' bus='sata'/><alias name='sata0-0-0'/></disk>
    <memory model='virtio-mem'><target><size>2048</size><block>2</block></target>
      <alias name='virtiomem0'/></memory>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/>
      <alias name='channel0'/></channel>
  </devices></domain>"""

#: event, its data, what subscribers get: (event id, arguments)
TOLD: tuple[tuple[str, dict[str, Any], list[tuple[int, tuple[Any, ...]]]], ...] = (
    ("RTC_CHANGE", {"offset": 5}, [(EventID.RTC_CHANGE, (15,))]),
    ("BALLOON_CHANGE", {"actual": 1 << 29}, [(EventID.BALLOON_CHANGE, (1 << 19,))]),
    ("RESET", {"guest": True}, [(EventID.REBOOT, ())]),
    ("WATCHDOG", {"action": "reset"}, [(EventID.WATCHDOG, (2,))]),
    ("WATCHDOG", {"action": "pause"}, [(EventID.WATCHDOG, (1,)), (0, (3, 3))]),
    (
        "BLOCK_IO_ERROR",
        {"device": "", "node-name": "libvirt-2-format", "action": "stop", "nospace": True},
        [
            (EventID.IO_ERROR, ("/a.qcow2", "virtio-disk0", 1)),
            (EventID.IO_ERROR_REASON, ("/a.qcow2", "virtio-disk0", 1, "enospc")),
            (0, (3, 2)),
        ],
    ),
    (
        "BLOCK_IO_ERROR",
        {"device": "", "node-name": "libvirt-3-storage", "action": "report"},
        [
            (EventID.IO_ERROR, ("/a.qcow2", "virtio-disk0", 2)),
            (EventID.IO_ERROR_REASON, ("/a.qcow2", "virtio-disk0", 2, "")),
        ],
    ),
    (
        "DEVICE_TRAY_MOVED",
        {"device": "", "id": "sata0-0-0", "tray-open": True},
        [(EventID.TRAY_CHANGE, ("sata0-0-0", 0))],
    ),
    ("DEVICE_UNPLUG_GUEST_ERROR", {"device": "d"}, [(EventID.DEVICE_REMOVAL_FAILED, ("d",))]),
    ("MEM_UNPLUG_ERROR", {"device": "m"}, [(EventID.DEVICE_REMOVAL_FAILED, ("m",))]),
    ("GUEST_CRASHLOADED", {"action": "run"}, [(0, (8, 1))]),
    (
        "MEMORY_FAILURE",
        {"recipient": "guest", "action": "fatal", "flags": {"action-required": True}},
        [(EventID.MEMORY_FAILURE, (1, 2, 1))],
    ),
    (
        "MEMORY_DEVICE_SIZE_CHANGE",
        {"id": "virtiomem0", "size": 1 << 20},
        [(EventID.MEMORY_DEVICE_SIZE_CHANGE, ("virtiomem0", 1 << 20))],
    ),
    (
        "BLOCK_WRITE_THRESHOLD",
        {"node-name": "libvirt-2-storage", "write-threshold": 100, "amount-exceeded": 7},
        [
            (EventID.BLOCK_THRESHOLD, ("vda", "/a.qcow2", 100, 7)),
            (EventID.BLOCK_THRESHOLD, ("vda[2]", "/a.qcow2", 100, 7)),
        ],
    ),
    (
        "BLOCK_WRITE_THRESHOLD",
        {"node-name": "libvirt-3-storage", "write-threshold": 100, "amount-exceeded": 7},
        [(EventID.BLOCK_THRESHOLD, ("vda[3]", "/b.raw", 100, 7))],
    ),
    ("SUSPEND", {}, [(EventID.PMSUSPEND, (0,)), (0, (7, 0))]),
    ("SUSPEND_DISK", {}, [(EventID.PMSUSPEND_DISK, (0,)), (0, (7, 1))]),
    ("WAKEUP", {}, [(EventID.PMWAKEUP, (0,))]),
    ("VSERPORT_CHANGE", {"id": "channel0", "open": True}, [(EventID.AGENT_LIFECYCLE, (1, 2))]),
    (
        "VNC_CONNECTED",
        {
            "server": {"auth": "none", "family": "ipv4", "host": "127.0.0.1", "service": "5900"},
            "client": {"family": "ipv6", "host": "::1", "service": "40000"},
        },
        [
            (
                EventID.GRAPHICS,
                (
                    0,
                    {"family": 1, "node": "::1", "service": "40000"},
                    {"family": 0, "node": "127.0.0.1", "service": "5900"},
                    "none",
                    [],
                ),
            )
        ],
    ),
    ("STOP", {}, [(0, (3, 0))]),
)


class HandlerCase(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.vm = DomainObj(Domain.load(XML))
        self.vm.id = 1
        self.vm.state, self.vm.reason = State.RUNNING, int(Running.BOOTED)
        self.vm.private = SimpleNamespace(
            indexed_thresholds=set(),
            fake_reboot=False, paused_shutdown=False, being_destroyed=False, clock_base=10,
            running_reason=0, paused_reason=0, announced=True, unplugging={}, process=None,
            migration="", dumped={}, trays={},
        )  # fmt: skip
        self.state: Any = SimpleNamespace(bus=EventBus())
        self.told: list[tuple[int, tuple[Any, ...]]] = []
        for event in EventID:
            self.state.bus.register(
                self, None, event, lambda _ref, *args, event=event: self.told.append((event, args))
            )
        patch = mock.patch("nova_pyvirt.hypervisors.qemu.status.try_save")
        patch.start()
        self.addCleanup(patch.stop)

    def event(self, name: str, **data: Any) -> None:
        HANDLERS[name](self.state, self.vm, data, 0.0)


class TestHandlers(HandlerCase):
    def test_what_subscribers_get(self) -> None:
        for name, data, expected in TOLD:
            with self.subTest(name, data=data):
                self.told.clear()
                self.vm.state, self.vm.reason = State.RUNNING, int(Running.BOOTED)
                HANDLERS[name](self.state, self.vm, data, 0.0)
                self.assertEqual(expected, self.told)

    def test_every_handler_is_exercised(self) -> None:
        here = {name for name, _data, _told in TOLD}
        elsewhere = {
            "RESUME", "SHUTDOWN", "GUEST_PANICKED", "MIGRATION", "MIGRATION_PASS", "DUMP_COMPLETED",
            "DEVICE_DELETED",  # in hotplug
            "JOB_STATUS_CHANGE",  # in test_blockjobs
        } | {name for name in HANDLERS if name.startswith(("VNC_", "SPICE_"))}  # fmt: skip
        self.assertLessEqual(set(HANDLERS), here | elsewhere)

    def test_what_the_definition_keeps(self) -> None:
        self.event("RTC_CHANGE", offset=5)
        self.event("BALLOON_CHANGE", actual=1 << 29)
        self.event("MEMORY_DEVICE_SIZE_CHANGE", id="virtiomem0", size=(1 << 20) + 1)
        definition = self.vm.definition
        self.assertEqual("15", definition.clock.adjustment)
        self.assertEqual(1 << 19, definition.current_memory)
        self.assertEqual(1025, definition.devices.memories[0].current)

    def test_pause_has_the_reason_that_was_asked_for(self) -> None:
        self.vm.private.paused_reason = int(Paused.SAVE)
        self.event("STOP")
        self.assertEqual((State.PAUSED, Paused.SAVE), (self.vm.state, self.vm.reason))
        self.vm.private.running_reason = int(Running.SAVE_CANCELED)
        self.event("RESUME")
        self.assertEqual((State.RUNNING, Running.SAVE_CANCELED), (self.vm.state, self.vm.reason))
        self.assertEqual([(0, (3, 0)), (0, (4, 0))], self.told)

    def test_wakes_to_running(self) -> None:
        self.event("SUSPEND")
        self.assertIs(State.PMSUSPENDED, self.vm.state)
        self.told.clear()
        self.event("WAKEUP")
        self.assertEqual((State.RUNNING, Running.WAKEUP), (self.vm.state, self.vm.reason))
        self.assertEqual([(EventID.PMWAKEUP, (0,)), (0, (2, 4))], self.told)

    def test_migration_events_are_the_jobs(self) -> None:
        self.event("MIGRATION_PASS", **{"pass": 3})
        self.assertEqual([], self.told)
        with self.vm.lock:
            self.vm.jobs.begin_async(AsyncJob.SAVE, "virDomainSave")
        self.event("MIGRATION_PASS", **{"pass": 3})
        self.assertEqual([(EventID.MIGRATION_ITERATION, (3,))], self.told)
        self.event("MIGRATION", status="completed")
        self.assertEqual("completed", self.vm.private.migration)
        self.event("DUMP_COMPLETED", result={"status": "completed"})
        self.assertEqual({"result": {"status": "completed"}}, self.vm.private.dumped)

    def test_events_of_late_change_nothing(self) -> None:
        """A STOP that comes when the guest stands still already; a node of nobody's."""
        self.vm.state = State.PAUSED
        self.event("STOP")
        self.event("BLOCK_WRITE_THRESHOLD", **{
            "node-name": "libvirt-9-x", "write-threshold": 1, "amount-exceeded": 1,
        })  # fmt: skip
        self.event("MEMORY_FAILURE", recipient="moon", action="fatal")
        self.assertEqual([], self.told)


class TestPanicText(TestCase):
    def test_words(self) -> None:
        self.assertEqual("", ending.panic_text(None))
        info = {"type": "hyper-v", "arg1": 0x9F, "arg2": 1, "arg3": 2, "arg4": 3, "arg5": 4}
        self.assertEqual(
            "hyper-v: arg1='0x9f', arg2='0x1', arg3='0x2', arg4='0x3', arg5='0x4'",
            ending.panic_text(info),
        )
