# SPDX-License-Identifier: Apache-2.0
"""Ports of displays."""

import socket

from nova_pyvirt.core.ports import PortAllocator
from nova_pyvirt.errors import libvirtError
from tests.base import TestCase


class TestPorts(TestCase):
    def setUp(self) -> None:
        super().setUp()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.first = probe.getsockname()[1]

    def test_held_and_released(self) -> None:
        ports = PortAllocator("vnc", self.first, self.first)
        self.assertEqual(self.first, ports.acquire())
        with self.assertRaisesRegex(
            libvirtError, f"unused port in range 'vnc' \\({self.first}-{self.first}\\)"
        ):
            ports.acquire()
        ports.release(self.first)
        self.assertEqual(self.first, ports.acquire())

    def test_what_others_listen_on_is_skipped(self) -> None:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("0.0.0.0", self.first))
            other.listen()
            with self.assertRaises(libvirtError):
                PortAllocator("vnc", self.first, self.first).acquire()

    def test_port_of_a_running_guest(self) -> None:
        ports = PortAllocator("vnc", self.first, self.first)
        ports.hold(self.first)
        with self.assertRaises(libvirtError):
            ports.acquire()
