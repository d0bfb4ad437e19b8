# SPDX-License-Identifier: Apache-2.0
"""Devices that come and go while a real QEMU runs, with guests that let go of them and that don't."""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

from nova_pyvirt.core.states import EventID
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import unplug
from nova_pyvirt.util.native import threading, time
from tests.fixtures.guests import eject_image
from tests.functional.lifecycle_case import CHILD, LifecycleCase

LIVE, CONFIG = 1, 2
TAP = f"hp{os.getpid()}"
NIC = (
    "<interface type='ethernet'><mac address='52:54:00:c0:00:11'/><target dev='{}'/>"
    "<model type='virtio'/>{}</interface>"
)
RNG = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
ADDED, REMOVED, FAILED = "added", "removed", "failed"


class HotplugCase(LifecycleCase):
    """A running guest that lets go of PCI devices."""

    def setUp(self) -> None:
        super().setUp()
        self.changes: list[tuple[str, str]] = []
        self.watch()

    def watch(self) -> None:
        for event, word in (
            (EventID.DEVICE_ADDED, ADDED),
            (EventID.DEVICE_REMOVED, REMOVED),
            (EventID.DEVICE_REMOVAL_FAILED, FAILED),
        ):
            self.table.connect_domain_event_register_any(
                None, event, lambda _ref, alias, word=word: self.changes.append((word, alias))
            )

    def reopen(self) -> Any:
        super().reopen()
        self.watch()
        return self.table

    def guest(self, *, ejects: bool = True, devices: str = "") -> Any:
        if ejects:
            eject_image(self.disk)
        self.ref = self.table.domain_create(self.define(devices=devices))
        self.console(self.ref)
        return self.ref

    def image(self, name: str, *more: str) -> str:
        path = f"{self.root}/{name}"
        command = ["qemu-img", "create", "-q", "-f", "qcow2", *more, path]
        subprocess.run(command if more else [*command, "1M"], check=True)
        return path

    @staticmethod
    def disk_xml(path: str, target: str = "vdb", bus: str = "virtio", more: str = "") -> str:
        return (
            "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
            f"<source file='{path}'/><target dev='{target}' bus='{bus}'/>{more}</disk>"
        )

    def ask(self, command: str, **arguments: Any) -> Any:
        """What QEMU says."""
        text = json.dumps({"execute": command, "arguments": arguments})
        return json.loads(self.table.domain_qemu_monitor_command(self.ref, text, 0))["return"]

    def nodes(self) -> set[str]:
        return {row["node-name"] for row in self.ask("query-named-block-nodes")}

    def devices(self) -> set[str]:
        return {row["name"] for row in self.ask("qom-list", path="/machine/peripheral")}

    def live(self) -> Any:
        return self.table.state.domains.find(self.ref).definition.devices

    def refused(self, code: Code, call: Any, *args: Any) -> str:
        with self.assertRaises(libvirtError) as seen:
            call(self.ref, *args)
        self.assertEqual(code, seen.exception.get_error_code(), str(seen.exception))
        return str(seen.exception)


