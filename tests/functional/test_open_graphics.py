# SPDX-License-Identifier: Apache-2.0
"""Clients of a guest's display that come by a descriptor, with a real QEMU."""

import socket

from nova_pyvirt.errors import Code, libvirtError
from tests.functional.lifecycle_case import LifecycleCase

VNC = "<graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1' passwd='secret'/>"
HELLO = b"RFB 003.008\n"
SKIP_AUTH = 1
#: security types of VNC: none, by password
NONE, BY_PASSWORD = 1, 2


class TestOpenGraphics(LifecycleCase):
    def setUp(self) -> None:
        super().setUp()
        self.ref = self.table.domain_create(self.define(devices=VNC))

    def security(self, client: socket.socket) -> bytes:
        """The ways in that VNC offers."""
        client.settimeout(20)
        self.assertEqual(HELLO, client.recv(12))
        client.sendall(HELLO)
        (count,) = client.recv(1)
        return client.recv(count)

    def test_a_socket_of_the_caller(self) -> None:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self.table.domain_open_graphics(self.ref, 0, theirs.fileno(), SKIP_AUTH)
            self.assertIn(NONE, self.security(ours))

    def test_a_socket_of_ours(self) -> None:
        for flags, way in ((0, BY_PASSWORD), (SKIP_AUTH, NONE)):
            fd = self.table.domain_open_graphics_fd(self.ref, 0, flags)
            with socket.socket(fileno=fd) as client:
                self.assertIn(way, self.security(client))

    def test_refused(self) -> None:
        for code, args in ((Code.INTERNAL_ERROR, (1, 0)), (Code.INVALID_ARG, (0, 2))):
            with self.assertRaises(libvirtError) as caught:
                self.table.domain_open_graphics_fd(self.ref, *args)
            self.assertEqual(code, caught.exception.get_error_code())
        self.table.domain_destroy(self.ref)
        with self.assertRaises(libvirtError) as caught:
            self.table.domain_open_graphics_fd(self.ref, 0, 0)
        self.assertEqual(Code.OPERATION_INVALID, caught.exception.get_error_code())
