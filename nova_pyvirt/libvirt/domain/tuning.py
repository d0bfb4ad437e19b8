# SPDX-License-Identifier: Apache-2.0
"""Scheduler, blkio, NUMA, network interface and perf parameters."""

from typing import Any

from nova_pyvirt.libvirt.call import Dict, Int, Tuple, as_tuple, bind, typed
from nova_pyvirt.libvirt.convert import check_dict, like
from nova_pyvirt.libvirt.objects import Owned

_DOMAIN_GET_SCHEDULER_TYPE: Tuple = bind("virDomainGetSchedulerType", as_tuple)
_DOMAIN_GET_SCHEDULER_PARAMETERS: Dict = bind("virDomainGetSchedulerParameters")
_DOMAIN_GET_SCHEDULER_PARAMETERS_FLAGS: Dict = bind("virDomainGetSchedulerParametersFlags")
_OLD_DOMAIN_GET_SCHEDULER_PARAMETERS: Dict = bind("virDomainGetSchedulerParameters", typed)
_DOMAIN_SET_SCHEDULER_PARAMETERS: Int = bind("virDomainSetSchedulerParameters")
_OLD_DOMAIN_GET_SCHEDULER_PARAMETERS_FLAGS: Dict = bind(
    "virDomainGetSchedulerParametersFlags", typed
)
_DOMAIN_SET_SCHEDULER_PARAMETERS_FLAGS: Int = bind("virDomainSetSchedulerParametersFlags")
_DOMAIN_GET_BLKIO_PARAMETERS: Dict = bind("virDomainGetBlkioParameters")
_OLD_DOMAIN_GET_BLKIO_PARAMETERS: Dict = bind("virDomainGetBlkioParameters", typed)
_DOMAIN_SET_BLKIO_PARAMETERS: Int = bind("virDomainSetBlkioParameters")
_DOMAIN_GET_NUMA_PARAMETERS: Dict = bind("virDomainGetNumaParameters")
_OLD_DOMAIN_GET_NUMA_PARAMETERS: Dict = bind("virDomainGetNumaParameters", typed)
_DOMAIN_SET_NUMA_PARAMETERS: Int = bind("virDomainSetNumaParameters")
_DOMAIN_GET_INTERFACE_PARAMETERS: Dict = bind("virDomainGetInterfaceParameters")
_OLD_DOMAIN_GET_INTERFACE_PARAMETERS: Dict = bind("virDomainGetInterfaceParameters", typed)
_DOMAIN_SET_INTERFACE_PARAMETERS: Int = bind("virDomainSetInterfaceParameters")
_DOMAIN_GET_PERF_EVENTS: Dict = bind("virDomainGetPerfEvents")
_OLD_DOMAIN_GET_PERF_EVENTS: Dict = bind("virDomainGetPerfEvents", typed)
_DOMAIN_SET_PERF_EVENTS: Int = bind("virDomainSetPerfEvents")


