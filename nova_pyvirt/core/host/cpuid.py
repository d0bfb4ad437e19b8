# SPDX-License-Identifier: Apache-2.0
"""The host CPU's CPUID leaves.

From the kernel's ``/dev/cpu/0/cpuid`` where it can be read; else by executing the instruction,
which any process may: eleven instructions in a page of our own.
"""

import ctypes
import mmap
import platform
from collections.abc import Callable

from nova_pyvirt.core.host.sysfs import HostFs
from nova_pyvirt.util.native import os

#: (leaf, sub-leaf, register) -> value
Registers = dict[tuple[int, int, str], int]
Leaf = tuple[int, int, int, int]

_NAMES = ("eax", "ebx", "ecx", "edx")
_EXTENDED = 0x80000000
#: a leaf has no more sub-leaves than that, whatever the CPU (or a faulty hypervisor) says
_MAX_SUBLEAVES = 64
#: push rbx; mov eax,edi; mov ecx,esi; mov r8,rdx; cpuid; store the four at r8; pop rbx; ret
_CODE = bytes.fromhex("5389f889f14989d00fa24189004189580441894808418950 0c5bc3".replace(" ", ""))
_IA32_ARCH_CAPABILITIES = 0x10A


def read(fs: HostFs) -> Registers:
    """All basic and extended leaves; empty on a machine without CPUID or when it can't be asked."""
    call = _device(fs) or (_instruction() if str(fs.root) == "/" else None)
    if call is None:
        return {}
    found: Registers = {}
    for base in (0, _EXTENDED):
        last = call(base, 0)[0]
        for leaf in range(base, min(last, base + 0xFF) + 1):
            for sub, values in _subleaves(call, leaf).items():
                found.update({(leaf, sub, n): v for n, v in zip(_NAMES, values, strict=True)})
    return found


def _subleaves(call: Callable[[int, int], Leaf], leaf: int) -> dict[int, Leaf]:
    """The sub-leaves that features live in (7 and 0xd have them, 0x14 as well)."""
    first = call(leaf, 0)
    found = {0: first}
    if leaf in (0x7, 0x14):
        last = min(first[0], _MAX_SUBLEAVES)
        found.update({sub: call(leaf, sub) for sub in range(1, last + 1)})
    elif leaf == 0xD:
        found[1] = call(leaf, 1)
    elif leaf in (0xF, 0x10):
        resources = first[3] if leaf == 0xF else first[1]
        found.update({sub: call(leaf, sub) for sub in range(1, 32) if resources & 1 << sub})
    elif leaf == 0x12:
        found[1] = call(leaf, 1)
    return found


def _device(fs: HostFs) -> Callable[[int, int], Leaf] | None:
    try:
        fd = os.open(fs.path("dev/cpu/0/cpuid"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None

    def call(leaf: int, sub: int) -> Leaf:
        raw = os.pread(fd, 16, leaf | sub << 32)
        return _leaf(raw)

    try:
        call(0, 0)
    except OSError:
        os.close(fd)
        return None
    return _Closing(fd, call)


class _Closing:
    """A callable that closes its descriptor with itself."""

    def __init__(self, fd: int, call: Callable[[int, int], Leaf]) -> None:
        self._fd = fd
        self._call = call

    def __call__(self, leaf: int, sub: int) -> Leaf:
        return self._call(leaf, sub)

    def __del__(self) -> None:
        os.close(self._fd)


def _instruction() -> Callable[[int, int], Leaf] | None:
    if platform.machine() != "x86_64":
        return None
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:  # a hardened kernel allows no writable code
        return None
    page.write(_CODE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    function = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)(address)

    def call(leaf: int, sub: int) -> Leaf:
        out = (ctypes.c_uint32 * 4)()
        function(leaf, sub, ctypes.addressof(out))
        return _leaf(bytes(out)) if page else (0, 0, 0, 0)

    return call


def _leaf(raw: bytes) -> Leaf:
    a, b, c, d = (int.from_bytes(raw[i : i + 4], "little") for i in (0, 4, 8, 12))
    return a, b, c, d


def arch_capabilities(fs: HostFs) -> Registers:
    """The IA32_ARCH_CAPABILITIES MSR, which says what the CPU is immune to; empty when it can't be
    read (not root, or no such MSR)."""
    try:
        fd = os.open(fs.path("dev/cpu/0/msr"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return {}
    try:
        value = int.from_bytes(os.pread(fd, 8, _IA32_ARCH_CAPABILITIES), "little")
    except OSError:
        return {}
    finally:
        os.close(fd)
    return {
        (_IA32_ARCH_CAPABILITIES, -1, "eax"): value & 0xFFFFFFFF,
        (_IA32_ARCH_CAPABILITIES, -1, "edx"): value >> 32,
    }
