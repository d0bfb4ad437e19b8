# SPDX-License-Identifier: Apache-2.0
"""Performance counters of a domain's process (qemu_driver.c)."""

from typing import Final

from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.perf import EVENTS
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.ops.change import CONFIG, LIVE, change, one
from nova_pyvirt.hypervisors.qemu.params import validate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import PerfEvent
from nova_pyvirt.util.typed import Params

STRING_OKAY: Final = 4


def get_perf_events(state: QemuState, dom: DomainRef, flags: int) -> Params:
    """qemuDomainGetPerfEvents: is each counter on?"""
    check_flags(flags, LIVE | CONFIG | STRING_OKAY, "qemuDomainGetPerfEvents")
    vm = state.domains.find(dom)
    with job(vm, Job.QUERY, "virDomainGetPerfEvents"), vm.lock:
        definition, live = one(vm, flags)
        if live:
            return {name: vm.private.perf.enabled(name) for name in EVENTS}
        on = {event.name for event in definition.perf_events if event.enabled}
        return {name: name in on for name in EVENTS}


def set_perf_events(state: QemuState, dom: DomainRef, params: Params, flags: int) -> None:
    """qemuDomainSetPerfEvents.

    :raises libvirtError: ARGUMENT_UNSUPPORTED; SYSTEM_ERROR when the kernel doesn't count that
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainSetPerfEvents")
    validate(params, dict.fromkeys(EVENTS, bool))
    with change(state, dom, flags, "virDomainSetPerfEvents") as made:
        for name, value in params.items():
            if made.live is not None:
                private = made.vm.private
                if value:
                    private.perf.enable(name, private.pid)
                else:
                    private.perf.disable(name)
                with made.vm.lock:
                    _store(made.live, name, bool(value))
            if made.config is not None:
                _store(made.config, name, bool(value))


def _store(definition: Domain, name: str, on: bool) -> None:
    for event in definition.perf_events:
        if event.name == name:
            event.enabled = on
            return
    order = list(EVENTS)
    definition.perf_events.append(PerfEvent(name=name, enabled=on))
    definition.perf_events.sort(key=lambda event: order.index(event.name))
