# SPDX-License-Identifier: Apache-2.0
"""Virtual processors, I/O threads and where they run."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model import cpuset
from nova_pyvirt.model.cpu import NumaCell
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import VCPU, IOThread, NumaTune, Sched


def _unsupported(detail: str) -> errors.libvirtError:
    return errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.QEMU)


def _refused(code: Code, detail: str) -> errors.libvirtError:
    return errors.error(code, detail, domain=From.DOMAIN)


def complete(domain: Domain) -> None:
    """Counts, the state of each vCPU, ids of I/O threads, placement.

    :raises libvirtError: XML_ERROR, INTERNAL_ERROR, CONFIG_UNSUPPORTED
    """
    _counts(domain)
    _placement(domain)
    if domain.vcpus:
        _each(domain)
    _iothreads(domain)
    _pins(domain)
    if domain.cputune is not None:
        _schedules(domain)


def fill_cells(domain: Domain) -> None:
    """vCPUs that no NUMA cell has belong to the first."""
    cells = domain.cpu.cells if domain.cpu is not None else []
    if not cells:
        return
    taken: set[int] = set()
    for cell in cells[1:]:
        taken.update(cpuset.parse(cell.cpus) if cell.cpus else ())
    first = cpuset.parse(cells[0].cpus) if cells[0].cpus else []
    if len(taken) + len(first) < domain.vcpu_max:
        cells[0].cpus = cpuset.text(n for n in range(domain.vcpu_max) if n not in taken)


def _counts(domain: Domain) -> None:
    if domain.vcpu_max is None:
        domain.vcpu_max = 1
    if domain.vcpu_current == 0:
        raise _unsupported("vcpu 0 can't be offline")
    cells = domain.cpu.cells if domain.cpu is not None else []
    _no_overlap(cells)
    if domain.vcpu_max == 0:
        raise _refused(Code.INTERNAL_ERROR, "CPU IDs in <numa> exceed the <vcpu> count")
    given = [cpuset.parse(cell.cpus) for cell in cells if cell.cpus]
    if sum(len(numbers) for numbers in given) > domain.vcpu_max:
        raise _refused(Code.INTERNAL_ERROR, "Number of CPUs in <numa> exceeds the <vcpu> count")
    if any(numbers[-1] >= domain.vcpu_max for numbers in given):
        raise _refused(Code.INTERNAL_ERROR, "CPU IDs in <numa> exceed the <vcpu> count")
    if domain.vcpu_current is not None:
        if domain.vcpu_current > domain.vcpu_max:
            detail = "maximum vCPU count must not be less than current vCPU count"
            raise _refused(Code.CONFIG_UNSUPPORTED, detail)
        if domain.vcpu_current == domain.vcpu_max:
            domain.vcpu_current = None


def _no_overlap(cells: list[NumaCell]) -> None:
    """Of the cells as they are written: before anything is counted."""
    seen: dict[int, int] = {}
    for cell in cells:
        for number in cpuset.parse(cell.cpus) if cell.cpus else []:
            if number in seen:
                detail = f"NUMA cells {cell.id} and {seen[number]} have overlapping vCPU ids"
                raise _refused(Code.CONFIG_UNSUPPORTED, detail)
            seen[number] = cell.id


def _placement(domain: Domain) -> None:
    tune = domain.numatune
    pins = domain.cputune
    pinned = pins is not None and (pins.vcpupins or pins.emulator_cpuset or pins.iothreadpins)
    if tune is not None and tune.placement == "auto" and not domain.vcpu_cpuset and not pinned:
        domain.vcpu_placement = "auto"
    domain.vcpu_placement = domain.vcpu_placement or "static"
    if domain.vcpu_placement == "auto":
        domain.vcpu_cpuset = None
        if tune is None:
            tune = domain.numatune = NumaTune()
        if tune.mode is None or (tune.placement is None and tune.nodeset is None):
            tune.mode, tune.placement = tune.mode or "strict", "auto"


def _each(domain: Domain) -> None:
    """<vcpus>: every vCPU gets a line; the count follows from them."""
    given: dict[int, VCPU] = {}
    for vcpu in domain.vcpus:
        if vcpu.id is None or vcpu.id >= domain.vcpu_max:
            raise _refused(
                Code.XML_ERROR, f"vcpu id '{vcpu.id}' is out of range of maximum vcpu count"
            )
        given[vcpu.id] = vcpu
    current = domain.vcpu_current or domain.vcpu_max
    domain.vcpus = [
        given.get(number) or VCPU(id=number, enabled=number < current)
        for number in range(domain.vcpu_max)
    ]
    for vcpu in domain.vcpus:
        vcpu.enabled = vcpu.enabled is not False
        if vcpu.hotpluggable is None:
            vcpu.hotpluggable = not vcpu.enabled
        if not vcpu.hotpluggable and not vcpu.enabled:
            raise _refused(Code.XML_ERROR, f"vcpu '{vcpu.id}' is both offline and not hotpluggable")
    online = sum(vcpu.enabled for vcpu in domain.vcpus)
    domain.vcpu_current = None if online == domain.vcpu_max else online
    _check_order(domain.vcpus)


def _check_order(vcpus: list[VCPU]) -> None:
    first = vcpus[0]
    if not first.enabled:
        raise _unsupported("vcpu 0 can't be offline")
    if first.hotpluggable:
        raise _unsupported("vcpu0 can't be hotpluggable")
    if first.order not in (None, 0, 1):
        raise _unsupported("vcpu0 must be enabled first")
    before = first
    for vcpu in vcpus[1:]:
        if vcpu.enabled and bool(vcpu.order) != bool(first.order):
            raise _unsupported("all vcpus must have either set or unset order")
        if not vcpu.hotpluggable:
            if before.hotpluggable:
                raise _unsupported(
                    "online non-hotpluggable vcpus need to be ordered prior to hotplugable vcpus",
                )
            if (before.order or 0) > (vcpu.order or 0):
                raise _unsupported(
                    "online non-hotpluggable vcpus must be ordered in ascending order",
                )
        before = vcpu


def _iothreads(domain: Domain) -> None:
    """<iothreads> and <iothreadids> agree: missing ids are made up."""
    seen: set[int] = set()
    for thread in domain.iothread_ids:
        if thread.id in seen:
            raise _refused(Code.XML_ERROR, f"duplicate iothread id '{thread.id}' found")
        seen.add(thread.id)
    number = 1
    while len(domain.iothread_ids) < (domain.iothreads or 0):
        if number not in seen:
            thread = IOThread(id=number)
            thread.autofill = True
            domain.iothread_ids.append(thread)
        number += 1
    domain.iothreads = len(domain.iothread_ids) or None


def _pins(domain: Domain) -> None:
    tune = domain.cputune
    if tune is None:
        return
    # pins of processors that can't be there are dropped, as libvirt does
    tune.vcpupins = [pin for pin in tune.vcpupins if pin.vcpu < domain.vcpu_max]
    ids = {thread.id for thread in domain.iothread_ids}
    for pin in tune.iothreadpins:
        if pin.iothread not in ids:
            detail = f"Cannot find 'iothread' : {pin.iothread}"
            raise _refused(Code.CONFIG_UNSUPPORTED, detail)


def _schedules(domain: Domain) -> None:
    """One line a thread, as libvirt shows them.

    :raises libvirtError: XML_DETAIL when a thread is named twice, CONFIG_UNSUPPORTED for a vCPU
        that there isn't
    """
    tune = domain.cputune
    for sched in tune.vcpuscheds:
        last = cpuset.parse(sched.vcpus)[-1]
        if last >= domain.vcpu_max:
            detail = f"vCPU '{last}' is not present in domain definition"
            raise _refused(Code.CONFIG_UNSUPPORTED, detail)
    ids = {thread.id for thread in domain.iothread_ids}
    tune.vcpuscheds = _single(tune.vcpuscheds, "vcpus", set(range(domain.vcpu_max)))
    tune.iothreadscheds = _single(tune.iothreadscheds, "iothreads", ids)


def _single(items: list[Sched], name: str, there: set[int]) -> list[Sched]:
    found: dict[int, Sched] = {}
    for item in items:
        given = getattr(item, name)
        for number in cpuset.parse(given):
            if number in found:
                detail = f"'{name[:-1]}sched' attributes '{name}' must not overlap"
                raise _refused(Code.XML_DETAIL, detail)
            if name == "iothreads" and number not in there:
                detail = f"Cannot find 'iothread' : {number}"
                raise _refused(Code.CONFIG_UNSUPPORTED, detail)
            if number in there:
                single = found[number] = item.copy()
                setattr(single, name, str(number))
    return [found[number] for number in sorted(found)]
