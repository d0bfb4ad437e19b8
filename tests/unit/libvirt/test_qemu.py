# SPDX-License-Identifier: Apache-2.0
"""libvirt_qemu and libvirt_lxc."""

from typing import Any

from nova_pyvirt import libvirt, libvirt_lxc, libvirt_qemu
from nova_pyvirt.errors import Code, error
from tests.fixtures.libvirt.faketable import DOMAIN, FakeTable, connect, domain
from tests.unit.libvirt.test_events import LoopCase


class QemuTest(LoopCase):
    def test_monitor_command(self) -> None:
        table = FakeTable(domain_qemu_monitor_command='{"return": {}}')
        dom = domain(table)
        self.assertEqual('{"return": {}}', libvirt_qemu.qemuMonitorCommand(dom, "{}", 0))
        self.assertEqual([("domain_qemu_monitor_command", DOMAIN, "{}", 0)], table.calls)

    def test_the_c_modules_function_as_nova_calls_it(self) -> None:
        dom = domain(FakeTable(domain_qemu_monitor_command="ok"))
        command = libvirt_qemu.libvirtmod_qemu.virDomainQemuMonitorCommand
        self.assertEqual("ok", command(dom._o, "info", 1))
        wrong = error(Code.OPERATION_INVALID, "domain is not running")
        dom = domain(FakeTable(domain_qemu_monitor_command=wrong))
        self.assertIsNone(command(dom._o, "info", 1))
        self.assertEqual(55, libvirt.virGetLastErrorCode())

    def test_agent_command(self) -> None:
        table = FakeTable(domain_qemu_agent_command="{}")
        self.assertEqual("{}", libvirt_qemu.qemuAgentCommand(domain(table), "{}", -2, 0))
        self.assertEqual(("domain_qemu_agent_command", DOMAIN, "{}", -2, 0), table.calls[0])

    def test_monitor_events(self) -> None:
        libvirt.virEventRegisterDefaultImpl()
        callbacks: list[Any] = []

        def register(ref: Any, event: Any, callback: Any, flags: int) -> int:
            callbacks.append(callback)
            return 5

        table = FakeTable(
            connect_domain_qemu_monitor_event_register=register,
            connect_domain_qemu_monitor_event_deregister=None,
        )
        conn = connect(table)
        got: list[Any] = []
        number = libvirt_qemu.qemuMonitorEventRegister(
            conn, None, "STOP", lambda c, d, *rest: got.append((d.name(), *rest)), "o", 0
        )
        callbacks[0](DOMAIN, "STOP", 1, 2, None)
        while not got:
            libvirt.virEventRunDefaultImpl()
        self.assertEqual([("guest", "STOP", 1, 2, None, "o")], got)
        libvirt_qemu.qemuMonitorEventDeregister(conn, number)
        self.assertEqual(("connect_domain_qemu_monitor_event_deregister", 5), table.calls[-1])

    def test_lxc(self) -> None:
        table = FakeTable(domain_lxc_open_namespace=[3, 4])
        self.assertEqual([3, 4], libvirt_lxc.lxcOpenNamespace(domain(table), 0))
        with self.assertRaisesRegex(libvirt.libvirtError, "virDomainLxcEnterCGroup"):
            libvirt_lxc.lxcEnterCGroup(domain(table), 0)
