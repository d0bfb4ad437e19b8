# SPDX-License-Identifier: Apache-2.0
"""Guests from save images, and what those say (qemu_driver.c, qemu_saveimage.c)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import AsyncJob
from nova_pyvirt.core.jobdata import Operation
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import Detail, Life, Running, Shutoff
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu import cpus, migratable, status, stop
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import async_job
from nova_pyvirt.hypervisors.qemu.ops.save import (
    BYPASS_CACHE,
    PAUSED,
    RESET_NVRAM,
    RUNNING,
    check_params,
)
from nova_pyvirt.hypervisors.qemu.saveimage.header import Incomplete
from nova_pyvirt.hypervisors.qemu.saveimage.image import Image, parse_image_xml
from nova_pyvirt.hypervisors.qemu.start import Incoming, start_process
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.files import unlink
from nova_pyvirt.util.native import os
from nova_pyvirt.util.typed import Params

LOG = logging.getLogger(__name__)
XML_SECURE = 1


def restore(state: QemuState, path: str, xml: str | None = None, flags: int = 0) -> None:
    """qemuDomainRestoreFlags: a guest runs on from a save image, which stays.

    :param xml: instead of the definition in the image; the same machine to the guest
    :raises libvirtError: SYSTEM_ERROR and OPERATION_FAILED for the file, CONFIG_UNSUPPORTED for
        the XML, OPERATION_INVALID when the domain runs, and what the start says
    """
    check_flags(flags, BYPASS_CACHE | RUNNING | PAUSED | RESET_NVRAM, "qemuDomainRestoreInternal")
    with _opened(state, path) as image:
        definition = _definition(state, image, xml)
        if flags & (RUNNING | PAUSED):
            image.header.running = bool(flags & RUNNING)
        vm = state.domains.add(definition, lambda: state.new_domain(definition), live=True)
        try:
            _restore_new(state, vm, image, definition, flags)
        except BaseException:
            if not vm.persistent and not vm.active:
                state.domains.remove(vm)
            raise


def restore_params(state: QemuState, params: Params, flags: int) -> None:
    """qemuDomainRestoreParams.

    :raises libvirtError: INVALID_ARG without a file; see restore()
    """
    check_params(params)
    path, xml = params.get("file"), params.get("dxml")
    if path is None:
        raise errors.error(Code.INVALID_ARG, "missing path to restore from")
    restore(state, str(path), None if xml is None else str(xml), flags)


def _restore_new(
    state: QemuState, vm: DomainObj, image: Image, definition: Domain, flags: int
) -> None:
    with (
        async_job(vm, AsyncJob.START, "virDomainRestore", Operation.RESTORE, flags),
        running_as(vm, definition) as persistent,
    ):
        start_from(
            state,
            vm,
            image,
            persistent=persistent,
            direct=bool(flags & BYPASS_CACHE),
            reset_nvram=bool(flags & RESET_NVRAM),
        )


@contextmanager
def running_as(vm: DomainObj, definition: Domain) -> Iterator[Domain | None]:
    """A run of a domain with a definition of its own; the persistent one is given, and back in
    place when the start fails.

    :raises libvirtError: OPERATION_INVALID when it runs already
    """
    with vm.lock:
        if vm.active:
            detail = f"domain '{vm.name}' is already active"
            raise errors.error(Code.OPERATION_INVALID, detail, domain=errors.From.DOMAIN)
        kept, vm.definition = vm.definition, definition
    try:
        yield kept if vm.persistent else None
    except BaseException:
        with vm.lock:
            vm.definition = kept
        raise


def from_managed_save(
    state: QemuState, vm: DomainObj, *, paused: bool, direct: bool, reset_nvram: bool
) -> bool:
    """A domain's start from its managed save image (qemuDomainObjRestore). Its START job's owner
    calls.

    :returns: False when the image was never finished: it is gone then, and the domain boots
    :raises libvirtError: the image stays
    """
    path = state.paths.save_file(vm.name)
    try:
        image = Image(state, path)
    except Incomplete as exc:
        LOG.warning("domain %s: its managed save image is dropped: %s", vm.name, exc)
        if not unlink(path):
            raise errors.error(Code.SYSTEM_ERROR, f"cannot remove corrupt file: {path}") from exc
        vm.has_managed_save = False
        return False
    with image:
        definition = _definition(state, image, None)
        if (definition.name, definition.uuid) != (vm.name, vm.definition.uuid):
            raise errors.error(
                Code.OPERATION_FAILED,
                f"cannot restore domain '{vm.name}' uuid {vm.definition.uuid} from a file which"
                f" belongs to domain '{definition.name}' uuid {definition.uuid}",
            )
        with running_as(vm, definition) as persistent:
            start_from(
                state,
                vm,
                image,
                persistent=persistent,
                paused=paused,
                direct=direct,
                reset_nvram=reset_nvram,
            )
    vm.has_managed_save = not unlink(path)
    return True


def start_from(
    state: QemuState,
    vm: DomainObj,
    image: Image,
    *,
    persistent: Domain | None,
    paused: bool = False,
    direct: bool = False,
    reset_nvram: bool = False,
) -> None:
    """Runs a domain's definition with an image's memory (qemuSaveImageStartVM).

    :param paused: as the caller wants it, whatever the image says
    :raises libvirtError: see start_process(); nothing runs then
    """
    source = image.stream(direct=direct)
    fd = source if isinstance(source, int) else source.fileno()
    incoming = Incoming("defer", fd, source=f"fd:{fd}", new_genid=True, cpu=image.cpu)
    try:
        start_process(
            state,
            vm,
            paused=True,
            reset_nvram=reset_nvram,
            incoming=incoming,
            persistent=persistent,
        )
    finally:
        if not isinstance(source, int):
            source.close()
    with vm.lock:
        state.bus.lifecycle(vm.ref, Life.STARTED, Detail.STARTED_RESTORED)
        if paused or not image.header.running:
            detail = Detail.SUSPENDED_PAUSED if paused else Detail.SUSPENDED_RESTORED
            state.bus.lifecycle(vm.ref, Life.SUSPENDED, detail)
            return
    try:
        cpus.start(state, vm, Running.RESTORED)
    except BaseException:
        stop.stop_process(state, vm, Shutoff.FAILED)
        raise
    status.try_save(state, vm)


def image_xml(state: QemuState, path: str, flags: int) -> str:
    """qemuDomainSaveImageGetXMLDesc: the definition in an image.

    :raises libvirtError: SYSTEM_ERROR, OPERATION_FAILED
    """
    check_flags(flags, XML_SECURE, "qemuDomainSaveImageGetXMLDesc")
    with _opened(state, path) as image:
        return image.definition.format(secure=bool(flags & XML_SECURE))


def define_image_xml(state: QemuState, path: str, xml: str, flags: int) -> None:
    """qemuDomainSaveImageDefineXML: changes the definition in an image, and whether it runs.

    :raises libvirtError: CONFIG_UNSUPPORTED for another machine; OPERATION_FAILED when it does not
        fit; see image_xml()
    """
    check_flags(flags, RUNNING | PAUSED, "qemuDomainSaveImageDefineXML")
    with _opened(state, path, writable=True) as image:
        running = bool(flags & RUNNING) if flags else image.header.running
        if image.header.xml == xml and running == image.header.running:
            return
        image.header.running = running
        given = parse_image_xml(state, xml)
        migratable.check_same_image(image.definition, given)
        image.header.xml = migratable.xml(given, None)
        image.rewrite()


def managed_xml(state: QemuState, dom: DomainRef, flags: int) -> str:
    """qemuDomainManagedSaveGetXMLDesc.

    :raises libvirtError: OPERATION_INVALID without an image; see image_xml()
    """
    check_flags(flags, XML_SECURE, "qemuDomainManagedSaveGetXMLDesc")
    return image_xml(state, _managed_path(state, dom), flags)


def define_managed_xml(state: QemuState, dom: DomainRef, xml: str, flags: int) -> None:
    """qemuDomainManagedSaveDefineXML.

    :raises libvirtError: OPERATION_INVALID without an image; see define_image_xml()
    """
    define_image_xml(state, _managed_path(state, dom), xml, flags)


def _managed_path(state: QemuState, dom: DomainRef) -> str:
    path = state.paths.save_file(state.domains.find(dom).name)
    if not os.path.exists(path):
        detail = "domain does not have managed save image"
        raise errors.error(Code.OPERATION_INVALID, detail)
    return path


def _opened(state: QemuState, path: str, *, writable: bool = False) -> Image:
    """:raises libvirtError: also for an image that was never finished"""
    try:
        return Image(state, path, writable=writable)
    except Incomplete as exc:
        raise errors.error(Code.OPERATION_FAILED, str(exc)) from exc


def _definition(state: QemuState, image: Image, xml: str | None) -> Domain:
    """The image's definition, the caller's or the hook's instead.

    :raises libvirtError: HOOK_SCRIPT_FAILED; CONFIG_UNSUPPORTED
    """
    if state.hooks:
        name = image.definition.name
        before = xml or image.header.xml
        said = state.hooks.call(name, "restore", "begin", None, before, rewrites=True)
        xml = said if said.strip() else xml
    if xml is None:
        return image.definition
    given = parse_image_xml(state, xml)
    migratable.check_same_image(image.definition, given)
    return given
