# SPDX-License-Identifier: Apache-2.0
"""Domain slots of the in-memory hypervisor."""

from collections.abc import Callable
from typing import Final

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test import fixture
from nova_pyvirt.hypervisors.test.document import Document
from nova_pyvirt.hypervisors.test.world import PAUSED, RUNNING, TestDomain, World
from nova_pyvirt.util.native import time
from nova_pyvirt.util.typed import Int, Params, UInt, ULLong

# lifecycle events
DEFINED, UNDEFINED, STARTED, SUSPENDED, RESUMED, STOPPED, SHUTDOWN = range(7)
START_PAUSED: Final = 1
XML_INACTIVE: Final = 2
AFFECT_LIVE: Final = 1
AFFECT_CONFIG: Final = 2
VCPU_MAXIMUM: Final = 4
MEM_MAXIMUM: Final = 4
UNDEFINE_MANAGED_SAVE: Final = 1
#: pairs of filter bits of listAllDomains: (bit if true, bit if false, test)
_FILTERS: Final[tuple[tuple[int, int, Callable[[TestDomain], bool]], ...]] = (
    (1, 2, lambda d: d.active),
    (4, 8, lambda d: d.persistent),
    (256, 512, lambda d: d.saved is not None),
    (1024, 2048, lambda d: d.autostart),
    (4096, 8192, lambda d: False),
    (16384, 32768, lambda d: False),
)
_STATES: Final = ((16, RUNNING), (32, PAUSED), (64, 5))


def _invalid(text: str) -> Exception:
    return error(Code.OPERATION_INVALID, text, domain=From.TEST)


def _wanted(domain: TestDomain, flags: int) -> bool:
    for yes, no, test in _FILTERS:
        asked = flags & (yes | no)
        if asked and not asked & (yes if test(domain) else no):
            return False
    states = [state for bit, state in _STATES if flags & bit]
    if flags & 128:
        return domain.state in states or domain.state not in (RUNNING, PAUSED, 5)
    return not states or domain.state in states