class TestDisks(HotplugCase):
    def test_a_chain_comes_and_goes(self) -> None:
        ref = self.guest()
        base = self.image("base.qcow2")
        top = self.image("top.qcow2", "-b", base, "-F", "qcow2")
        owners = [(os.stat(p).st_uid, os.stat(p).st_gid) for p in (top, base)]
        before = self.nodes()
        xml = self.disk_xml(top, more="<iotune><total_iops_sec>500</total_iops_sec></iotune>")
        self.table.domain_attach_device(ref, xml)
        self.assertEqual([(ADDED, "virtio-disk1")], self.changes)
        disk = self.live().disks[1]
        self.assertEqual((3, 4), (disk.source.index, disk.backing.index))
        new = {f"libvirt-{n}-{kind}" for n in (3, 4) for kind in ("format", "storage")}
        self.assertEqual(new, self.nodes() - before)
        limits = [row["inserted"]["iops"] for row in self.ask("query-block") if row["qdev"]
                  and "virtio-disk1" in row["qdev"]]  # fmt: skip
        self.assertEqual([500], limits)
        self.assertNotIn("vdb", self.table.domain_get_xml_desc(ref, 2))
        self.table.domain_detach_device(ref, self.disk_xml("/whatever"))
        self.assertEqual((REMOVED, "virtio-disk1"), self.changes[-1])
        self.assertEqual(before, self.nodes())
        self.assertEqual(owners, [(os.stat(p).st_uid, os.stat(p).st_gid) for p in (top, base)])
        self.table.domain_attach_device(ref, xml)
        self.assertEqual(6, self.live().disks[1].source.index)

    def test_other_buses(self) -> None:
        ref = self.guest(devices="<controller type='usb' model='qemu-xhci'/>")
        for bus, target, alias in (("usb", "sda", "usb-disk0"), ("scsi", "sdb", "scsi0-0-1")):
            with self.subTest(bus):
                xml = self.disk_xml(self.image(f"{bus}.qcow2"), target, bus)
                self.table.domain_attach_device(ref, xml)
                self.assertIn(alias, self.devices())
                self.table.domain_detach_device(ref, xml)
                self.until(lambda alias=alias: (REMOVED, alias) in self.changes)
        self.assertIn("scsi0", self.devices())
        controller = "<controller type='scsi' index='0'/>"
        self.table.domain_detach_device(ref, controller)
        self.assertNotIn("scsi0", self.devices())
        self.assertEqual([], [c for c in self.live().controllers if c.type == "scsi"])

    def test_what_qemu_refuses_leaves_nothing(self) -> None:
        ref = self.guest()
        path = self.image("held.qcow2")
        owner = os.stat(path).st_uid
        before, xml = self.nodes(), self.table.domain_get_xml_desc(ref, 0)
        holder = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "none", "-display", "none", "-S", "-monitor", "stdio",
             "-blockdev", f"driver=qcow2,node-name=n,file.driver=file,file.filename={path}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        try:
            assert holder.stdout is not None and holder.stdin is not None
            holder.stdout.read(4)  # it greets when it has the image
            said = self.refused(
                Code.INTERNAL_ERROR, self.table.domain_attach_device, self.disk_xml(path)
            )
        finally:
            holder.kill()
            holder.communicate()
        self.assertRegex(said, "unable to execute QEMU command 'blockdev-add'.*lock")
        self.assertEqual(before, self.nodes())
        self.assertEqual(xml, self.table.domain_get_xml_desc(ref, 0))
        self.assertEqual(owner, os.stat(path).st_uid)
        self.assertEqual([], self.changes)
        self.table.domain_attach_device(ref, self.disk_xml(path))

    def test_both_definitions(self) -> None:
        ref = self.guest()
        xml = self.disk_xml(self.image("both.qcow2"))
        self.table.domain_attach_device_flags(ref, xml, LIVE | CONFIG)
        for flags in (0, 2):
            self.assertIn("'vdb'", self.table.domain_get_xml_desc(ref, flags))
        self.refused(
            Code.OPERATION_INVALID, self.table.domain_attach_device_flags, xml, LIVE | CONFIG
        )
        self.table.domain_detach_device_flags(ref, xml, LIVE | CONFIG)
        for flags in (0, 2):
            self.assertNotIn("'vdb'", self.table.domain_get_xml_desc(ref, flags))

    def test_another_medium(self) -> None:
        drive = ("<disk type='file' device='cdrom'>{}<target dev='hdc' bus='ide'/><readonly/>"
                 "</disk>")  # fmt: skip
        medium = "<source file='{}'/>"
        paths = [f"{self.root}/{name}.iso" for name in "ab"]
        for path in paths:
            Path(path).write_bytes(bytes(4096))
        ref = self.guest(devices=drive.format(medium.format(paths[0])))
        update = self.table.domain_update_device_flags
        update(ref, drive.format(medium.format(paths[1])), LIVE)
        cdrom = next(d for d in self.live().disks if d.device == "cdrom")
        self.assertEqual(paths[1], cdrom.path)
        self.assertEqual(0, os.stat(paths[0]).st_uid)
        update(ref, drive.format(""), LIVE)
        self.assertTrue(cdrom.empty)
        missing = drive.format(medium.format("/nonexistent"))
        self.refused(Code.SYSTEM_ERROR, update, missing, LIVE)
        self.table.domain_attach_device(ref, drive.format(medium.format(paths[0])))
        self.assertEqual(paths[0], cdrom.path)
        self.refused(Code.OPERATION_UNSUPPORTED, self.table.domain_detach_device, drive.format(""))


