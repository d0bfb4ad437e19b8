# SPDX-License-Identifier: Apache-2.0
"""Title, description and applications' elements of a domain."""

from collections.abc import Callable
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import EventID
from nova_pyvirt.core.statusfile import write_config
from nova_pyvirt.errors import Code, From, system_error
from nova_pyvirt.hypervisors.qemu import status
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.ops import affect
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model import metadata as elements
from nova_pyvirt.model.domain import Domain

_NAMES = ("description", "title", "metadata")
_ELEMENT = 2


def get_metadata(state: QemuState, dom: DomainRef, kind: int, uri: str | None, flags: int) -> str:
    """The text, or the element of a namespace (virDomainObjGetMetadata).

    :raises libvirtError: NO_DOMAIN_METADATA when there is none; INVALID_ARG
    """
    known = affect.LIVE | affect.CONFIG
    errors.check_flags(flags, known, "virDomainObjGetMetadata", domain=From.DOMAIN)
    name = _name(kind)
    vm = state.domains.find(dom)
    with vm.lock:
        value = getattr(affect.one(vm, flags), name)
        found = elements.find(value, uri or "") if kind == _ELEMENT else value
    if found is None:
        detail = "Requested metadata element is not present"
        raise errors.error(Code.NO_DOMAIN_METADATA, detail, domain=From.DOMAIN)
    return str(found)


def set_metadata(
    state: QemuState,
    dom: DomainRef,
    kind: int,
    text: str | None,
    key: str | None,
    uri: str | None,
    flags: int,
) -> None:
    """Sets or, with None, removes it (virDomainObjSetMetadata); METADATA_CHANGE follows.

    :raises libvirtError: INVALID_ARG, XML_DETAIL, OPERATION_INVALID; SYSTEM_ERROR when the file
        can't be written: the definition is as it was then
    """
    check_flags(flags, affect.LIVE | affect.CONFIG, "qemuDomainSetMetadata")
    vm = state.domains.find(dom)
    with job(vm, Job.MODIFY, "virDomainSetMetadata"):
        with vm.lock:
            live, config = affect.both(vm, flags)
        name = _name(kind)
        value = _value(name, text, key, uri)
        if live is not None:
            _change(vm, live, name, value, lambda: status.save(state, vm))
        if config is not None:
            path = state.paths.config_file(vm.name)
            _change(vm, config, name, value, lambda: write_config(path, config))
        state.bus.emit(vm.ref, EventID.METADATA_CHANGE, kind, uri)


def _value(name: str, text: str | None, key: str | None, uri: str | None) -> Callable[[Any], Any]:
    """From the old value to the new one."""
    if name == "metadata":
        return lambda old: elements.replaced(old, text, key, uri or "")
    return lambda old: text or None


def _change(
    vm: DomainObj,
    definition: Domain,
    name: str,
    value: Callable[[Any], Any],
    save: Callable[[], None],
) -> None:
    with vm.lock:
        old = getattr(definition, name)
        setattr(definition, name, value(old))
    try:
        save()
    except OSError as exc:
        with vm.lock:
            setattr(definition, name, old)
        detail = f"cannot save the metadata of domain '{vm.name}'"
        raise system_error(exc.errno or 0, detail, domain=From.NONE) from exc


def _name(kind: int) -> str:
    if not 0 <= kind < len(_NAMES):
        detail = f"unknown metadata type '{kind}'"
        raise errors.error(Code.INVALID_ARG, detail, domain=From.DOMAIN)
    return _NAMES[kind]