class DomainSlots:
    """One connection's domain calls."""

    world: World

    def _find(self, dom: DomainRef) -> TestDomain:
        return self.world.domains.by_uuid(dom.uuid)

    def _active(self, dom: DomainRef) -> TestDomain:
        domain = self._find(dom)
        if not domain.active:
            raise _invalid("domain is not running")
        return domain

    def _event(self, domain: TestDomain, event: int, detail: int) -> None:
        self.world.events.emit("Domain", 0, domain.ref, event, detail)

    # --- lists and lookups

    def connect_num_of_domains(self) -> int:
        return len(self.connect_list_all_domains(1))

    def connect_list_domains(self) -> list[int]:
        return [ref.id for ref in self.connect_list_all_domains(1)]

    def connect_num_of_defined_domains(self) -> int:
        return len(self.connect_list_all_domains(2))

    def connect_list_defined_domains(self) -> list[str]:
        return [ref.name for ref in self.connect_list_all_domains(2)]

    def connect_list_all_domains(self, flags: int) -> list[DomainRef]:
        with self.world.lock:
            return [d.ref for d in self.world.domains.all() if _wanted(d, flags)]

    def domain_lookup_by_id(self, number: int) -> DomainRef:
        with self.world.lock:
            for domain in self.world.domains.all():
                if domain.active and domain.id == number:
                    return domain.ref
        text = f"no domain with matching id {number}"
        raise error(Code.NO_DOMAIN, text, domain=From.TEST)

    def domain_lookup_by_uuid(self, uuid: bytes) -> DomainRef:
        with self.world.lock:
            return self.world.domains.by_uuid(uuid).ref

    def domain_lookup_by_name(self, name: str) -> DomainRef:
        with self.world.lock:
            return self.world.domains.get(name).ref

    # --- define, undefine

    def _parse(self, xml: str) -> TestDomain:
        document = Document.parse(xml, "domain")
        if document.root.get("type") != "test":
            text = f"unexpected domain type {document.root.get('type')}, expecting test"
            raise error(Code.INTERNAL_ERROR, text, domain=From.TEST)
        domain = TestDomain(document)
        if "/" in domain.name or domain.name in ("", ".", "..") or len(domain.name) > 255:
            text = f"name {domain.name} cannot contain '/'"
            raise error(Code.XML_ERROR, text, domain=From.DOMAIN)
        if not document.kib("memory"):
            raise error(Code.XML_ERROR, "missing 'memory' element", domain=From.DOMAIN)
        vcpus = document.number("vcpu", 1)
        if not 1 <= vcpus <= fixture.MAX_VCPUS:
            text = f"invalid maxvcpus {vcpus}"
            raise error(Code.CONFIG_UNSUPPORTED, text, domain=From.TEST)
        return domain

    def domain_define_xml(self, xml: str) -> DomainRef:
        return self.domain_define_xml_flags(xml, 0)

    def domain_define_xml_flags(self, xml: str, flags: int) -> DomainRef:
        with self.world.lock:
            new = self._parse(xml)
            old = self.world.domains.by_name.get(new.name)
            if old is not None and old.uuid != new.uuid:
                text = f"domain '{new.name}' already exists with another uuid"
                raise error(Code.OPERATION_FAILED, text, domain=From.TEST)
            if old is None:
                self.world.domains.add(new)
                self._event(new, DEFINED, 0)
                return new.ref
            if old.active:
                old.config = new.document
            else:
                old.document = new.document
            old.persistent = True
            self._event(old, DEFINED, 1)
            return old.ref

    def domain_undefine(self, dom: DomainRef) -> None:
        self.domain_undefine_flags(dom, 0)

    def domain_undefine_flags(self, dom: DomainRef, flags: int) -> None:
        with self.world.lock:
            domain = self._find(dom)
            if not domain.persistent:
                raise _invalid("cannot undefine transient domain")
            if domain.saved is not None and not flags & UNDEFINE_MANAGED_SAVE:
                raise _invalid("Refusing to undefine while domain managed save image exists")
            domain.persistent = False
            domain.config = None
            self._event(domain, UNDEFINED, 0)
            if not domain.active:
                self.world.domains.drop(domain)

    # --- start and stop

    def domain_create(self, dom: DomainRef) -> DomainRef:
        return self.domain_create_with_flags(dom, 0)

    def domain_create_with_flags(self, dom: DomainRef, flags: int) -> DomainRef:
        with self.world.lock:
            domain = self._find(dom)
            if domain.active:
                raise _invalid("Domain is already running")
            restored = domain.saved is not None
            domain.saved = None
            self._run(domain, bool(flags & START_PAUSED), 2 if restored else 0)
            return domain.ref

    def domain_create_xml(self, xml: str, flags: int) -> DomainRef:
        with self.world.lock:
            domain = self._parse(xml)
            if domain.name in self.world.domains.by_name:
                text = f"domain '{domain.name}' already exists"
                raise _invalid(text)
            domain.persistent = False
            self.world.domains.add(domain)
            self._run(domain, bool(flags & START_PAUSED), 0)
            return domain.ref

    def _run(self, domain: TestDomain, paused: bool, detail: int) -> None:
        self.world.start(domain, 1, paused)
        self._event(domain, STARTED, detail)
        if paused:
            self._event(domain, SUSPENDED, 0)

    def domain_destroy(self, dom: DomainRef) -> None:
        self.domain_destroy_flags(dom, 0)

    def domain_destroy_flags(self, dom: DomainRef, flags: int) -> None:
        self._stop(dom, 2, 1)

    def domain_shutdown(self, dom: DomainRef) -> None:
        self.domain_shutdown_flags(dom, 0)

    def domain_shutdown_flags(self, dom: DomainRef, flags: int) -> None:
        self._stop(dom, 1, 0)

    def domain_reboot(self, dom: DomainRef, flags: int) -> None:
        with self.world.lock:
            domain = self._active(dom)
            domain.state, domain.reason = RUNNING, 1
            self.world.events.emit("Domain", 1, domain.ref)

    def domain_reset(self, dom: DomainRef, flags: int) -> None:
        self.domain_reboot(dom, flags)

    def _stop(self, dom: DomainRef, reason: int, detail: int) -> None:
        with self.world.lock:
            domain = self._active(dom)
            self.world.stop(domain, reason)
            self._event(domain, STOPPED, detail)

    def domain_suspend(self, dom: DomainRef) -> None:
        with self.world.lock:
            domain = self._active(dom)
            if domain.state != PAUSED:
                domain.state, domain.reason = PAUSED, 1
                self._event(domain, SUSPENDED, 0)

    def domain_resume(self, dom: DomainRef) -> None:
        with self.world.lock:
            domain = self._active(dom)
            if domain.state != PAUSED:
                raise _invalid(f"domain '{domain.name}' not paused")
            domain.state, domain.reason = RUNNING, 5
            self._event(domain, RESUMED, 0)

    def domain_managed_save(self, dom: DomainRef, flags: int) -> None:
        with self.world.lock:
            domain = self._active(dom)
            if not domain.persistent:
                raise _invalid("cannot do managed save for transient domain")
            domain.saved = domain.state
            self.world.stop(domain, 5)
            self._event(domain, STOPPED, 4)

    def domain_has_managed_save_image(self, dom: DomainRef, flags: int) -> int:
        with self.world.lock:
            return int(self._find(dom).saved is not None)

    def domain_managed_save_remove(self, dom: DomainRef, flags: int) -> None:
        with self.world.lock:
            self._find(dom).saved = None

    # --- what it is

    def domain_get_xml_desc(self, dom: DomainRef, flags: int) -> str:
        with self.world.lock:
            domain = self._find(dom)
            if domain.active and not flags & XML_INACTIVE:
                return domain.document.format(id=str(domain.id))
            return (domain.config or domain.document).format()

    def domain_get_state(self, dom: DomainRef, flags: int) -> tuple[int, int]:
        with self.world.lock:
            domain = self._find(dom)
            return domain.state, domain.reason

    def domain_get_info(self, dom: DomainRef) -> tuple[int, int, int, int, int]:
        with self.world.lock:
            domain = self._find(dom)
            document = domain.document
            memory = document.kib("memory")
            current = document.kib("currentMemory") or memory
            vcpus = document.number("vcpu", 1)
            return domain.state, memory, current, vcpus, self._time(domain) * vcpus

    def _time(self, domain: TestDomain) -> int:
        """Nanoseconds of CPU time: as if each vCPU were always busy."""
        return int((time.monotonic() - domain.started) * 1e9) if domain.active else 0

    def domain_get_os_type(self, dom: DomainRef) -> str:
        with self.world.lock:
            self._find(dom)
            return "linux"

    def domain_is_active(self, dom: DomainRef) -> int:
        with self.world.lock:
            return int(self._find(dom).active)

    def domain_is_persistent(self, dom: DomainRef) -> int:
        with self.world.lock:
            return int(self._find(dom).persistent)

    def domain_is_updated(self, dom: DomainRef) -> int:
        with self.world.lock:
            self._find(dom)
            return 0

    def domain_get_autostart(self, dom: DomainRef) -> int:
        with self.world.lock:
            return int(self._find(dom).autostart)

    def domain_set_autostart(self, dom: DomainRef, autostart: int) -> None:
        with self.world.lock:
            self._find(dom).autostart = bool(autostart)

    def domain_get_control_info(self, dom: DomainRef, flags: int) -> tuple[int, int, int]:
        with self.world.lock:
            self._active(dom)
            return 0, 0, 0

    # --- memory and CPUs

    def domain_get_max_memory(self, dom: DomainRef) -> int:
        with self.world.lock:
            return self._find(dom).document.kib("memory")

    def domain_set_max_memory(self, dom: DomainRef, memory: int) -> None:
        self.domain_set_memory_flags(dom, memory, MEM_MAXIMUM | AFFECT_CONFIG)

    def domain_set_memory(self, dom: DomainRef, memory: int) -> None:
        self.domain_set_memory_flags(dom, memory, AFFECT_LIVE)

    def domain_set_memory_flags(self, dom: DomainRef, memory: int, flags: int) -> None:
        with self.world.lock:
            for document in self._documents(dom, flags):
                if flags & MEM_MAXIMUM:
                    document.set_text("memory", str(memory), "uuid")
                elif memory > document.kib("memory"):
                    text = "cannot set memory higher than max memory"
                    raise error(Code.INVALID_ARG, text, domain=From.TEST)
                else:
                    document.set_text("currentMemory", str(memory), "memory")

    def _documents(self, dom: DomainRef, flags: int) -> list[Document]:
        """The definitions that a change with these flags concerns."""
        domain = self._find(dom)
        if not flags & (AFFECT_LIVE | AFFECT_CONFIG):
            flags |= AFFECT_LIVE if domain.active else AFFECT_CONFIG
        if flags & AFFECT_LIVE and not domain.active:
            raise _invalid("domain is not running")
        if flags & AFFECT_CONFIG and not domain.persistent:
            raise _invalid("transient domains do not have any persistent config")
        made = [domain.document] if flags & AFFECT_LIVE else []
        if flags & AFFECT_CONFIG:
            made.append(domain.config or domain.document)
        return made

    def domain_get_max_vcpus(self, dom: DomainRef) -> int:
        return self.domain_get_vcpus_flags(dom, AFFECT_LIVE | VCPU_MAXIMUM)

    def domain_get_vcpus_flags(self, dom: DomainRef, flags: int) -> int:
        with self.world.lock:
            document = self._documents(dom, flags)[0]
            maximum = document.number("vcpu", 1)
            vcpu = document.root.find("vcpu")
            current = vcpu.get("current") if vcpu is not None else None
            return maximum if flags & VCPU_MAXIMUM or not current else int(current)

    def domain_set_vcpus(self, dom: DomainRef, count: int) -> None:
        self.domain_set_vcpus_flags(dom, count, AFFECT_LIVE)

    def domain_set_vcpus_flags(self, dom: DomainRef, count: int, flags: int) -> None:
        with self.world.lock:
            if not 1 <= count <= fixture.MAX_VCPUS:
                raise error(Code.INVALID_ARG, f"invalid vcpu count {count}", domain=From.TEST)
            for document in self._documents(dom, flags):
                maximum = document.number("vcpu", 1)
                if flags & VCPU_MAXIMUM:
                    document.set_text("vcpu", str(count), "memory")
                elif count > maximum:
                    text = f"requested cpu amount exceeds maximum ({count} > {maximum})"
                    raise error(Code.INVALID_ARG, text, domain=From.TEST)
                else:
                    vcpu = document.root.find("vcpu")
                    if vcpu is not None:
                        vcpu.set("current", str(count))

    def domain_get_vcpus(self, dom: DomainRef) -> tuple[list[tuple[int, ...]], list[bytes]]:
        with self.world.lock:
            domain = self._active(dom)
            count = domain.document.number("vcpu", 1)
            spent = self._time(domain)
            return [(i, 1, spent, i % 16) for i in range(count)], [b"\xff\xff"] * count

    # --- statistics

    def connect_get_all_domain_stats(
        self, doms: list[DomainRef], stats: int, flags: int
    ) -> list[tuple[DomainRef, Params]]:
        with self.world.lock:
            refs = doms or self.connect_list_all_domains(0)
            return [(d.ref, self._stats(d, stats)) for d in map(self._find, refs)]

    def _stats(self, domain: TestDomain, stats: int) -> Params:
        made: Params = {}
        if not stats or stats & 1:
            made |= {"state.state": Int(domain.state), "state.reason": Int(domain.reason)}
        if stats & 2 and domain.active:
            made["cpu.time"] = ULLong(self._time(domain))
        if stats & 8:
            count = domain.document.number("vcpu", 1)
            made |= {"vcpu.current": UInt(count), "vcpu.maximum": UInt(count)}
        return made

    # --- metadata: 0 description, 1 title, 2 element

    def domain_set_metadata(
        self,
        dom: DomainRef,
        kind: int,
        value: str | None,
        key: str | None,
        uri: str | None,
        flags: int,
    ) -> None:
        with self.world.lock:
            domain = self._find(dom)
            if value is None:
                domain.metadata.pop((kind, uri), None)
            else:
                domain.metadata[kind, uri] = value
            self.world.events.emit("Domain", 23, domain.ref, kind, uri)

    def domain_get_metadata(self, dom: DomainRef, kind: int, uri: str | None, flags: int) -> str:
        with self.world.lock:
            domain = self._find(dom)
            value = domain.metadata.get((kind, uri))
            if value is None and kind != 2:
                value = domain.document.text("title" if kind else "description") or None
        if value is None:
            text = "Requested metadata element is not present"
            raise error(Code.NO_DOMAIN_METADATA, text, domain=From.TEST)
        return value