class Tuning(Owned):
    """Methods of virDomain that deal in typed parameters."""

    def schedulerType(self) -> tuple[Any, ...]:
        """virDomainGetSchedulerType (libvirt 0.2.3; domain:read)."""
        return _DOMAIN_GET_SCHEDULER_TYPE(self)

    def schedulerParameters(self) -> dict[str, Any]:
        """virDomainGetSchedulerParameters (libvirt 0.2.3; domain:read)."""
        return _DOMAIN_GET_SCHEDULER_PARAMETERS(self)

    def schedulerParametersFlags(self, flags: int = 0) -> dict[str, Any]:
        """virDomainGetSchedulerParametersFlags (libvirt 0.9.2; domain:read)."""
        return _DOMAIN_GET_SCHEDULER_PARAMETERS_FLAGS(self, flags)

    def setSchedulerParameters(self, params: dict[str, Any]) -> int:
        """virDomainSetSchedulerParameters (libvirt 0.2.3).

        :param params: some of what :meth:`schedulerParameters` shows: read first
        :raises LookupError: `params` is empty or has a name that was not read
        :raises TypeError: a value has another type
        """
        check_dict(params)
        known = _OLD_DOMAIN_GET_SCHEDULER_PARAMETERS(self)
        return _DOMAIN_SET_SCHEDULER_PARAMETERS(self, like(params, known))

    def setSchedulerParametersFlags(self, params: dict[str, Any], flags: int = 0) -> int:
        """virDomainSetSchedulerParametersFlags (libvirt 0.9.2).

        :param params: some of what :meth:`schedulerParametersFlags` shows: read first
        :raises LookupError: `params` is empty or has a name that was not read
        :raises TypeError: a value has another type
        """
        check_dict(params)
        known = _OLD_DOMAIN_GET_SCHEDULER_PARAMETERS_FLAGS(self, flags)
        return _DOMAIN_SET_SCHEDULER_PARAMETERS_FLAGS(self, like(params, known), flags)

    def blkioParameters(self, flags: int = 0) -> dict[str, Any]:
        """virDomainGetBlkioParameters (libvirt 0.9.0; domain:read)."""
        return _DOMAIN_GET_BLKIO_PARAMETERS(self, flags)

    def setBlkioParameters(self, params: dict[str, Any], flags: int = 0) -> int:
        """virDomainSetBlkioParameters (libvirt 0.9.0).

        :param params: some of what :meth:`blkioParameters` shows: read first
        :raises LookupError: `params` is empty or has a name that was not read
        :raises TypeError: a value has another type
        """
        check_dict(params)
        known = _OLD_DOMAIN_GET_BLKIO_PARAMETERS(self, flags)
        return _DOMAIN_SET_BLKIO_PARAMETERS(self, like(params, known), flags)

    def numaParameters(self, flags: int = 0) -> dict[str, Any]:
        """virDomainGetNumaParameters (libvirt 0.9.9; domain:read)."""
        return _DOMAIN_GET_NUMA_PARAMETERS(self, flags)

    def setNumaParameters(self, params: dict[str, Any], flags: int = 0) -> int:
        """virDomainSetNumaParameters (libvirt 0.9.9).

        :param params: some of what :meth:`numaParameters` shows: read first
        :raises LookupError: `params` is empty or has a name that was not read
        :raises TypeError: a value has another type
        """
        check_dict(params)
        known = _OLD_DOMAIN_GET_NUMA_PARAMETERS(self, flags)
        return _DOMAIN_SET_NUMA_PARAMETERS(self, like(params, known), flags)

    def interfaceParameters(self, device: str | None, flags: int = 0) -> dict[str, Any]:
        """virDomainGetInterfaceParameters (libvirt 0.9.9; domain:read)."""
        return _DOMAIN_GET_INTERFACE_PARAMETERS(self, device, flags)

    def setInterfaceParameters(self, device: str, params: dict[str, Any], flags: int = 0) -> int:
        """virDomainSetInterfaceParameters (libvirt 0.9.9).

        :param params: some of what :meth:`interfaceParameters` shows: read first
        :raises LookupError: `params` is empty or has a name that was not read
        :raises TypeError: a value has another type
        """
        check_dict(params)
        known = _OLD_DOMAIN_GET_INTERFACE_PARAMETERS(self, device, flags)
        return _DOMAIN_SET_INTERFACE_PARAMETERS(self, device, like(params, known), flags)

    def perfEvents(self, flags: int = 0) -> dict[str, Any]:
        """virDomainGetPerfEvents (libvirt 1.3.3; domain:read)."""
        return _DOMAIN_GET_PERF_EVENTS(self, flags)

    def setPerfEvents(self, params: dict[str, Any], flags: int = 0) -> int:
        """virDomainSetPerfEvents (libvirt 1.3.3).

        :param params: some of what :meth:`perfEvents` shows: read first
        :raises LookupError: `params` is empty or has a name that was not read
        :raises TypeError: a value has another type
        """
        check_dict(params)
        known = _OLD_DOMAIN_GET_PERF_EVENTS(self, flags)
        return _DOMAIN_SET_PERF_EVENTS(self, like(params, known), flags)