class TestUnplug(HotplugCase):
    def test_a_guest_that_takes_its_time(self) -> None:
        ref = self.guest(ejects=False)
        path = self.image("kept.qcow2")
        owner = os.stat(path).st_uid
        xml = self.disk_xml(path)
        self.table.domain_attach_device(ref, xml)
        before = time.monotonic()
        self.table.domain_detach_device(ref, xml)
        self.assertGreaterEqual(time.monotonic() - before, unplug.WAIT)
        self.assertIn("vdb", [disk.target for disk in self.live().disks])
        self.table.domain_reset(ref, 0)  # the firmware lets go of it
        self.until(lambda: (REMOVED, "virtio-disk1") in self.changes, 20)
        self.until(lambda: len(self.live().disks) == 1)
        self.assertEqual(owner, os.stat(path).st_uid)
        self.assertNotIn("libvirt-2-format", self.nodes())

    def test_nobody_waits_for_a_guest_that_ends(self) -> None:
        ref = self.guest(ejects=False)
        xml = self.disk_xml(self.image("kept.qcow2"))
        self.table.domain_attach_device(ref, xml)
        said: list[str] = []

        def detach() -> None:
            try:
                self.table.domain_detach_device(ref, xml)
            except libvirtError as exc:
                said.append(str(exc))

        thread = threading.Thread(target=detach)
        thread.start()
        vm = self.table.state.domains.find(ref)
        self.until(lambda: vm.private is not None and vm.private.unplugging)
        before = time.monotonic()
        self.table.domain_destroy(ref)
        thread.join(3)
        self.assertFalse(thread.is_alive())
        self.assertLess(time.monotonic() - before, 3)
        self.assertEqual(1, len(said))

    def test_by_alias_without_waiting(self) -> None:
        ref = self.guest()
        named = self.disk_xml(self.image("named.qcow2"), more="<alias name='ua-mine'/>")
        self.table.domain_attach_device(ref, named)
        self.table.domain_attach_device(ref, RNG)
        for alias in ("ua-mine", "rng0"):
            self.table.domain_detach_device_alias(ref, alias, 0)
            self.until(lambda alias=alias: (REMOVED, alias) in self.changes)
        self.refused(Code.INTERNAL_ERROR, self.table.domain_detach_device_alias, "rng0", 0)

    def test_what_qemu_has_lost_goes_at_once(self) -> None:
        ref = self.guest()
        self.table.domain_attach_device(ref, RNG)
        self.table.state.domains.find(ref).definition.devices.rngs[0].alias = "rng7"
        self.table.domain_detach_device(ref, RNG)
        self.assertEqual([], self.live().rngs)


