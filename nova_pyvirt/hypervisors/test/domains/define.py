# SPDX-License-Identifier: Apache-2.0
"""Definitions: added, changed, renamed, removed."""

from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import Life, State
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test import definition
from nova_pyvirt.hypervisors.test.slots import CONFIG, LIVE, Base, bad_argument, invalid, slot
from nova_pyvirt.hypervisors.test.world import TestPrivate
from nova_pyvirt.model import metadata
from nova_pyvirt.model.domain import Domain

_VALIDATE: Final = 1
_ADDED, _UPDATED, _RENAMED = 0, 1, 2
_UNDEFINED, _UNDEFINED_RENAMED = 0, 1
_MANAGED_SAVE, _SNAPSHOTS, _CHECKPOINTS = 1, 2, 16
_METADATA_CHANGE: Final = 23
_KINDS: Final = ("description", "title", "metadata")
_ACTIONS: Final = ("destroy", "restart", "rename-restart", "preserve", "coredump-destroy",
                   "coredump-restart")  # fmt: skip
_EVENTS: Final = ("on_poweroff", "on_reboot", "on_crash")


class DefineSlots(Base):
    """Persistent definitions."""

    @slot()
    def domain_define_xml(self, xml: str) -> DomainRef:
        return self.domain_define_xml_flags(xml, 0)

    @slot("testDomainDefineXMLFlags", _VALIDATE)
    def domain_define_xml_flags(self, xml: str, flags: int) -> DomainRef:
        made = definition.load(xml)
        known = self.world.domains.by_uuid(made.uuid_bytes)
        vm = self.add(made, live=False)
        if known is not None and vm.active:
            vm.new_definition = made
        elif known is not None:
            vm.definition = made
        vm.persistent = True
        self.tell(vm.ref, Life.DEFINED, _UPDATED if known is not None else _ADDED)
        return vm.ref

    def add(self, made: Domain, *, live: bool) -> DomainObj:
        """The domain for a definition.

        :raises libvirtError: OPERATION_FAILED, OPERATION_INVALID as core.domain.DomainList.add
        """

        def make() -> DomainObj:
            vm = DomainObj(made)
            vm.private = TestPrivate()
            return vm

        return self.world.domains.add(made, make, live=live)

    @slot()
    def domain_undefine(self, dom: DomainRef) -> None:
        self.domain_undefine_flags(dom, 0)

    @slot("testDomainUndefineFlags", _MANAGED_SAVE | _SNAPSHOTS | _CHECKPOINTS)
    def domain_undefine_flags(self, dom: DomainRef, flags: int) -> None:
        vm = self.vm(dom)
        if vm.has_managed_save and not flags & _MANAGED_SAVE:
            raise invalid("Refusing to undefine while domain managed save image exists")
        for flag, held, what in (
            (_SNAPSHOTS, vm.private.snapshots, "snapshots"),
            (_CHECKPOINTS, vm.private.checkpoints, "checkpoints"),
        ):
            if held and not vm.active:
                if not flags & flag:
                    raise invalid(f"cannot delete inactive domain with {len(held)} {what}")
                held.clear()
        vm.has_managed_save = False
        self.tell(vm.ref, Life.UNDEFINED, _UNDEFINED)
        vm.persistent = False
        if not vm.active:
            self.world.domains.remove(vm)

    @slot("testDomainRename")
    def domain_rename(self, dom: DomainRef, new_name: str, flags: int) -> int:
        vm = self.vm(dom)
        if vm.active:
            raise invalid("cannot rename active domain")
        if not vm.persistent:
            raise invalid("cannot rename a transient domain")
        if vm.state is not State.SHUTOFF:
            raise invalid("domain has to be shutoff before renaming")
        old = vm.name
        if new_name == old:
            raise invalid("Can't rename domain to itself", From.DOMAIN)
        if "/" in new_name:
            detail = f"name {new_name} cannot contain '/'"
            raise error(Code.XML_ERROR, detail, domain=From.TEST)
        self.world.domains.rename(vm, old, new_name)
        self.tell(vm.ref, Life.UNDEFINED, _UNDEFINED_RENAMED)
        vm.definition.name = new_name
        self.tell(vm.ref, Life.DEFINED, _RENAMED)
        return 0

    # --- title, description, elements

    @slot("testDomainSetMetadata", LIVE | CONFIG)
    def domain_set_metadata(
        self,
        dom: DomainRef,
        kind: int,
        value: str | None,
        key: str | None,
        uri: str | None,
        flags: int,
    ) -> None:
        vm = self.vm(dom)
        live, config = self.both(vm, flags)
        name = _kind(kind)
        for made in (live, config):
            if made is not None:
                made.__dict__[name] = _changed(made.__dict__.get(name), kind, value, key, uri)
        self.world.events.emit("Domain", _METADATA_CHANGE, vm.ref, kind, uri)

    @slot("testDomainGetMetadata", LIVE | CONFIG)
    def domain_get_metadata(self, dom: DomainRef, kind: int, uri: str | None, flags: int) -> str:
        value = getattr(self.one(dom, flags), _kind(kind))
        found = metadata.find(value, uri or "") if kind == 2 else value
        if found is None:
            detail = "Requested metadata element is not present"
            raise error(Code.NO_DOMAIN_METADATA, detail, domain=From.DOMAIN)
        return str(found)

    @slot("testDomainSetLifecycleAction", LIVE | CONFIG)
    def domain_set_lifecycle_action(
        self, dom: DomainRef, kind: int, action: int, flags: int
    ) -> None:
        if not 0 <= kind < len(_EVENTS):
            raise bad_argument(f"unsupported lifecycle action {kind}")
        vm = self.vm(dom)
        word = _ACTIONS[action]
        if kind != 2 and word.startswith("coredump"):
            raise bad_argument(f"Unsupported lifecycle action '{word}'")
        live, config = self.both(vm, flags)
        for made in (live, config):
            if made is not None:
                setattr(made, _EVENTS[kind], word)


def _kind(kind: int) -> str:
    if not 0 <= kind < len(_KINDS):
        raise errors.error(Code.INVALID_ARG, f"unknown metadata type '{kind}'", domain=From.DOMAIN)
    return _KINDS[kind]


def _changed(old: Any, kind: int, value: str | None, key: str | None, uri: str | None) -> Any:
    return metadata.replaced(old, value, key, uri or "") if kind == 2 else value or None
