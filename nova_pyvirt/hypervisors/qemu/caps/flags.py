# SPDX-License-Identifier: Apache-2.0
"""From QEMU's answers to libvirt's capability names. Pure.

Source of the facts: libvirt's qemu_capabilities.c (tables.py is generated from it).
"""

from collections.abc import Collection, Mapping
from typing import Any

from nova_pyvirt.hypervisors.qemu.caps import tables
from nova_pyvirt.hypervisors.qemu.caps.schema import Schema

_X86 = ("i686", "x86_64")
_TPM_MODELS = {"tpm-tis": "tpm-tis", "tpm-crb": "tpm-crb", "tpm-spapr": "tpm-spapr"}
_TPM_TYPES = {"passthrough": "tpm-passthrough", "emulator": "tpm-emulator"}
#: architectures whose machines may have a built-in `esp` SCSI controller
_ESP = ("sparc", "m68k", "mips")
_BY_ARCH = {
    "i686": ("no-acpi", "no-hpet"),
    "x86_64": ("no-acpi", "no-hpet"),
    "aarch64": ("no-acpi", "aarch64-off", "gic-version"),
    "s390x": ("aes-key-wrap", "dea-key-wrap", "loadparm"),
}

Properties = Mapping[str, Mapping[str, Any]]


def basic(arch: str, version: int) -> set[str]:
    """What goes without asking."""
    found = set(_BY_ARCH.get(arch, ()))
    if version < 5002000:
        found.add("enable-fips")
    if arch in _ESP:
        found.add("ncr53c90")
    return found


def from_schema(schema: Schema) -> set[str]:
    """What commands and their arguments tell."""
    commands = set(schema.commands())
    found = {cap for name, cap in tables.COMMANDS if name in commands}
    return found | {cap for path, cap in tables.SCHEMA_QUERIES if schema.has(path)}


def from_types(types: Collection[str]) -> set[str]:
    """What the QOM types tell."""
    return {cap for name, cap in tables.OBJECT_TYPES if name in types}


def wanted_devices(types: Collection[str], have: Collection[str]) -> list[str]:
    """The devices whose properties matter."""
    rows = tables.DEVICE_PROPS
    return [n for n, need, _ in rows if n in types and (need is None or need in have)]


def wanted_objects(types: Collection[str], have: Collection[str]) -> list[str]:
    """The QOM types (not devices) whose properties matter."""
    rows = tables.OBJECT_PROPS
    return [n for n, need, _ in rows if n in types and (need is None or need in have)]


def from_devices(properties: Properties) -> set[str]:
    """What device properties tell. Outer key: device; inner: property name -> its description."""
    found = set()
    for device, _need, rows in tables.DEVICE_PROPS:
        have = properties.get(device, {})
        found |= {cap for name, cap in rows if name in have}
        # a virtio disk that doesn't pass SCSI commands unless told so needs no scsi=off
        if device.startswith("virtio-blk") and have.get("scsi", {}).get("default-value") is False:
            found.add("virtio-blk-pci.scsi.default.disabled")
    return found


def from_objects(properties: Mapping[str, Collection[str]]) -> set[str]:
    """What properties of QOM types and of machines tell; machines by their libvirt name."""
    found = set()
    for type_, _need, rows in (*tables.OBJECT_PROPS, *tables.MACHINE_PROPS):
        have = properties.get(type_, ())
        found |= {cap for name, cap in rows if name in have}
    return found


def from_command_line(options: Mapping[str, Collection[str]]) -> set[str]:
    """What ``query-command-line-options`` tells: option -> parameter names."""
    return {
        cap
        for option, param, cap in tables.COMMAND_LINE
        if option in options and (param is None or param in options[option])
    }


def from_migration(capabilities: Collection[str]) -> set[str]:
    """Flags of the names that query-migrate-capabilities gives."""
    return {cap for name, cap in tables.MIGRATION if name in capabilities}


def from_tpm(models: Collection[str], types: Collection[str]) -> set[str]:
    """Flags of the names that query-tpm-models and query-tpm-types give."""
    found = {cap for name, cap in _TPM_MODELS.items() if name in models}
    return found | {cap for name, cap in _TPM_TYPES.items() if name in types}


def conclude(found: set[str], arch: str) -> frozenset[str]:
    """Capabilities that follow from others."""
    flags = set(found)
    if arch in _X86 and "query-cpu-model-expansion" in flags:
        flags.add("cpu-cache")
    if "cpu-unavailable-features" in flags:
        flags.add("canonical-cpu-features")
    if {"blockdev-reopen", "migration-param.block-bitmap-mapping"} <= flags:
        flags.add("incremental-backup")
    if "object.qapified" in flags:
        flags.add("compat-deprecated")
    if "machine-hpet" in flags:
        flags.discard("no-hpet")
    return frozenset(flags)