@unittest.skipUnless(os.geteuid() == 0, "taps are root's")
class TestInterfaces(HotplugCase):
    def tap(self) -> bool:
        return os.path.exists(f"/sys/class/net/{TAP}")

    def test_comes_and_goes(self) -> None:
        ref = self.guest()
        self.table.domain_attach_device(ref, NIC.format(TAP, "<link state='down'/>"))
        self.assertEqual([(ADDED, "net0")], self.changes)
        self.assertTrue(self.tap())
        update = self.table.domain_update_device_flags
        update(ref, NIC.format(TAP, "<link state='up'/>"), LIVE)
        self.assertEqual("up", self.live().interfaces[0].link)
        self.refused(
            Code.OPERATION_UNSUPPORTED, update, NIC.format(TAP, "<mtu size='1400'/>"), LIVE
        )
        self.table.domain_detach_device(ref, NIC.format(TAP, ""))
        self.assertEqual((REMOVED, "net0"), self.changes[-1])
        self.until(lambda: not self.tap())
        self.table.domain_attach_device(ref, NIC.format(TAP, ""))
        self.table.domain_destroy(ref)
        self.until(lambda: not self.tap())

    def test_what_qemu_refuses_leaves_no_tap(self) -> None:
        ref = self.guest()
        rom = "<rom file='/nonexistent.rom'/>"
        said = self.refused(
            Code.INTERNAL_ERROR, self.table.domain_attach_device, NIC.format(TAP, rom)
        )
        self.assertIn("device_add", said)
        self.until(lambda: not self.tap())
        self.assertEqual([], self.live().interfaces)
        self.table.domain_attach_device(ref, NIC.format(TAP, ""))
        self.assertEqual("net0", self.live().interfaces[0].alias)

    def test_scripts_and_limits(self) -> None:
        told, script = Path(self.root, "told"), Path(self.root, "script")
        script.write_text(f'#!/bin/sh\necho "$0 $1" >> {told}\n')
        script.chmod(0o755)
        down = Path(self.root, "down")
        down.symlink_to(script)
        more = (
            f"<script path='{script}'/><downscript path='{down}'/>"
            "<bandwidth><inbound average='{}'/></bandwidth>"
        )
        ref = self.guest()
        self.table.domain_attach_device(ref, NIC.format(TAP, more.format(1000)))
        self.assertEqual(f"{script} {TAP}\n", told.read_text())
        update = self.table.domain_update_device_flags
        update(ref, NIC.format(TAP, more.format(2000)), LIVE)
        shown = subprocess.run(
            ["tc", "class", "show", "dev", TAP], capture_output=True, text=True, check=True
        )
        self.assertIn("rate 16", shown.stdout)
        self.reopen()
        self.table.domain_detach_device(ref, NIC.format(TAP, ""))
        self.table.domain_destroy(ref)
        self.assertEqual(f"{script} {TAP}\n{down} {TAP}\n", told.read_text())

    def test_user_network(self) -> None:
        ref = self.guest()
        nic = "<interface type='user'><model type='virtio'/></interface>"
        self.table.domain_attach_device_flags(ref, nic, LIVE | CONFIG)
        macs = [self.live().interfaces[0].mac]
        vm = self.table.state.domains.find(ref)
        macs.append(vm.config.devices.interfaces[0].mac)
        self.assertEqual(macs[0], macs[1])
        self.table.domain_detach_device(ref, "<interface type='user'/>")
        self.assertEqual([], self.live().interfaces)


class TestOthers(HotplugCase):
    def test_small_devices(self) -> None:
        ref = self.guest(devices="<controller type='virtio-serial'/>")
        for xml, alias in (
            (RNG, "rng0"),
            ("<watchdog model='i6300esb' action='none'/>", "watchdog0"),
            ("<input type='tablet' bus='usb'/>", "input2"),
            ("<input type='keyboard' bus='virtio'/>", "input2"),
            ("<channel type='pty'><target type='virtio' name='org.test.0'/></channel>", "channel0"),
            ("<shmem name='hp'><model type='ivshmem-plain'/><size unit='M'>1</size></shmem>",
             "shmem0"),
        ):  # fmt: skip
            with self.subTest(xml):
                self.changes.clear()
                self.table.domain_attach_device(ref, xml)
                self.assertEqual((ADDED, alias), self.changes[-1])
                self.assertIn(alias, self.devices())
                self.table.domain_detach_device_alias(ref, alias, 0)
                self.until(lambda alias=alias: (REMOVED, alias) in self.changes)
                self.assertNotIn(alias, self.devices())
        self.assertEqual([], [r["label"] for r in self.ask("query-chardev") if "nel" in r["label"]])

    def test_what_does_not_come_or_go(self) -> None:
        self.guest()
        for xml, word in (
            ("<sound model='ich6'/>", "sound"),
            ("<memballoon model='virtio'/>", "memballoon"),
            ("<video><model type='vga'/></video>", "video"),
        ):
            for what, call in (
                ("attach", self.table.domain_attach_device),
                ("detach", self.table.domain_detach_device),
            ):
                said = self.refused(Code.OPERATION_UNSUPPORTED, call, xml)
                self.assertIn(f"live {what} of device '{word}' is not supported", said)


