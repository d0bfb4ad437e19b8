# SPDX-License-Identifier: Apache-2.0
"""Virtual CPUs and emulator threads: number, state, pinning."""

from typing import Any

from nova_pyvirt.libvirt.call import (
    Bytes,
    Dict,
    Int,
    List,
    Tuple,
    as_dict,
    as_list,
    as_tuple,
    bind,
    quiet,
    typed,
)
from nova_pyvirt.libvirt.convert import cpu_bytes, cpu_list
from nova_pyvirt.libvirt.domain.hostcpus import host_cpus
from nova_pyvirt.libvirt.objects import Owned

_DOMAIN_GET_MAX_VCPUS: Int = bind("virDomainGetMaxVcpus")
_DOMAIN_GET_VCPUS_FLAGS: Int = bind("virDomainGetVcpusFlags")
_DOMAIN_SET_VCPUS: Int = bind("virDomainSetVcpus")
_DOMAIN_SET_VCPUS_FLAGS: Int = bind("virDomainSetVcpusFlags")
_DOMAIN_SET_VCPU: Int = bind("virDomainSetVcpu")
_DOMAIN_GET_GUEST_VCPUS: Dict = quiet(bind("virDomainGetGuestVcpus", as_dict))
_DOMAIN_SET_GUEST_VCPUS: Int = bind("virDomainSetGuestVcpus")
_GET_INFO: List = bind("virDomainGetInfo")
_GET_VCPUS: Tuple = bind("virDomainGetVcpus", as_tuple)
_GET_VCPU_PIN_INFO: List = bind("virDomainGetVcpuPinInfo", as_list)
_DOMAIN_PIN_VCPU: Int = bind("virDomainPinVcpu")
_DOMAIN_PIN_VCPU_FLAGS: Int = bind("virDomainPinVcpuFlags")
_GET_EMULATOR_PIN_INFO: Bytes = bind("virDomainGetEmulatorPinInfo", typed)
_DOMAIN_PIN_EMULATOR: Int = bind("virDomainPinEmulator")


class Vcpu(Owned):
    """Methods of virDomain."""

    def maxVcpus(self) -> int:
        """virDomainGetMaxVcpus (libvirt 0.2.1; domain:read)."""
        return _DOMAIN_GET_MAX_VCPUS(self)

    def vcpusFlags(self, flags: int = 0) -> int:
        """virDomainGetVcpusFlags (libvirt 0.8.5; domain:read)."""
        return _DOMAIN_GET_VCPUS_FLAGS(self, flags)

    def setVcpus(self, nvcpus: int) -> int:
        """virDomainSetVcpus (libvirt 0.1.4; domain:write)."""
        return _DOMAIN_SET_VCPUS(self, nvcpus)

    def setVcpusFlags(self, nvcpus: int, flags: int = 0) -> int:
        """virDomainSetVcpusFlags (libvirt 0.8.5; domain:write)."""
        return _DOMAIN_SET_VCPUS_FLAGS(self, nvcpus, flags)

    def setVcpu(self, vcpumap: str, state: int, flags: int = 0) -> int:
        """virDomainSetVcpu (libvirt 3.1.0; domain:write)."""
        return _DOMAIN_SET_VCPU(self, vcpumap, state, flags)

    def guestVcpus(self, flags: int = 0) -> dict[str, Any]:
        """virDomainGetGuestVcpus (libvirt 2.0.0; domain:write)."""
        return _DOMAIN_GET_GUEST_VCPUS(self, flags)

    def setGuestVcpus(self, cpumap: str, state: int, flags: int = 0) -> int:
        """virDomainSetGuestVcpus (libvirt 2.0.0; domain:write)."""
        return _DOMAIN_SET_GUEST_VCPUS(self, cpumap, state, flags)

    def vcpus(self) -> tuple[list[tuple[int, int, int, int]], list[tuple[bool, ...]]]:
        """virDomainGetVcpus (libvirt 0.1.4; domain:read).

        :returns: (number, VIR_VCPU_*, CPU time in ns, host CPU) of each; the CPUs each may use
        """
        cpus = host_cpus(self)
        info, maps = _GET_VCPUS(self)
        return [tuple(one) for one in info], [tuple(cpu_list(m, cpus)) for m in maps]

    def vcpuPinInfo(self, flags: int = 0) -> list[tuple[bool, ...]]:
        """virDomainGetVcpuPinInfo (libvirt 0.9.3; domain:read): the host CPUs each vCPU may use, of
        as many vCPUs as :meth:`info` tells.
        """
        cpus, count = host_cpus(self), _GET_INFO(self)[3]
        return [tuple(cpu_list(m, cpus)) for m in _GET_VCPU_PIN_INFO(self, flags)[:count]]

    def pinVcpu(self, vcpu: int, cpumap: tuple[bool, ...]) -> int:
        """virDomainPinVcpu (libvirt 0.1.4).

        :param cpumap: for each CPU of the host whether it may be used
        """
        return _DOMAIN_PIN_VCPU(self, vcpu, cpu_bytes(cpumap, host_cpus(self)))

    def pinVcpuFlags(self, vcpu: int, cpumap: tuple[bool, ...], flags: int = 0) -> int:
        """virDomainPinVcpuFlags (libvirt 0.9.3).

        :param cpumap: for each CPU of the host whether it may be used
        """
        return _DOMAIN_PIN_VCPU_FLAGS(self, vcpu, cpu_bytes(cpumap, host_cpus(self)), flags)

    def emulatorPinInfo(self, flags: int = 0) -> tuple[bool, ...]:
        """virDomainGetEmulatorPinInfo (libvirt 0.10.0; domain:read): the host CPUs it may use."""
        cpus = host_cpus(self)
        return tuple(cpu_list(_GET_EMULATOR_PIN_INFO(self, flags), cpus))

    def pinEmulator(self, cpumap: tuple[bool, ...], flags: int = 0) -> int:
        """virDomainPinEmulator (libvirt 0.10.0).

        :param cpumap: for each CPU of the host whether it may be used
        """
        return _DOMAIN_PIN_EMULATOR(self, cpu_bytes(cpumap, host_cpus(self)), flags)
