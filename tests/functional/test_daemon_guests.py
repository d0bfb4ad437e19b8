# SPDX-License-Identifier: Apache-2.0
"""pyvirtd goes and comes back, in order or not: guests stay, clients are told."""

import os
import signal
import subprocess
import threading

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import Running, State
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.remote import RemoteTable
from tests.functional.daemon_case import XML, DaemonProcessCase

ERROR, EOF = 0, 1
GUESTS = 4


class Load(threading.Thread):
    """Calls that change and ask, until the connection breaks."""

    def __init__(self, table: RemoteTable, ref: DomainRef) -> None:
        super().__init__(daemon=True)
        self.table = table
        self.ref = ref
        self.calls = 0
        self.error: libvirtError | None = None

    def run(self) -> None:
        try:
            while True:
                self.table.domain_suspend(self.ref)
                self.table.domain_get_xml_desc(self.ref, 0)
                self.table.domain_resume(self.ref)
                self.table.connect_list_all_domains(0)
                self.calls += 4
        except libvirtError as exc:
            self.error = exc


class DaemonGuestsTest(DaemonProcessCase):
    def guests(self, table: RemoteTable, count: int = GUESTS) -> list[DomainRef]:
        return [
            table.domain_create_xml(XML.format(name=f"g{i}", disk=self.disk), 0)
            for i in range(count)
        ]

    def pids(self) -> set[int]:
        return {found.pid for found in self.running()}

    def watch(self, table: RemoteTable) -> list[int]:
        reasons: list[int] = []
        table.connect_register_close_callback(reasons.append)
        return reasons

    def test_restart_in_order(self) -> None:
        daemon = self.start()
        table = self.open()
        reasons = self.watch(table)
        (ref,) = self.guests(table, 1)
        before = self.pids()
        daemon.send_signal(signal.SIGTERM)
        self.assertEqual(0, daemon.wait(20))
        self.expect(b"STOPPING=1")
        self.until(lambda: reasons == [EOF])
        with self.assertRaises(libvirtError):
            table.domain_get_state(ref, 0)
        self.start()
        again = self.open()
        events: list[tuple[int, ...]] = []
        again.connect_domain_event_register_any(None, 0, lambda _ref, *args: events.append(args))
        self.assertEqual([ref], again.connect_list_all_domains(1))
        self.assertEqual([State.RUNNING, Running.BOOTED], list(again.domain_get_state(ref, 0)))
        self.assertEqual(before, self.pids())
        again.domain_destroy(ref)
        self.until(lambda: (5, 1) in events)
        self.assertEqual(set(), self.pids())

    def test_killed_under_load(self) -> None:
        daemon = self.start()
        refs = self.guests(self.open())
        before = self.pids()
        self.assertEqual(GUESTS, len(before))
        loads = [Load(self.open(), ref) for ref in refs]
        reasons = [self.watch(load.table) for load in loads]
        for load in loads:
            load.start()
        self.until(lambda: all(load.calls > 40 for load in loads))
        daemon.kill()
        daemon.wait(20)
        for load in loads:
            load.join(20)
            self.assertFalse(load.is_alive())
            self.assertIsNotNone(load.error)
        self.until(lambda: all(reasons))
        for seen in reasons:  # an error where a call was being sent
            self.assertIn(seen, ([EOF], [ERROR]))
        self.assertEqual(before, self.pids())
        self.start()
        again = self.open()
        self.assertEqual(sorted(refs), sorted(again.connect_list_all_domains(1)))
        for ref in refs:
            if again.domain_get_state(ref, 0)[0] == State.PAUSED:
                again.domain_resume(ref)
            self.assertEqual(State.RUNNING, again.domain_get_state(ref, 0)[0])
        self.assertEqual(before, self.pids())
        new = again.domain_create_xml(XML.format(name="new", disk=self.disk), 0)
        self.assertGreater(new.id, max(ref.id for ref in refs))
        for ref in [*refs, new]:
            again.domain_destroy(ref)
        self.assertEqual(set(), self.pids())

    def hook(self, name: str, body: str) -> None:
        path = f"{self.root}/etc/hooks/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{body}\n")
        os.chmod(path, 0o755)

    def said(self) -> list[str]:
        with open(f"{self.root}/said", encoding="utf-8") as file:
            return file.read().splitlines()

    def test_hooks(self) -> None:
        tell = f'echo "${{0##*/}} $*" >> {self.root}/said'
        self.hook("daemon", f"{tell}; exit 1")  # what a hook says changes nothing
        self.hook("daemon.d/second", tell)
        daemon = self.start()
        both = ["daemon - start - start", "second - start - start"]
        self.assertEqual(both, self.said())
        table = self.open()
        self.guests(table, 1)
        self.assertEqual(both, self.said())  # that guest's hooks were not there
        os.unlink(f"{self.root}/etc/hooks/daemon")
        self.hook("qemu", tell)
        daemon.send_signal(signal.SIGHUP)
        self.expect(b"RELOADING=1")
        self.expect(b"READY=1")
        self.assertEqual("second - reload begin SIGHUP", self.said()[-1])
        ref = table.domain_create_xml(XML.format(name="told", disk=self.disk), 0)
        steps = [f"qemu told {step} begin -" for step in ("prepare", "start", "started")]
        self.assertEqual(steps, self.said()[-3:])
        table.domain_destroy(ref)
        self.end_daemon()
        self.assertEqual("second - shutdown - shutdown", self.said()[-1])

    def test_reload_keeps_clients_and_guests(self) -> None:
        daemon = self.start()
        table = self.open()
        (ref,) = self.guests(table, 1)
        before = self.pids()
        daemon.send_signal(signal.SIGHUP)
        self.expect(b"RELOADING=1")
        self.expect(b"READY=1")
        self.assertEqual(State.RUNNING, table.domain_get_state(ref, 0)[0])
        self.assertEqual(before, self.pids())

    def test_a_wrong_policy_changes_nothing(self) -> None:
        policy = f"{self.root}/policy.json"
        with open(policy, "w", encoding="utf-8") as file:
            file.write(
                '{"default": "allow", "rules": [{"permission": ["stop"], "effect": "deny"}]}'
            )
        self.write_config(f'access_policy = "{policy}"\n')
        daemon = self.start()
        table = self.open()
        (ref,) = self.guests(table, 1)
        with open(policy, "w", encoding="utf-8") as file:
            file.write("{broken")
        daemon.send_signal(signal.SIGHUP)
        self.expect(b"RELOADING=1")
        self.expect(b"READY=1")
        with self.assertRaises(libvirtError) as caught:
            table.domain_destroy(ref)
        self.assertEqual(Code.ACCESS_DENIED, caught.exception.get_error_code())

    def test_nobody_needs_it(self) -> None:
        daemon = self.start("--timeout", "1")
        table = self.open()
        (ref,) = self.guests(table, 1)
        table.close()
        with self.assertRaises(subprocess.TimeoutExpired):
            daemon.wait(2)
        table = self.open()
        table.domain_destroy(ref)
        table.close()
        self.assertEqual(0, daemon.wait(10))

    def test_a_second_daemon_is_refused(self) -> None:
        first = self.start()
        second = self.spawn()
        self.assertEqual(1, second.wait(20))
        self.assertIsNone(first.poll())
        self.assertEqual([], self.open().connect_list_all_domains(0))

    def test_a_client_gone_takes_its_guest(self) -> None:
        """VIR_DOMAIN_START_AUTODESTROY: the connection that breaks is the client's."""
        self.start()
        table = self.open()
        xml = XML.format(name="auto", disk=self.disk)
        table.domain_create_xml(xml, 2)
        self.assertEqual(1, len(self.pids()))
        table.close()
        again = self.open()
        self.until(lambda: not again.connect_list_all_domains(0))
        self.assertEqual(set(), self.pids())
