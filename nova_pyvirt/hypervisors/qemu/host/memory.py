# SPDX-License-Identifier: Apache-2.0
"""Directories for memory that is a file (qemuProcessBuildDestroyMemoryPaths)."""

from collections.abc import Iterable

from nova_pyvirt.model.domain import Domain

#: KiB of an ordinary page
_PAGE = 4


def directories(
    domain: Domain, hugetlbfs: Iterable[str], memory_dir: str, short_name: str
) -> list[str]:
    """The run's own directories that its memory needs, none when it is anonymous.

    :param hugetlbfs: mount points of huge pages
    :param short_name: the run's name in directories
    """
    found = []
    if _huge(domain):
        found += [f"{mount}/libvirt/qemu/{short_name}" for mount in hugetlbfs]
    if _files(domain):
        found.append(f"{memory_dir}/{short_name}")
    return found


def _huge(domain: Domain) -> bool:
    backing = domain.memory_backing
    if backing is not None and backing.source == "memfd":
        return False
    if backing is not None and backing.hugepages:
        if not backing.pages or any(page.size != _PAGE for page in backing.pages):
            return True
    return any(item.page_size not in (None, 0, _PAGE) for item in domain.devices.memories)


def _files(domain: Domain) -> bool:
    backing = domain.memory_backing
    if backing is not None and (backing.source == "file" or backing.access):
        return True
    cells = domain.cpu.cells if domain.cpu is not None else []
    return any(cell.mem_access for cell in cells) or any(
        item.access not in (None, "default") for item in domain.devices.memories
    )
