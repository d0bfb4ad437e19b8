# SPDX-License-Identifier: Apache-2.0
"""What /dev/kvm tells about the host (linux/kvm.h)."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from nova_pyvirt.core.host.sysfs import HostFs
from nova_pyvirt.errors import system_error
from nova_pyvirt.util.native import os

_CREATE_VM = 0xAE01
_CHECK_EXTENSION = 0xAE03
_CREATE_VCPU = 0xAE41
_GET_TSC_KHZ = 0xAEA3
_CAP_NR_VCPUS = 9
_CAP_TSC_CONTROL = 60
_CAP_MAX_VCPUS = 66
#: what the kernel's documentation says when it does not tell
_DEFAULT_VCPUS = 4


@contextmanager
def _closing(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


def _open(fs: HostFs) -> int:
    return os.open(fs.path("dev/kvm"), os.O_RDONLY | os.O_CLOEXEC)


def max_vcpus(fs: HostFs) -> int:
    """The most virtual CPUs a KVM guest can have.

    :raises libvirtError: SYSTEM_ERROR when /dev/kvm can't be opened
    """
    try:
        fd = _open(fs)
    except OSError as exc:
        raise system_error(exc.errno or 0, "Unable to open /dev/kvm") from exc
    with _closing(fd):
        for capability in (_CAP_MAX_VCPUS, _CAP_NR_VCPUS):
            try:
                found = int(fcntl.ioctl(fd, _CHECK_EXTENSION, capability))
            except OSError:
                continue
            if found > 0:
                return found
    return _DEFAULT_VCPUS


def tsc(fs: HostFs) -> tuple[int, str] | None:
    """The time stamp counter's frequency in Hz, and whether guests can have another (yes or no)."""
    try:
        with (
            _closing(_open(fs)) as kvm,
            _closing(fcntl.ioctl(kvm, _CREATE_VM, 0)) as machine,
            _closing(fcntl.ioctl(machine, _CREATE_VCPU, 0)) as vcpu,
        ):
            khz = int(fcntl.ioctl(vcpu, _GET_TSC_KHZ, 0))
            scaling = fcntl.ioctl(kvm, _CHECK_EXTENSION, _CAP_TSC_CONTROL)
    except OSError:
        return None
    return khz * 1000, "yes" if scaling else "no"
