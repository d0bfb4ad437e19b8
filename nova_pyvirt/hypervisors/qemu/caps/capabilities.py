# SPDX-License-Identifier: Apache-2.0
"""The XML of virConnectGetCapabilities: the host, and the guests it can run."""

import logging
from functools import lru_cache

from lxml import etree

from nova_pyvirt.core.host import HostFs, memory, numa
from nova_pyvirt.core.host.cpu import siblings_text
from nova_pyvirt.core.host.identity import has_iommu, host_uuid, suspend_targets
from nova_pyvirt.core.host.sysfs import format_list
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.caps.cpu.cpudef import ARCHES, quote_single
from nova_pyvirt.hypervisors.qemu.caps.cpu.host import host_cpu
from nova_pyvirt.hypervisors.qemu.caps.types import Machine, QemuCaps
from nova_pyvirt.hypervisors.qemu.caps.view import HostView

LOG = logging.getLogger(__name__)
#: this document among those that are kept
_KEY = "capabilities"
_TRANSPORTS = ("tcp", "rdma")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_X86 = ("i686", "x86_64")
#: guests with a 32 bit word
_NARROW = frozenset(
    [
        "armv6l",
        "armv7l",
        "armv7b",
        "cris",
        "i686",
        "lm32",
        "m68k",
        "microblaze",
        "microblazeel",
        "mips",
        "mipsel",
        "or32",
        "parisc",
        "ppc",
        "ppcle",
        "ppcemb",
        "riscv32",
        "s390",
        "sh4",
        "sh4eb",
        "sparc",
        "unicore32",
        "xtensa",
        "xtensaeb",
    ]
)


def build(view: HostView) -> str:
    """The document, as libvirt lays it out; the last one again while nothing in it has changed."""
    guests = _emulators(view)
    facts = (_host_facts(view.fs), guests)
    known = view.texts.get(_KEY)
    if known is not None and known[0] == facts:
        return known[1]
    root = etree.Element("capabilities")
    root.append(_host(view))
    for arch, caps in guests:
        root.append(_guest(arch, caps))
    text = _spaced(root)
    view.texts[_KEY] = facts, text
    return text


def _host_facts(fs: HostFs) -> tuple[object, ...]:
    """What can change about the host while it is up, as far as it is shown.

    Places and caches of processors, and the model, are those of the processors that are online.
    """
    return (
        fs.read("sys/devices/system/cpu/present"),
        fs.read("sys/devices/system/cpu/online"),
        fs.read("sys/devices/system/cpu/cpu0/microcode/version"),
        suspend_targets(fs),
        has_iommu(fs),
        [
            (node, [(pool.size, pool.total) for pool in memory.pools(fs, node)])
            for node in memory.nodes(fs) or [memory.ALL_CELLS]
        ],
    )


def _emulators(view: HostView) -> list[tuple[str, QemuCaps]]:
    """The architectures that some QEMU here serves, in libvirt's order."""
    found = []
    for arch in ARCHES:
        binary = view.caps.default_emulator(arch)
        if binary is None:
            continue
        try:
            found.append((arch, view.caps.get(binary)))
        except libvirtError as exc:
            LOG.debug("no guests of architecture %s: %s", arch, exc)
    return found


def _spaced(root: etree._Element) -> str:
    """Indented, with libvirt's empty lines between the parts."""
    etree.indent(root, "  ")
    root.text = "\n\n  "
    for part in root:
        part.tail = "\n\n  "
    root[-1].tail = "\n\n"
    return quote_single(etree.tostring(root, encoding="unicode")) + "\n"


@lru_cache(maxsize=8)
def _stable_uuid(root: str, configured: str | None, source: str) -> str:
    """A random UUID must not change from call to call."""
    return host_uuid(HostFs(root), configured, source)


def _add(
    parent: etree._Element, tag: str, text: object = None, **attributes: object
) -> etree._Element:
    found = etree.SubElement(parent, tag, {name: str(value) for name, value in attributes.items()})
    if text is not None:
        found.text = str(text)
    return found


