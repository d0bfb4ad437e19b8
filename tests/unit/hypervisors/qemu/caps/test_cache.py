# SPDX-License-Identifier: Apache-2.0
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.caps import CapsCache, QemuCaps
from nova_pyvirt.hypervisors.qemu.caps.stamp import HostStamp
from nova_pyvirt.util.native import os, threading
from tests.base import TestCase
from tests.unit.core.host.fake import FakeHost
from tests.unit.hypervisors.qemu.caps.fake import caps


class Program(TestCase):
    """A directory with a program in it."""

    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.binary = self.root / "qemu"
        self.binary.write_text("#!/bin/sh\n")
        self.binary.chmod(0o755)
        self.probes = 0


class CacheTest(Program):
    def cache(self) -> CapsCache:
        return CapsCache(self.root / "cache", prober=self._probe, stamp=HostStamp(self.root))

    def _probe(self, binary: str) -> QemuCaps:
        self.probes += 1
        return caps(binary=binary)

    def get(self, cache: CapsCache | None = None) -> QemuCaps:
        return (cache or self.cache()).get(str(self.binary))

    def file(self) -> Path:
        (found,) = (self.root / "cache").iterdir()
        return found

    def test_one_probe(self) -> None:
        cache = self.cache()
        self.assertIs(self.get(cache), self.get(cache))
        self.assertEqual(self.get(cache), self.get())
        self.assertEqual(1, self.probes)
        self.assertEqual(0o600, self.file().stat().st_mode & 0o777)

    def test_only_where_emulators_may_be(self) -> None:
        places = (str(self.root / "good"), "/usr/libexec/")
        cache = CapsCache(None, prober=self._probe, stamp=HostStamp(self.root), allowed=places)
        with self.assertRaisesRegex(libvirtError, "in no directory for emulators"):
            self.get(cache)
        (self.root / "good").mkdir()
        link = self.root / "good/qemu"
        link.symlink_to(self.binary)  # what counts is where it really is
        with self.assertRaisesRegex(libvirtError, "in no directory for emulators"):
            cache.get(str(link))
        self.assertEqual(0, self.probes)
        link.unlink()
        self.binary.rename(link)
        self.assertEqual(str(link), cache.get(str(link)).binary)

    def test_another_binary_at_the_same_place(self) -> None:
        cache = self.cache()
        self.get(cache)
        new = self.root / "new"
        new.write_text("#!/bin/sh\n:\n")
        new.chmod(0o755)
        new.rename(self.binary)
        self.get(cache)
        self.assertEqual(2, self.probes)

    def test_kvm_comes(self) -> None:
        self.get()
        (self.root / "dev").mkdir()
        (self.root / "dev/kvm").write_text("")
        self.get()
        self.assertEqual(2, self.probes)

    def test_broken_files_are_probed_again_silently(self) -> None:
        for text in (b"", b"\xff\xfe", b"{", b'{"form": 1, "caps": {}}'):
            self.get()
            before = self.probes
            self.file().write_bytes(text)
            self.get()
            self.assertEqual(before + 1, self.probes, text)

    def test_cache_directory_not_writable(self) -> None:
        (self.root / "cache").write_text("a file")
        self.assertEqual(str(self.binary), self.get().binary)

    def test_probe_of_one_binary_by_one_thread(self) -> None:
        cache = self.cache()
        started = threading.Event()
        go = threading.Event()
        original = self._probe

        def slow(binary: str) -> QemuCaps:
            started.set()
            go.wait(10)
            return original(binary)

        cache._probe = slow
        threads = [threading.Thread(target=self.get, args=(cache,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        started.wait(10)
        go.set()
        for thread in threads:
            thread.join()
        self.assertEqual(1, self.probes)

    def test_failure_is_not_kept(self) -> None:
        cache = self.cache()
        cache._probe = mock.Mock(side_effect=libvirtError("no"))
        for _ in range(2):
            with self.assertRaises(libvirtError):
                self.get(cache)
        self.assertEqual(2, cache._probe.call_count)

    def assert_error(self, path: Path, text: str) -> None:
        with self.assertRaises(libvirtError) as caught:
            self.cache().get(str(path))
        self.assertEqual(Code.SYSTEM_ERROR, caught.exception.get_error_code())
        self.assertEqual(text, caught.exception.get_error_message())

    def test_no_such_program(self) -> None:
        path = self.root / "none"
        self.assert_error(path, f"Cannot check QEMU binary {path}: No such file or directory")
        self.assert_error(self.root, f"QEMU binary {self.root} is not executable: Is a directory")


class EmulatorTest(Program):
    def test_by_architecture(self) -> None:
        for name in ("qemu-system-x86_64", "qemu-system-ppc64"):
            (self.root / name).write_text("")
            (self.root / name).chmod(0o755)
        with mock.patch.dict(os.environ, {"PATH": str(self.root)}):
            cache = CapsCache(None, host_arch="x86_64")
            found = {arch: cache.default_emulator(arch) for arch in ("x86_64", "i686", "ppc64le")}
            self.assertIsNone(cache.default_emulator("aarch64"))
        names = {arch: Path(path or "").name for arch, path in found.items()}
        expected = {
            "x86_64": "qemu-system-x86_64", "i686": "qemu-system-x86_64",
            "ppc64le": "qemu-system-ppc64",
        }  # fmt: skip
        self.assertEqual(expected, names)


class StampTest(FakeHost):
    def of(self) -> dict[str, Any]:
        return HostStamp(self.root).of("/bin/sh")

    def test_everything_a_result_depends_on(self) -> None:
        changes = {
            "proc/cpuinfo": "vendor_id : GenuineIntel\nflags : a b",
            "sys/devices/system/cpu/cpu0/microcode/version": "0x1",
            "sys/module/kvm_amd/parameters/nested": "1",
            "dev/kvm": "",
            "usr/lib/x86_64-linux-gnu/qemu/module.so": "",
        }
        before = self.of()
        self.assertEqual(before, self.of())
        for name, text in changes.items():
            self.write(name, text)
            after = self.of()
            self.assertNotEqual(before, after, name)
            before = after