class TestRestart(HotplugCase):
    """Our process dies half way; the next one finds out, and leaves nothing half."""

    def dies(self, operation: str, xml: str, place: str) -> None:
        self.table.close()
        env = {**os.environ, "NOVA_PYVIRT_BREAK": place}
        command = [sys.executable, CHILD, self.root, operation, "nano"]
        done = subprocess.run(
            command, env=env, input=xml.encode(), stdout=subprocess.DEVNULL, check=False, timeout=60
        )
        self.assertEqual(-9, done.returncode)
        self.changes.clear()
        self.table = self.open()
        self.watch()

    def test_while_a_disk_is_attached(self) -> None:
        self.guest()
        path = self.image("new.qcow2")
        owner, before = os.stat(path).st_uid, self.nodes()
        xml = self.disk_xml(path)
        for place, there in (("plug-prepared", False), ("plug-added", True), ("plug-done", True)):
            with self.subTest(place):
                self.dies("attach", xml, place)
                targets = [disk.target for disk in self.live().disks]
                self.assertEqual(there, "vdb" in targets)
                self.assertEqual(there, "virtio-disk1" in self.devices())
                if there:
                    self.table.domain_detach_device(self.ref, xml)
                self.assertEqual(before, self.nodes())
                self.assertEqual(owner, os.stat(path).st_uid)

    def test_while_a_disk_is_detached(self) -> None:
        self.guest()
        path = self.image("old.qcow2")
        owner, before = os.stat(path).st_uid, self.nodes()
        xml = self.disk_xml(path)
        for place in ("unplug-asked", "unplug-gone", "unplug-cleaned", "unplug-done"):
            with self.subTest(place):
                self.table.domain_attach_device(self.ref, xml)
                self.dies("detach", xml, place)
                self.until(lambda: len(self.live().disks) == 1)
                self.assertEqual(before, self.nodes())
                self.assertEqual(owner, os.stat(path).st_uid)

    @unittest.skipUnless(os.geteuid() == 0, "taps are root's")
    def test_while_an_interface_is_attached(self) -> None:
        self.guest()
        for place, there in (("plug-prepared", False), ("plug-added", True)):
            with self.subTest(place):
                self.dies("attach", NIC.format(TAP, ""), place)
                self.assertEqual(there, bool(self.live().interfaces))
                self.assertEqual(there, os.path.exists(f"/sys/class/net/{TAP}"))

    def test_while_a_medium_is_changed(self) -> None:
        drive = "<disk type='file' device='cdrom'>{}<target dev='hdc' bus='ide'/><readonly/></disk>"
        medium = f"{self.root}/m.iso"
        Path(medium).write_bytes(bytes(4096))
        self.guest(devices=drive.format(f"<source file='{medium}'/>"))
        self.dies("update", drive.format(""), "media-out")
        cdrom = next(disk for disk in self.live().disks if disk.device == "cdrom")
        self.assertTrue(cdrom.empty)
        self.assertEqual(0, os.stat(medium).st_uid)

    def test_guest_that_ends_with_a_disk_half_attached(self) -> None:
        self.guest()
        path = self.image("half.qcow2")
        owner, pid = os.stat(path).st_uid, self.pid(self.ref)
        self.table.close()
        env = {**os.environ, "NOVA_PYVIRT_BREAK": "plug-prepared"}
        command = [sys.executable, CHILD, self.root, "attach", "nano"]
        subprocess.run(command, env=env, input=self.disk_xml(path).encode(), check=False,
                       stdout=subprocess.DEVNULL, timeout=60)  # fmt: skip
        self.kill(pid)
        self.table = self.open()
        self.assertEqual(owner, os.stat(path).st_uid)
        self.assertEqual([], self.leftovers())
