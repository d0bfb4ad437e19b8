# SPDX-License-Identifier: Apache-2.0
"""What a probe's result depends on: when any of it changes, the result is stale.

The same facts as libvirt's virQEMUCapsIsValid: the binary, QEMU's module directory, our own code,
access to /dev/kvm, and with KVM the host CPU, its microcode, the kernel and its KVM settings.
"""

from functools import cache
from pathlib import Path
from typing import Any

from nova_pyvirt.util.native import os

#: where Debian, Fedora and upstream builds keep QEMU's loadable modules
_MODULE_DIRS = (
    "usr/lib/x86_64-linux-gnu/qemu",
    "usr/lib64/qemu",
    "usr/lib/qemu",
    "usr/local/lib/qemu",
)
#: kernel modules whose `nested` parameter says whether guests may run guests
_KVM_MODULES = ("kvm_intel", "kvm_amd", "kvm_hv", "kvm")
#: /proc/cpuinfo's lines that tell one CPU from another
_CPU_KEYS = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")


@cache
def own_code() -> int:
    """When the code that probes last changed (ns)."""
    here = Path(__file__).parent
    return max(os.stat(path).st_ctime_ns for path in here.glob("*.py"))


def _read(path: Path) -> str:
    """A small file's text without white space at the ends; empty when it can't be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


class HostStamp:
    """The host's part; what can't change while it is up is read once.

    :param root: the file system to read, another one in tests
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        uts = os.uname()
        self._fixed: dict[str, Any] = {
            "code": own_code(),
            "kernel": f"{uts.release} {uts.version}",
            "cpu": self._cpu(),
        }

    def of(self, binary: str) -> dict[str, Any]:
        """The stamp of `binary` now.

        :raises OSError: the binary can't be examined
        """
        found = os.stat(binary)
        return {
            **self._fixed,
            "binary": [found.st_ctime_ns, found.st_ino, found.st_size],
            "modules": self._modules(),
            "kvm": self._kvm_usable(),
            "microcode": _read(self._root / "sys/devices/system/cpu/cpu0/microcode/version"),
            "nested": self._nested(),
            "sev": self._sev(),
        }

    def _cpu(self) -> list[str]:
        first, _, _ = _read(self._root / "proc/cpuinfo").partition("\n\n")
        lines = (line.partition(":") for line in first.splitlines())
        return [value.strip() for key, _, value in lines if key.strip() in _CPU_KEYS]

    def _modules(self) -> list[int]:
        times = []
        for name in _MODULE_DIRS:
            try:
                times.append(os.stat(self._root / name).st_mtime_ns)
            except OSError:
                continue
        return times

    def _kvm_usable(self) -> bool:
        return os.access(self._root / "dev/kvm", os.R_OK | os.W_OK)

    def _nested(self) -> bool:
        for module in _KVM_MODULES:
            value = _read(self._root / f"sys/module/{module}/parameters/nested")
            if value:
                return value[0] in "Yy1"
        return False

    def _sev(self) -> bool:
        value = _read(self._root / "sys/module/kvm_amd/parameters/sev")
        return value[:1] in ("1", "Y", "y") and os.path.exists(self._root / "dev/sev")
