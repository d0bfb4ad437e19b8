# SPDX-License-Identifier: Apache-2.0
"""The domain as a whole: emulator, name, processors, memory, I/O threads, features, security."""

from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.postparse.domain import check_tseg
from nova_pyvirt.hypervisors.qemu.postparse.machine import is_q35, old_style_uefi
from nova_pyvirt.hypervisors.qemu.validate import boot, cpu, devices, numa, timers
from nova_pyvirt.hypervisors.qemu.validate.common import (
    bad_detail,
    bad_xml,
    unsupported,
    unsupported_domain,
)
from nova_pyvirt.hypervisors.qemu.validate.lifecycle import check_actions
from nova_pyvirt.model import cpuset
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import DefaultIOThread, IOThread

#: QEMU's IOAPIC needs extended interrupt mode beyond
_VCPUS_WITHOUT_EIM = 255


def check(domain: Domain, caps: QemuCaps) -> None:
    """What QEMU can't do first, then each device, then what no driver allows: libvirt's order.

    :raises libvirtError: when the domain can't be
    """
    check_tseg(domain)
    _name(domain)
    boot.check_smbios(domain)
    timers.check_settings(domain)
    _check_qemu(domain, caps)
    devices.check(domain, caps)
    _check_general(domain)


def _check_qemu(domain: Domain, caps: QemuCaps) -> None:
    _emulator(domain, caps)
    if domain.memtune is not None and domain.memtune.min_guarantee:
        raise unsupported("Parameter 'min_guarantee' not supported by QEMU.")
    _firmware_needs(domain)
    _actions(domain)
    cpu.check(domain)
    devices.check_hotplug(domain)
    timers.check(domain, caps)
    boot.check(domain)
    _vcpus(domain, caps)
    _features(domain, caps)
    _hugepages(domain)
    _security(domain, caps)


def _check_general(domain: Domain) -> None:
    _dumping(domain)
    _memory_pages(domain)
    boot.check_firmware(domain)
    _tuning(domain)
    numa.check(domain)
    for thread in domain.iothread_ids:
        _thread_pool(thread)
    if domain.default_iothread is not None:
        _thread_pool(domain.default_iothread)


def _name(domain: Domain) -> None:
    if domain.name in (".", ".."):
        raise bad_xml(f"name '{domain.name}' can't name files")


def _dumping(domain: Domain) -> None:
    """Only a crash can dump."""
    for when, value in (("poweroff", domain.on_poweroff), ("reboot", domain.on_reboot)):
        if value in ("coredump-destroy", "coredump-restart"):
            raise unsupported_domain(f"Invalid lifecycle action '{value}' for '{when}'")


def _actions(domain: Domain) -> None:
    check_actions(domain.on_poweroff, domain.on_reboot, domain.on_crash)


def _tuning(domain: Domain) -> None:
    tune = domain.cputune
    if tune is not None and tune.shares is not None:
        if tune.shares and not 2 <= tune.shares <= 262144:
            raise unsupported_domain("Value of cputune 'shares' must be in range [2, 262144]")
    if tune is not None:
        if (tune.cachetunes or tune.memorytunes) and domain.type != "kvm":
            raise unsupported("cachetune is only supported for KVM domains")
    seen: set[str] = set()
    for device in domain.blkiotune.devices if domain.blkiotune is not None else []:
        if device.path in seen:
            raise unsupported_domain(f"duplicate blkio device path '{device.path}'")
        seen.add(device.path)
    if bool(domain.uid_maps) != bool(domain.gid_maps):
        raise unsupported_domain("uid and gid should be mapped both")
    for maps in (domain.uid_maps, domain.gid_maps):
        if maps and min(m.start or 0 for m in maps) != 0:
            raise unsupported_domain("You must map the root user of container")


def _thread_pool(thread: IOThread | DefaultIOThread) -> None:
    low, high = (
        -1 if number is None else number
        for number in (thread.thread_pool_min, thread.thread_pool_max)
    )
    if high == 0:
        raise unsupported_domain("thread_pool_max must be a positive integer")
    if low > high:
        raise unsupported_domain("thread_pool_min must be smaller or equal to thread_pool_max")


def _emulator(domain: Domain, caps: QemuCaps) -> None:
    binary, os = domain.devices.emulator, domain.os
    if os.type != "hvm":
        raise unsupported(f"Emulator '{binary}' does not support os type '{os.type}'")
    if not caps.serves_arch(os.arch):
        raise unsupported(f"Emulator '{binary}' does not support arch '{os.arch}'")
    if not caps.serves(domain.type):
        raise unsupported(f"Emulator '{binary}' does not support virt type '{domain.type}'")
    if caps.machine(os.machine, domain.type) is None and caps.accel(domain.type).machines:
        raise unsupported(f"Emulator '{binary}' does not support machine type '{os.machine}'")


