# SPDX-License-Identifier: Apache-2.0
"""Changing the host's memory: pools of huge pages, page merging (virhostmem.c, virnuma.c)."""

from collections.abc import Sequence

from nova_pyvirt.core.host import memory
from nova_pyvirt.core.host.sysfs import HostFs
from nova_pyvirt.errors import Code, From, check_flags, error, system_error
from nova_pyvirt.util.typed import Params, UInt

#: VIR_NODE_ALLOC_PAGES_SET: the counts are the pools' new sizes, not what is added
SET = 1
#: what virNodeSetMemoryParameters takes
PARAMETERS = {
    name: UInt for name in ("shm_pages_to_scan", "shm_sleep_millisecs", "shm_merge_across_nodes")
}


def allocate(
    fs: HostFs,
    sizes: Sequence[int],
    counts: Sequence[int],
    start: int,
    cells: int,
    flags: int = 0,
) -> int:
    """virNodeAllocPages: pages more, or in all, of each size on each node from `start` on.

    :param sizes: KiB
    :returns: how many pools were looked after
    :raises libvirtError: OPERATION_FAILED for a size or node that there is not, and when the kernel
        gives fewer; OPERATION_UNSUPPORTED for ordinary pages; SYSTEM_ERROR
    """
    check_flags(flags, SET, "qemuNodeAllocPages", domain=From.QEMU)
    last = memory.max_node(fs)
    if not memory.nodes(fs) and (start, cells) == (0, 1):
        start = memory.ALL_CELLS
    memory.check_start(start, last)
    done = 0
    for node in range(start, min(last, start + cells - 1) + 1):
        for size, count in zip(sizes, counts, strict=True):
            _resize(fs, node, size, count, add=not flags & SET)
            done += 1
    return done


def _resize(fs: HostFs, node: int, size: int, count: int, *, add: bool) -> None:
    if size == memory.page_size():
        detail = "system pages pool can't be modified"
        raise error(Code.OPERATION_UNSUPPORTED, detail, domain=From.NONE)
    name = f"{memory.pool(fs, node, size)}/nr_hugepages"
    have = fs.number(name) or 0
    wanted = have + count if add else count
    if wanted == have:
        return
    try:
        fs.write(name, str(wanted))
    except OSError as exc:
        raise system_error(exc.errno or 0, f"Unable to write to: /{name}") from exc
    got = fs.number(name) or 0
    if got != wanted:
        detail = f"Unable to allocate {wanted} pages. Allocated only {got}"
        raise error(Code.OPERATION_FAILED, detail, domain=From.NONE)


def set_parameters(fs: HostFs, params: Params, flags: int = 0) -> None:
    """virNodeSetMemoryParameters: how the kernel merges equal pages.

    :param params: of PARAMETERS, as validate() has let through
    :raises libvirtError: OPERATION_INVALID when the kernel does not know one; SYSTEM_ERROR
    """
    check_flags(flags, 0, "virHostMemSetParameters")
    files = {name: memory.merging(name) for name in params}
    for name, file in files.items():
        if not fs.exists(file):
            detail = f"Parameter '{name}' is not supported by this kernel"
            raise error(Code.OPERATION_INVALID, detail, domain=From.NONE)
    for name, file in files.items():
        try:
            fs.write(file, str(params[name]))
        except OSError as exc:
            raise system_error(exc.errno or 0, f"failed to set {name}") from exc
