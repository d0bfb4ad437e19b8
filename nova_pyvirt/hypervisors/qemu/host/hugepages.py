# SPDX-License-Identifier: Apache-2.0
"""Where huge pages can be had: hugetlbfs mounts and the kernel's usual size."""

import re

from nova_pyvirt.core.host import HostFs
from nova_pyvirt.model.kinds import to_kib

_SIZE = re.compile(r"pagesize=(\d+)([KMGT]?)")
_DEFAULT = re.compile(r"^Hugepagesize:\s+(\d+) kB", re.MULTILINE)


def mounts(fs: HostFs) -> dict[int, str]:
    """Mount points by KiB of their pages; the first of each size."""
    found: dict[int, str] = {}
    try:
        text = fs.path("proc/mounts").read_text()
    except OSError:
        return found
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 4 or fields[2] != "hugetlbfs":
            continue
        match = _SIZE.search(fields[3])
        size = to_kib(int(match[1]), match[2] or "b") if match else default_size(fs)
        found.setdefault(size, fields[1])
    return found


def default_size(fs: HostFs) -> int:
    """KiB of the kernel's usual huge pages."""
    try:
        match = _DEFAULT.search(fs.path("proc/meminfo").read_text())
    except OSError:
        match = None
    return int(match[1]) if match else 2048
