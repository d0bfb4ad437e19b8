# SPDX-License-Identifier: Apache-2.0
"""Start, pause, end."""

from typing import Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import Life, Paused, Running, Shutoff, State
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test import definition
from nova_pyvirt.hypervisors.test.domains.define import DefineSlots
from nova_pyvirt.hypervisors.test.slots import slot

_VALIDATE: Final = 16
_GRACEFUL: Final = 1
_REBOOTS: Final = 0x1F
_BOOTED, _RESTORED = 0, 2
_STOPPED_SHUTDOWN, _STOPPED_DESTROYED = 0, 1


class LifecycleSlots(DefineSlots):
    """Running and not running."""

    @slot()
    def domain_create(self, dom: DomainRef) -> DomainRef:
        return self.domain_create_with_flags(dom, 0)

    @slot("testDomainCreateWithFlags")
    def domain_create_with_flags(self, dom: DomainRef, flags: int) -> DomainRef:
        vm = self.vm(dom)
        if vm.state is not State.SHUTOFF:
            detail = f"Domain '{dom.name}' is already running"
            raise error(Code.INTERNAL_ERROR, detail, domain=From.TEST)
        self.world.start(vm, Running.BOOTED)
        self.tell(vm.ref, Life.STARTED, _BOOTED)
        return vm.ref

    @slot("testDomainCreateWithFlags")
    def domain_create_with_files(self, dom: DomainRef, files: list[int], flags: int) -> DomainRef:
        return self.domain_create_with_flags(dom, flags)

    @slot("testDomainCreateXML", _VALIDATE)
    def domain_create_xml(self, xml: str, flags: int) -> DomainRef:
        return self.launch(xml, Running.BOOTED, _BOOTED)

    @slot("testDomainCreateXML", _VALIDATE)
    def domain_create_xml_with_files(self, xml: str, files: list[int], flags: int) -> DomainRef:
        return self.domain_create_xml(xml, flags)

    def launch(self, xml: str, reason: Running, detail: int) -> DomainRef:
        """Starts what a document describes: a transient domain, or one that is defined.

        :raises libvirtError: what add() and the document's checks say
        """
        made = definition.load(xml)
        vm = self.add(made, live=True)
        if vm.definition is not made:  # it is defined: this run alone has the new definition
            vm.new_definition, vm.definition = vm.definition, made
            kept = vm.new_definition
            self.world.start(vm, reason)
            vm.new_definition = kept
        else:
            self.world.start(vm, reason)
        self.tell(vm.ref, Life.STARTED, detail)
        return vm.ref

    def end(self, vm: DomainObj, reason: Shutoff, detail: int) -> None:
        """The guest has ended; STOPPED follows, and a transient domain is gone."""
        self.world.stop(vm, reason)
        self.tell(vm.ref, Life.STOPPED, detail)
        if not vm.persistent:
            self.world.domains.remove(vm)

    @slot()
    def domain_destroy(self, dom: DomainRef) -> None:
        self.domain_destroy_flags(dom, 0)

    @slot("testDomainDestroyFlags", _GRACEFUL)
    def domain_destroy_flags(self, dom: DomainRef, flags: int) -> None:
        self.end(self.active(dom), Shutoff.DESTROYED, _STOPPED_DESTROYED)

    @slot()
    def domain_shutdown(self, dom: DomainRef) -> None:
        self.domain_shutdown_flags(dom, 0)

    @slot("testDomainShutdownFlags")
    def domain_shutdown_flags(self, dom: DomainRef, flags: int) -> None:
        vm = self.vm(dom)
        if vm.state is State.SHUTOFF:
            raise _not(dom, "running")
        self._act(vm, vm.definition.on_poweroff)

    @slot("testDomainReboot", _REBOOTS)
    def domain_reboot(self, dom: DomainRef, flags: int) -> None:
        vm = self.active(dom)
        self._act(vm, vm.definition.on_reboot)

    def _act(self, vm: DomainObj, action: str | None) -> None:
        """The guest goes on, or not, as the definition says."""
        if action in ("restart", "rename-restart"):
            vm.set_state(State.RUNNING, Running.BOOTED)
        else:
            self.end(vm, Shutoff.SHUTDOWN, _STOPPED_SHUTDOWN)

    @slot("testDomainReset")
    def domain_reset(self, dom: DomainRef, flags: int) -> None:
        self.active(dom)

    @slot()
    def domain_suspend(self, dom: DomainRef) -> None:
        vm = self.vm(dom)
        if vm.state in (State.SHUTOFF, State.PAUSED):
            raise _not(dom, "running")
        vm.set_state(State.PAUSED, Paused.USER)
        self.tell(vm.ref, Life.SUSPENDED, 0)

    @slot()
    def domain_resume(self, dom: DomainRef) -> None:
        vm = self.vm(dom)
        if vm.state is not State.PAUSED:
            raise _not(dom, "paused")
        vm.set_state(State.RUNNING, Running.UNPAUSED)
        self.tell(vm.ref, Life.RESUMED, 0)


def _not(dom: DomainRef, what: str) -> Exception:
    return error(Code.INTERNAL_ERROR, f"domain '{dom.name}' not {what}", domain=From.TEST)
