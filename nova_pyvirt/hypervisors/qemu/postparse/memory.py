# SPDX-License-Identifier: Apache-2.0
"""Sizes of memory: totals, NUMA cells, modules, and their rounding at start. All in KiB."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.domain import Domain

#: QEMU wants whole MiB
_ALIGNMENT: Final = 1024
#: memory modules want twice that
_MODULE_ALIGNMENT: Final = 2048
#: the largest size that can be told in bytes
_LARGEST: Final = ((1 << 63) - 1) >> 10


def _refused(detail: str, code: Code = Code.XML_ERROR) -> errors.libvirtError:
    return errors.error(code, detail, domain=From.DOMAIN)


def _modules(domain: Domain) -> list[object]:
    return getattr(domain.devices, "memories", None) or []


def hotplug_memory(domain: Domain) -> int:
    """What memory modules add."""
    return sum(int(getattr(module, "size", 0) or 0) for module in _modules(domain))


def initial_memory(domain: Domain) -> int:
    """What the guest has without its modules."""
    return int(domain.memory) - hotplug_memory(domain)


def complete(domain: Domain) -> None:
    """Total, balloon and limits (virDomainDefPostParseMemory).

    :raises libvirtError: XML_ERROR when they contradict each other
    """
    modules = hotplug_memory(domain)
    cells = sum(cell.memory for cell in domain.cpu.cells) if domain.cpu is not None else 0
    if cells:
        domain.memory = cells + modules
    domain.memory = domain.memory or 0
    if modules > domain.memory:
        raise _refused("Total size of memory devices exceeds the total memory size")
    if domain.memory == modules:
        raise _refused("Memory size must be specified via <memory> or in the <numa> configuration")
    if not domain.current_memory or domain.current_memory > domain.memory:
        domain.current_memory = domain.memory
    if bool(domain.max_memory) != bool(domain.max_memory_slots):
        raise _refused("both maximum memory size and memory slot count must be specified")
    if not domain.max_memory:
        domain.max_memory = domain.max_memory_slots = None
    elif domain.max_memory < domain.memory:
        raise _refused("maximum memory size must be equal or greater than the actual memory size")


def align(domain: Domain) -> None:
    """Rounds every size up to what QEMU takes (qemuDomainAlignMemorySizes).

    :raises libvirtError: CONFIG_UNSUPPORTED when nothing so large exists
    """
    cells = domain.cpu.cells if domain.cpu is not None else []
    for number, cell in enumerate(cells):
        cell.memory = _up(cell.memory, _ALIGNMENT)
        _check(cell.memory, f"memory size of NUMA node '{number}' overflowed after alignment")
    initial = sum(c.memory for c in cells) or _up(initial_memory(domain), _ALIGNMENT)
    _check(initial, "initial memory size overflowed after alignment")
    if domain.max_memory:
        domain.max_memory = _up(domain.max_memory, _ALIGNMENT)
        _check(domain.max_memory, "maximum memory size overflowed after alignment")
    for number, module in enumerate(_modules(domain)):
        size = _up(int(getattr(module, "size", 0) or 0), _MODULE_ALIGNMENT)
        _check(size, f"size of memory module '{number}' overflowed after alignment")
        module.size = size  # type: ignore[attr-defined]
    grown = initial + hotplug_memory(domain)
    if domain.current_memory == domain.memory:
        domain.current_memory = grown
    domain.memory = grown


def _up(size: int, to: int) -> int:
    return -(-size // to) * to


def _check(size: int, detail: str) -> None:
    if size > _LARGEST:
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.QEMU)
