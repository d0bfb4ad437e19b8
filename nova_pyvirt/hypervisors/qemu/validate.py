# SPDX-License-Identifier: Apache-2.0
"""What libvirt refuses, with its codes and words (virDomainDefValidate, qemuValidateDomainDef)."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.model.domain import Domain

_DISK_BUSES = frozenset("ide fdc scsi virtio xen usb uml sata sd none".split())


def check(domain: Domain, caps: QemuCaps) -> None:
    """:raises libvirtError: when the domain can't be"""
    _check_vcpus(domain, caps)
    _check_disks(domain)
    _check_names(domain)


def _unsupported(detail: str) -> errors.libvirtError:
    return errors.error(Code.CONFIG_UNSUPPORTED, detail)


def _check_vcpus(domain: Domain, caps: QemuCaps) -> None:
    machine = caps.machine(domain.os.machine, domain.type)
    if machine is not None and machine.max_cpus and domain.vcpu_max > machine.max_cpus:
        raise _unsupported(
            f"Maximum CPUs greater than specified machine type limit {machine.max_cpus}"
        )
    cpu = domain.cpu
    if cpu is not None and cpu.sockets and cpu.cores and cpu.threads:
        if cpu.sockets * (cpu.dies or 1) * cpu.cores * cpu.threads != domain.vcpu_max:
            raise _unsupported("CPU topology doesn't match maximum vcpu count")


def _check_disks(domain: Domain) -> None:
    seen: set[str] = set()
    for disk in domain.devices.disks:
        if disk.target in seen:
            raise errors.error(
                Code.XML_ERROR, f"target '{disk.target}' duplicated for disk sources"
                f" '{disk.path or ''}' and '{disk.path or ''}'", domain=From.DOMAIN,
            )  # fmt: skip
        seen.add(disk.target)
        if disk.bus not in _DISK_BUSES:
            raise errors.error(
                Code.XML_ERROR,
                f"Invalid value for attribute 'bus' in element 'target': '{disk.bus}'.",
                domain=From.XML,
            )


def _check_names(domain: Domain) -> None:
    if domain.name in (".", "..") or len(domain.name.encode()) > 250:
        raise errors.error(
            Code.XML_ERROR, f"name '{domain.name[:64]}' can't name files", domain=From.DOMAIN
        )