def _firmware_needs(domain: Domain) -> None:
    acpi = domain.features is not None and domain.features.acpi
    if (domain.os.firmware == "efi" or old_style_uefi(domain)) and not acpi:
        raise unsupported("UEFI requires ACPI on this architecture")
    if domain.os.bios_useserial and not domain.devices.serials:
        raise bad_xml("need at least one serial port to use BIOS serial output")


def _vcpus(domain: Domain, caps: QemuCaps) -> None:
    machine = caps.machine(domain.os.machine, domain.type)
    if machine is not None and machine.max_cpus and domain.vcpu_max > machine.max_cpus:
        raise unsupported(
            f"Maximum CPUs greater than specified machine type limit {machine.max_cpus}"
        )
    guest = domain.cpu
    if guest is not None and guest.sockets and guest.cores and guest.threads:
        if guest.sockets * (guest.dies or 1) * guest.cores * guest.threads != domain.vcpu_max:
            raise unsupported("CPU topology doesn't match maximum vcpu count")
    if domain.vcpu_max > _VCPUS_WITHOUT_EIM:
        if not is_q35(domain):
            raise unsupported(
                f"more than {_VCPUS_WITHOUT_EIM} vCPUs are only supported on q35-based machine types"
            )
        iommu = getattr(domain.devices, "iommu", None)
        if iommu is None or not getattr(iommu, "eim", None):
            raise unsupported(
                f"more than {_VCPUS_WITHOUT_EIM} vCPUs require extended interrupt mode enabled on"
                " the iommu device"
            )


def _features(domain: Domain, caps: QemuCaps) -> None:
    features = domain.features
    if features is None:
        return
    for name in ("hpt_resizing", "hpt_maxpagesize", "htm", "nested_hv", "ccf_assist", "cfpc",
                 "sbbc", "ibs"):  # fmt: skip
        if getattr(features, name) is not None:
            word = name.partition("_")[0] if name.startswith("hpt") else name.replace("_", "-")
            raise _foreign(domain, word)
    if features.gic:
        raise _foreign(domain, "gic")
    if features.vmport is not None and not caps.has("machine-vmport-opt"):
        raise unsupported("vmport is not available with this QEMU binary")
    if features.tb_cache is not None:
        if domain.type != "qemu":
            raise unsupported(f"TCG features are incompatible with domain type '{domain.type}'")
        if features.tb_cache % 1024:
            raise unsupported("tb-cache size must be an integer multiple of MiB")


def _foreign(domain: Domain, name: str) -> Exception:
    return unsupported(
        f"The '{name}' feature is not supported for architecture '{domain.os.arch}' or machine"
        f" type '{domain.os.machine}'"
    )


def _memory_pages(domain: Domain) -> None:
    """Which huge pages are whose (virDomainDefMemtuneValidate)."""
    backing = domain.memory_backing
    cells = domain.cpu.cells if domain.cpu is not None else []
    pages = backing.pages if backing is not None else []
    for number, page in enumerate(pages):
        nodes = None if page.nodeset is None else set(cpuset.parse(page.nodeset))
        for other in pages[:number]:
            if nodes is not None and other.nodeset is not None:
                if nodes & set(cpuset.parse(other.nodeset)):
                    raise bad_detail(
                        "nodeset attribute of hugepages of sizes"
                        f" {page.size} and {other.size} intersect"
                    )
            elif nodes is None and other.nodeset is None:
                raise bad_detail(f"two master hugepages detected: {page.size} and {other.size}")
        missing = [node for node in sorted(nodes or ()) if node >= max(len(cells), 1)]
        if nodes is not None and not cells and 0 in nodes:
            missing = [0]
        if missing:
            raise bad_detail(f"hugepages: node {missing[0]} not found")


def _hugepages(domain: Domain) -> None:
    backing = domain.memory_backing
    if backing is None or not (backing.hugepages or backing.pages):
        return
    if backing.allocation == "ondemand":
        raise unsupported("hugepages are not allowed with memory allocation ondemand")
    if backing.source == "anonymous":
        raise unsupported("hugepages are not allowed with anonymous memory source")


def _security(domain: Domain, caps: QemuCaps) -> None:
    security = domain.launch_security
    if security is None:
        return
    if security.type == "sev" and not caps.has("sev-guest"):
        raise unsupported("SEV launch security is not supported with this QEMU binary")
    if security.type == "s390-pv":
        raise unsupported("S390 PV launch security is not supported with this QEMU binary")