def _host(view: HostView) -> etree._Element:
    fs = view.fs
    host = etree.Element("host")
    _add(host, "uuid", _stable_uuid(str(fs.root), view.host_uuid, view.host_uuid_source))
    cpu = host_cpu(fs).element()
    for pool in memory.pools(fs):
        _add(cpu, "pages", unit="KiB", size=pool.size)
    host.append(cpu)
    power = _add(host, "power_management")
    for target in suspend_targets(fs):
        _add(power, target)
    _add(host, "iommu", support="yes" if has_iommu(fs) else "no")
    features = _add(host, "migration_features")
    _add(features, "live")
    transports = _add(features, "uri_transports")
    for name in _TRANSPORTS:
        _add(transports, "uri_transport", name)
    host.append(_topology(fs))
    caches = _caches(fs)
    if len(caches):
        host.append(caches)
    for model in view.security:
        found = _add(host, "secmodel")
        _add(found, "model", model.model)
        _add(found, "doi", model.doi)
        for virt_type, label in model.labels.items():
            _add(found, "baselabel", label, type=virt_type)
    return host


def _topology(fs: HostFs) -> etree._Element:
    topology = etree.Element("topology")
    found = numa.cells(fs)
    cells = _add(topology, "cells", num=len(found))
    for cell in found:
        element = _add(cells, "cell", id=cell.id)
        if cell.memory:
            _add(element, "memory", cell.memory, unit="KiB")
        for pool in cell.pages:
            _add(element, "pages", pool.total, unit="KiB", size=pool.size)
        if cell.distances:
            distances = _add(element, "distances")
            for other, value in cell.distances.items():
                _add(distances, "sibling", id=other, value=value)
        cpus = _add(element, "cpus", num=len(cell.cpus))
        for cpu, where in cell.cpus.items():
            one = _add(cpus, "cpu", id=cpu)
            if where is not None:
                one.set("socket_id", str(where.socket))
                one.set("die_id", str(where.die))
                one.set("core_id", str(where.core))
                one.set("siblings", siblings_text(where))
    return topology


def _caches(fs: HostFs) -> etree._Element:
    caches = etree.Element("cache")
    for bank in numa.caches(fs):
        size, unit = _pretty(bank.size)
        _add(
            caches, "bank", id=bank.id, level=bank.level, type=bank.kind, size=size, unit=unit,
            cpus=format_list(list(bank.cpus)),
        )  # fmt: skip
    return caches


def _pretty(size: int) -> tuple[int, str]:
    """The largest unit that leaves a whole number."""
    step = 0
    while size and size % 1024 == 0 and step + 1 < len(_UNITS):
        size //= 1024
        step += 1
    return size, _UNITS[step]


def _guest(arch: str, caps: QemuCaps) -> etree._Element:
    """What guests of `arch` can be."""
    guest = etree.Element("guest")
    _add(guest, "os_type", "hvm")
    element = _add(guest, "arch", name=arch)
    _add(element, "wordsize", 32 if arch in _NARROW else 64)
    _add(element, "emulator", caps.binary)
    for name, canonical, machine in _machine_names(caps):
        one = _add(element, "machine", name)
        if canonical:
            one.set("canonical", canonical)
        if machine.max_cpus > 0:
            one.set("maxCpus", str(machine.max_cpus))
        if machine.deprecated:
            one.set("deprecated", "yes")
    for flag, virt_type in (("tcg", "qemu"), ("kvm", "kvm"), ("hvf", "hvf")):
        if caps.has(flag):
            _add(element, "domain", type=virt_type)
    guest.append(_guest_features(arch))
    return guest


def _machine_names(caps: QemuCaps) -> list[tuple[str, str | None, Machine]]:
    """Each machine type, the aliases right after the name they stand for."""
    found: list[tuple[str, str | None, Machine]] = []
    for machine in caps.machines:
        found.append((machine.name, None, machine))
        if machine.alias:
            found.append((machine.alias, machine.name, machine))
    return found


def _guest_features(arch: str) -> etree._Element:
    features = etree.Element("features")
    if arch == "i686":
        _add(features, "pae")
        _add(features, "nonpae")
    if arch in (*_X86, "aarch64"):
        _add(features, "acpi", default="on", toggle="yes")
    if arch in _X86:
        _add(features, "apic", default="on", toggle="no")
    _add(features, "cpuselection")
    _add(features, "deviceboot")
    _add(features, "disksnapshot", default="on", toggle="no")
    return features
