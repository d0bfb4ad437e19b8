# SPDX-License-Identifier: Apache-2.0
"""What a host needs to run guests: each check says what is wrong and what to do."""

import grp
import shutil
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import NamedTuple

from nova_pyvirt import conf
from nova_pyvirt.util.native import os

OK, WARN, FAIL = "ok", "warning", "FAIL"


class Finding(NamedTuple):
    """One line of the doctor's report."""

    check: str
    status: str
    detail: str
    advice: str = ""


def _emulators() -> Iterator[Finding]:
    machine = os.uname().machine
    name = f"qemu-system-{machine}"
    path = shutil.which(name) or shutil.which("qemu-kvm", path="/usr/libexec:/usr/bin")
    if path is None:
        yield Finding("QEMU", FAIL, f"{name} not found", f"install the package with {name}")
    else:
        yield Finding("QEMU", OK, path)
    image = shutil.which("qemu-img")
    advice = "" if image else "install qemu-utils"
    yield Finding("qemu-img", OK if image else FAIL, image or "not found", advice)


def _kvm() -> Iterator[Finding]:
    device = "/dev/kvm"
    if not os.path.exists(device):
        text = "enable virtualization in the firmware, load kvm_intel or kvm_amd"
        yield Finding("KVM", WARN, "no /dev/kvm: guests are emulated, slowly", text)
    elif not os.access(device, os.R_OK | os.W_OK):
        group = grp.getgrgid(os.stat(device).st_gid).gr_name
        text = f"run as root or join group {group}"
        yield Finding("KVM", FAIL, f"no permission for {device}", text)
    else:
        yield Finding("KVM", OK, device)


def _cgroups() -> Iterator[Finding]:
    root = "/sys/fs/cgroup"
    controllers = f"{root}/cgroup.controllers"
    if os.path.exists(controllers):
        with os.fdopen(os.open(controllers, os.O_RDONLY | os.O_CLOEXEC)) as file:
            names = file.read().split()
        missing = sorted({"cpu", "memory", "io", "cpuset"} - set(names))
        text = f"no {', '.join(missing)}" if missing else "version 2"
        advice = "limits of these kinds cannot be set" if missing else ""
        yield Finding("control groups", WARN if missing else OK, text, advice)
    elif os.path.isdir(f"{root}/memory"):
        yield Finding("control groups", OK, "version 1")
    else:
        yield Finding("control groups", WARN, "not mounted", "guests run without limits")


def _directories() -> Iterator[Finding]:
    conf.load()
    base = "libvirt" if conf.paths_profile() == "libvirt" else "nova-pyvirt"
    for parent in ("/etc", "/run", "/var/lib", "/var/log", "/var/cache"):
        path = f"{parent}/{base}"
        there = path if os.path.isdir(path) else parent
        writable = os.access(there, os.W_OK)
        advice = "" if writable else f"let this user write {path}, or run as root"
        yield Finding(path, OK if writable else FAIL, "writable" if writable else "not", advice)


def _sockets() -> Iterator[Finding]:
    for name in ("libvirt-sock", "virtqemud-sock"):
        path = f"/run/libvirt/{name}"
        if os.path.exists(path):
            text = "libvirtd and nova-pyvirt must not manage the same directories"
            yield Finding(path, WARN, "another daemon's socket is there", text)


def _nova() -> Iterator[Finding]:
    try:
        version = metadata.version("nova")
    except metadata.PackageNotFoundError:
        yield Finding("nova", WARN, "not installed here", "needed only for nova-compute")
        return
    yield Finding("nova", OK, version)


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _emulators,
    _kvm,
    _cgroups,
    _directories,
    _sockets,
    _nova,
)


def examine() -> list[Finding]:
    """All findings, in order."""
    return [finding for check in CHECKS for finding in check()]
