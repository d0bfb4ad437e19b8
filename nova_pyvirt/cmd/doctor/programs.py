# SPDX-License-Identifier: Apache-2.0
"""Programs: QEMU, what nova and guests may need beside it, Python packages, nova itself."""

import re
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Final

from nova_pyvirt.cmd.doctor.finding import FAIL, OK, WARN, Finding, Host, output
from nova_pyvirt.util.native import os

#: nova 34's MIN_QEMU_VERSION
_MIN_QEMU: Final = (6, 2, 0)
_PYTHON: Final = (3, 11)
#: releases of nova that the driver is tested with
_NOVA: Final = (31, 34)
#: name: (programs any of which will do, what is missing without them, packages)
_TOOLS: Final = {
    "config drives": (("genisoimage", "mkisofs"), "nova cannot make config drives", "genisoimage"),
    "vTPM": (("swtpm",), "guests with a TPM cannot start", "swtpm, swtpm-tools"),
    "shared file systems": (
        ("virtiofsd", "/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"),
        "guests with virtiofs cannot start",
        "virtiofsd",
    ),
}
_FIRMWARE: Final = ("/usr/share/qemu/firmware", "/etc/qemu/firmware")


def qemu(host: Host) -> Iterator[Finding]:
    """The host's own emulator and its version; qemu-img."""
    name = f"qemu-system-{os.uname().machine}"
    path = shutil.which(name) or shutil.which("qemu-kvm", path="/usr/libexec:/usr/bin")
    if path is None:
        yield Finding("QEMU", FAIL, f"{name} not found", f"install the package with {name}")
    else:
        yield _version(path, output(path, "--version"))
    image = shutil.which("qemu-img")
    advice = "" if image else "install qemu-utils (qemu-img)"
    yield Finding("qemu-img", OK if image else FAIL, image or "not found", advice)


def _version(path: str, said: str | None) -> Finding:
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", said or "")
    if found is None:
        text = "run it by hand: a library is missing, or it is no QEMU"
        return Finding("QEMU", FAIL, f"{path} --version fails", text)
    version = tuple(int(part) for part in found.groups())
    detail = f"{path} {'.'.join(found.groups())}"
    if version < _MIN_QEMU:
        wanted = ".".join(str(part) for part in _MIN_QEMU)
        return Finding("QEMU", FAIL, detail, f"nova wants {wanted} or newer: upgrade QEMU")
    return Finding("QEMU", OK, detail)


def tools(host: Host) -> Iterator[Finding]:
    """What only some guests need: a warning when it is missing."""
    for check, (names, missing, package) in _TOOLS.items():
        found = next((path for path in map(shutil.which, names) if path), None)
        if found:
            yield Finding(check, OK, found)
        else:
            detail = f"{' or '.join(names[:2])} not found: {missing}"
            yield Finding(check, WARN, detail, f"install {package} if guests need it")
    if any(os.path.isdir(path) and os.listdir(path) for path in _FIRMWARE):
        yield Finding("UEFI", OK, "firmware descriptions found")
    else:
        text = "install ovmf if guests need it"
        yield Finding("UEFI", WARN, "no firmware: UEFI guests cannot start", text)


def python(host: Host) -> Iterator[Finding]:
    """The interpreter and the packages that the core is made of."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    fine = sys.version_info[:2] >= _PYTHON
    wanted = ".".join(str(part) for part in _PYTHON)
    yield Finding(
        "Python", OK if fine else FAIL, version, "" if fine else f"{wanted} or newer is needed"
    )
    missing = [name for name in ("lxml", "qemu.qmp", "oslo.config") if _installed(name) is None]
    if missing:
        yield Finding("packages", FAIL, f"missing: {', '.join(missing)}", "pip install nova-pyvirt")


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def nova(host: Host) -> Iterator[Finding]:
    """nova's release, and whether it will find the driver."""
    version = _installed("nova")
    if version is None:
        yield Finding(
            "nova", WARN, "not in this Python environment", "needed only on hosts of nova-compute"
        )
        return
    yield _nova_version(version)
    plugins = metadata.entry_points(group="os_vif", name="pyvirt")
    if plugins:
        yield Finding("compute_driver", OK, "pyvirt.PyVirtDriver is found by nova-compute")
    else:
        text = "pip install nova-pyvirt into nova's environment, or start nova-compute-pyvirt"
        yield Finding("compute_driver", FAIL, "this package's entry points are missing", text)


def _nova_version(version: str) -> Finding:
    major = int(re.match(r"\d*", version).group() or 0)  # type: ignore[union-attr]
    if major < _NOVA[0]:
        return Finding("nova", FAIL, version, f"nova {_NOVA[0]} or newer is needed")
    if major > _NOVA[1]:
        text = f"newer than what was tested ({_NOVA[1]}): look for a newer nova-pyvirt"
        return Finding("nova", WARN, version, text)
    return Finding("nova", OK, version)
