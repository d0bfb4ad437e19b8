# SPDX-License-Identifier: Apache-2.0
"""Saved guests: files in libvirt's format, and the managed one, which exists in memory only."""

import struct
from typing import Final

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import Running, Shutoff
from nova_pyvirt.errors import Code, From, error, libvirtError, system_error
from nova_pyvirt.hypervisors.test import definition
from nova_pyvirt.hypervisors.test.domains.lifecycle import LifecycleSlots
from nova_pyvirt.hypervisors.test.slots import invalid, slot
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os

_MAGIC: Final = b"TestGuestMagic\0"
_LENGTH: Final = struct.Struct("=i")
_MOST: Final = 8192
_BYPASS, _RUNNING, _PAUSED, _SECURE, _CRASH = 1, 2, 4, 1, 1
_STOPPED_SAVED, _STOPPED_CRASHED, _STARTED_RESTORED = 4, 2, 2
_RAW: Final = 0


def _failed(exc: OSError, detail: str) -> libvirtError:
    return system_error(exc.errno or 0, detail, domain=From.TEST)


def write(path: str, made: Domain) -> None:
    """:raises libvirtError: SYSTEM_ERROR, and no file is left"""
    xml = made.format(secure=True).encode()
    where = f"saving domain '{made.name}' to '{path}'"
    try:
        fd = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise _failed(exc, f"{where}: open failed") from exc
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(_MAGIC + _LENGTH.pack(len(xml)) + xml)
    except OSError as exc:
        os.unlink(path)
        raise _failed(exc, f"{where}: write failed") from exc


def read(path: str) -> str:
    """The document of a saved guest.

    :raises libvirtError: SYSTEM_ERROR, INTERNAL_ERROR for what is no such file
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb") as file:
            data = file.read(len(_MAGIC) + _LENGTH.size + _MOST + 1)
    except OSError as exc:
        raise _failed(exc, f"cannot read domain image '{path}'") from exc
    if not data.startswith(_MAGIC):
        raise error(Code.INTERNAL_ERROR, "mismatched header magic", domain=From.TEST)
    body = data[len(_MAGIC) :]
    if len(body) < _LENGTH.size:
        raise system_error(0, f"failed to read metadata length in '{path}'", domain=From.TEST)
    (length,) = _LENGTH.unpack_from(body)
    if not 1 <= length <= _MOST:
        detail = "length of metadata out of range"
        raise error(Code.INTERNAL_ERROR, detail, domain=From.TEST)
    return body[_LENGTH.size :][:length].decode(errors="replace")


class SaveSlots(LifecycleSlots):
    """Save and restore."""

    @slot()
    def domain_save(self, dom: DomainRef, path: str) -> None:
        self.domain_save_flags(dom, path, None, 0)

    @slot("testDomainSaveFlags")
    def domain_save_flags(self, dom: DomainRef, path: str, dxml: str | None, flags: int) -> None:
        _no_change(dxml)
        vm = self.active(dom)
        write(path, vm.definition)
        self.end(vm, Shutoff.SAVED, _STOPPED_SAVED)

    @slot()
    def domain_restore(self, path: str) -> None:
        self.domain_restore_flags(path, None, 0)

    @slot("testDomainRestoreFlags")
    def domain_restore_flags(self, path: str, dxml: str | None, flags: int) -> None:
        _no_change(dxml)
        self.launch(read(path), Running.RESTORED, _STARTED_RESTORED)

    @slot("testDomainSaveImageGetXMLDesc", _SECURE)
    def domain_save_image_get_xml_desc(self, path: str, flags: int) -> str:
        return definition.load(read(path)).format(secure=True)

    @slot("testDomainSaveImageDefineXML", _RUNNING | _PAUSED)
    def domain_save_image_define_xml(self, path: str, dxml: str, flags: int) -> None:
        read(path)
        write(path, definition.load(dxml))

    @slot()
    def domain_core_dump(self, dom: DomainRef, path: str, flags: int) -> None:
        self.domain_core_dump_with_format(dom, path, _RAW, flags)

    @slot("testDomainCoreDumpWithFormat", _CRASH)
    def domain_core_dump_with_format(
        self, dom: DomainRef, path: str, kind: int, flags: int
    ) -> None:
        vm = self.active(dom)
        where = f"domain '{dom.name}' coredump: failed to"
        try:
            fd = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise _failed(exc, f"{where} open {path}") from exc
        try:
            os.write(fd, _MAGIC)
        except OSError as exc:
            raise _failed(exc, f"{where} write header to {path}") from exc
        finally:
            os.close(fd)
        if kind != _RAW:
            detail = "kdump-compressed format is not supported here"
            raise error(Code.OPERATION_UNSUPPORTED, detail, domain=From.TEST)
        if flags & _CRASH:
            self.end(vm, Shutoff.CRASHED, _STOPPED_CRASHED)

    @slot("testDomainManagedSave", _BYPASS | _RUNNING | _PAUSED)
    def domain_managed_save(self, dom: DomainRef, flags: int) -> None:
        vm = self.active(dom)
        if not vm.persistent:
            raise invalid("cannot do managed save for transient domain")
        self.end(vm, Shutoff.SAVED, _STOPPED_SAVED)
        vm.has_managed_save = True

    @slot("testDomainHasManagedSaveImage")
    def domain_has_managed_save_image(self, dom: DomainRef, flags: int) -> int:
        return int(self.vm(dom).has_managed_save)

    @slot("testDomainManagedSaveRemove")
    def domain_managed_save_remove(self, dom: DomainRef, flags: int) -> None:
        self.vm(dom).has_managed_save = False


def _no_change(dxml: str | None) -> None:
    if dxml:
        detail = "xml modification unsupported"
        raise error(Code.ARGUMENT_UNSUPPORTED, detail, domain=From.TEST)
