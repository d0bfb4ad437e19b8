# SPDX-License-Identifier: Apache-2.0
"""I/O threads."""

from typing import Final

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import From
from nova_pyvirt.hypervisors.test.domains.pinning import from_map, to_map, tune
from nova_pyvirt.hypervisors.test.slots import CONFIG, LIVE, Base, bad_argument, slot
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import IOThread, Pin
from nova_pyvirt.util.typed import Params

#: polling of a thread that nobody set
POLLING: Final = {"poll_max_ns": 32768, "poll_grow": 0, "poll_shrink": 0}


class IOThreadSlots(Base):
    """Without pinning they are on as many host CPUs as there are vCPUs."""

    @slot("testDomainGetIOThreadInfo", LIVE | CONFIG)
    def domain_get_io_thread_info(self, dom: DomainRef, flags: int) -> list[tuple[int, bytes]]:
        made, cpus = self.one(dom, flags), self.world.node.maximum
        pins = {p.iothread: p.cpuset for p in made.cputune.iothreadpins} if made.cputune else {}
        return [
            (one.id, to_map(known, cpus) if known else to_map(None, made.vcpu_count))
            for one in made.iothread_ids
            for known in [pins.get(one.id) or made.vcpu_cpuset]
        ]

    @slot("testDomainAddIOThread", LIVE | CONFIG)
    def domain_add_io_thread(self, dom: DomainRef, number: int, flags: int) -> None:
        vm = self.vm(dom)
        if number == 0:
            raise bad_argument("invalid value of 0 for iothread_id")
        made = self.one(dom, flags)
        if any(one.id == number for one in made.iothread_ids):
            detail = f"an IOThread is already using iothread_id '{number}'"
            raise bad_argument(detail, From.DOMAIN)
        made.iothread_ids.append(IOThread(id=number))
        made.iothreads = len(made.iothread_ids)
        if made is vm.definition and vm.active:
            vm.private.iothreads[number] = dict(POLLING)

    @slot("testDomainDelIOThread", LIVE | CONFIG)
    def domain_del_io_thread(self, dom: DomainRef, number: int, flags: int) -> None:
        vm = self.vm(dom)
        if number == 0:
            raise bad_argument("invalid value of 0 for iothread_id")
        made = self.one(dom, flags)
        found = _find(made, number)
        for disk in made.devices.disks:
            if disk.iothread == number:
                detail = f"cannot remove IOThread {number} since it is being used by disk"
                raise bad_argument(f"{detail} '{disk.target}'", From.DOMAIN)
        made.iothread_ids.remove(found)
        made.iothreads = len(made.iothread_ids) or None
        if made.cputune is not None:
            pins = made.cputune.iothreadpins
            pins[:] = [pin for pin in pins if pin.iothread != number]
        if made is vm.definition:
            vm.private.iothreads.pop(number, None)

    @slot("testDomainPinIOThread", LIVE | CONFIG)
    def domain_pin_io_thread(self, dom: DomainRef, number: int, cpumap: bytes, flags: int) -> None:
        made = self.one(dom, flags)
        if not any(one.id == number for one in made.iothread_ids):
            raise bad_argument(f"iothreadid {number} not found")
        pins = tune(made).iothreadpins
        pins[:] = [pin for pin in pins if pin.iothread != number]
        pins.append(Pin(iothread=number, cpuset=from_map(cpumap)))

    @slot("testDomainSetIOThreadParams", LIVE | CONFIG)
    def domain_set_io_thread_params(
        self, dom: DomainRef, number: int, params: Params, flags: int
    ) -> None:
        if number == 0:
            raise bad_argument("invalid value of 0 for iothread_id")
        vm = self.vm(dom)
        made = self.one(dom, flags)
        if made is not vm.definition or not vm.active:
            return
        _find(made, number)
        for name, value in params.items():
            if name not in POLLING:
                raise bad_argument(f"parameter '{name}' not supported", From.NONE)
            vm.private.iothreads.setdefault(number, dict(POLLING))[name] = value


def _find(made: Domain, number: int) -> IOThread:
    for one in made.iothread_ids:
        if one.id == number:
            found: IOThread = one
            return found
    detail = f"cannot find IOThread '{number}' in iothreadids list"
    raise bad_argument(detail, From.DOMAIN)
