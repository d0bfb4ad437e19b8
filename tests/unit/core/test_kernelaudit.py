# SPDX-License-Identifier: Apache-2.0
"""Records for the kernel's audit system: their form, the kernel's answers, who may write."""

import errno
import os
import struct
from collections.abc import Callable
from typing import Any
from unittest import mock

from nova_pyvirt.core import audit, kernelaudit
from nova_pyvirt.core.kernelaudit import AuditSocket
from nova_pyvirt.errors import libvirtError
from tests.base import TestCase


class Kernel:
    """Answers as the kernel does."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)
        self.records: list[tuple[int, bytes]] = []
        self.answers: list[bytes] = []

    def sendto(self, packet: bytes, address: Any) -> int:
        length, kind, flags, number, pid = struct.unpack_from("=IHHII", packet)
        assert (length, flags, pid, address) == (len(packet), 5, 0, (0, 0))
        self.records.append((kind, packet[16:]))
        result = self.errors.pop(0) if self.errors else 0
        # one that is not ours: an answer that came too late for a call before
        self.answers.append(struct.pack("=IHHIIi", 36, 2, 0, number - 1, 1, -errno.EPERM))
        self.answers.append(struct.pack("=IHHIIi", 36, 2, 0, number, 1, -result))
        return len(packet)

    def recv(self, _size: int) -> bytes:
        if not self.answers:
            raise TimeoutError(errno.ETIMEDOUT, "timed out")
        return self.answers.pop(0)

    def settimeout(self, seconds: float) -> None:
        assert 0 < seconds < 5

    def close(self) -> None:
        self.errors.clear()


class TestSocket(TestCase):
    def test_form(self) -> None:
        kernel = Kernel()
        socket = AuditSocket(kernel)
        socket.send(kernelaudit.VIRT_CONTROL, "virt=kvm op=start", success=True)
        socket.send(kernelaudit.VIRT_RESOURCE, "virt=kvm", success=False)
        tail = f' exe="{os.readlink("/proc/self/exe")}" hostname=? addr=? terminal=? res='
        self.assertEqual(
            [
                (2500, f"virt=kvm op=start{tail}success\0".encode()),
                (2501, f"virt=kvm{tail}failed\0".encode()),
            ],
            kernel.records,
        )

    def test_long_names_do_not_hide_the_result(self) -> None:
        kernel = Kernel()
        AuditSocket(kernel).send(2501, "x" * 20000, success=True)
        ((_kind, data),) = kernel.records
        self.assertLessEqual(len(data), 8561)
        self.assertTrue(data.endswith(b" res=success\0"))

    def test_trouble_is_told_once(self) -> None:
        socket = AuditSocket(Kernel(errno.EPERM, errno.EPERM, 0, errno.EPERM))
        with self.assertLogs("nova_pyvirt.core.kernelaudit", "WARNING") as logged:
            for _number in range(4):
                socket.send(2500, "a", success=True)
        self.assertEqual(2, len(logged.records))
        self.assertIn("Operation not permitted", logged.output[0])

    def test_no_answer(self) -> None:
        kernel = Kernel()
        kernel.sendto = lambda packet, _address: len(packet)  # type: ignore[method-assign]
        with self.assertLogs("nova_pyvirt.core.kernelaudit", "WARNING"):
            AuditSocket(kernel).send(2500, "a", success=True)


class TestConfigure(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(kernelaudit.configure, 0)
        kernelaudit.configure(0)

    def configure(self, level: int, make: Callable[..., Any], allowed: bool = True) -> None:
        with (
            mock.patch.object(kernelaudit.socket, "socket", make),
            mock.patch.object(kernelaudit, "_allowed", lambda: allowed),
        ):
            kernelaudit.configure(level)

    def test_records_of_a_domain(self) -> None:
        kernel = mock.Mock(wraps=Kernel())
        self.configure(1, lambda *_args: kernel)
        audit.control(audit.Subject("kvm", "a b", "u"), "stop", "destroyed", 7)
        ((packet, _address), _options) = kernel.sendto.call_args
        self.assertIn(b"virt=kvm op=stop reason=destroyed vm=612062 uuid=u vm-pid=7 ", packet)
        kernelaudit.configure(0)
        kernel.close.assert_called_once()
        audit.control(audit.Subject("kvm", "a", "u"), "stop", "destroyed", 7)
        kernel.sendto.assert_called_once()

    def test_not_allowed(self) -> None:
        make = mock.Mock()
        self.configure(1, make, allowed=False)
        make.assert_not_called()
        with self.assertRaisesRegex(libvirtError, "CAP_AUDIT_WRITE is missing"):
            self.configure(2, make, allowed=False)

    def test_a_kernel_without(self) -> None:
        make = mock.Mock(side_effect=OSError(errno.EPROTONOSUPPORT, "no"))
        self.configure(1, make)
        kernelaudit.send(2500, "a", success=True)
        with self.assertRaisesRegex(libvirtError, "not supported by the kernel"):
            self.configure(2, make)


class TestThisKernel(TestCase):
    def test_it_takes_a_record(self) -> None:
        self.addCleanup(kernelaudit.configure, 0)
        try:
            kernelaudit.configure(2)
        except libvirtError as exc:
            self.skipTest(str(exc))
        with self.assertNoLogs("nova_pyvirt.core.kernelaudit", "WARNING"):
            audit.control(audit.Subject("qemu", "test", "u"), "start", "booted", 0)
