# SPDX-License-Identifier: Apache-2.0
"""A drop-in for libvirt-python: the names of the module `libvirt`."""

from nova_pyvirt.libvirt import names as _names
from nova_pyvirt.libvirt.aliases import (
    _T,
    _BlkioParameter,
    _DomainCB,
    _EventAddHandleFunc,
    _EventAddTimeoutFunc,
    _EventCB,
    _EventRemoveHandleFunc,
    _EventRemoveTimeoutFunc,
    _EventUpdateHandleFunc,
    _EventUpdateTimeoutFunc,
    _MemoryParameter,
    _SchedParameter,
    _TimerCB,
    _TypedParameter,
)
from nova_pyvirt.libvirt.checkpoint import virDomainCheckpoint
from nova_pyvirt.libvirt.connect import open, openAuth, openReadOnly, virConnect
from nova_pyvirt.libvirt.domain import virDomain
from nova_pyvirt.libvirt.errors import (
    libvirtError,
    registerErrorHandler,
    virGetLastError,
    virGetLastErrorCode,
    virGetLastErrorDomain,
    virGetLastErrorMessage,
    virResetLastError,
)
from nova_pyvirt.libvirt.events.loop import (
    _dispatchEventHandleCallback,
    _dispatchEventTimeoutCallback,
    _eventInvokeHandleCallback,
    _eventInvokeTimeoutCallback,
    virEventAddHandle,
    virEventAddTimeout,
    virEventInvokeFreeCallback,
    virEventRegisterDefaultImpl,
    virEventRegisterImpl,
    virEventRemoveHandle,
    virEventRemoveTimeout,
    virEventRunDefaultImpl,
    virEventUpdateHandle,
    virEventUpdateTimeout,
)
from nova_pyvirt.libvirt.interface import virInterface
from nova_pyvirt.libvirt.network import virNetwork
from nova_pyvirt.libvirt.networkport import virNetworkPort
from nova_pyvirt.libvirt.nodedev import virNodeDevice
from nova_pyvirt.libvirt.nwfilter import virNWFilter
from nova_pyvirt.libvirt.nwfilterbinding import virNWFilterBinding
from nova_pyvirt.libvirt.secret import virSecret
from nova_pyvirt.libvirt.snapshot import virDomainSnapshot
from nova_pyvirt.libvirt.storagepool import virStoragePool
from nova_pyvirt.libvirt.storagevol import virStorageVol
from nova_pyvirt.libvirt.stream import virStream
from nova_pyvirt.libvirt.version import getVersion, virInitialize

__getattr__ = _names.install(globals())

__all__ = [
    "_T",
    "_BlkioParameter",
    "_DomainCB",
    "_EventAddHandleFunc",
    "_EventAddTimeoutFunc",
    "_EventCB",
    "_EventRemoveHandleFunc",
    "_EventRemoveTimeoutFunc",
    "_EventUpdateHandleFunc",
    "_EventUpdateTimeoutFunc",
    "_MemoryParameter",
    "_SchedParameter",
    "_TimerCB",
    "_TypedParameter",
    "_dispatchEventHandleCallback",
    "_dispatchEventTimeoutCallback",
    "_eventInvokeHandleCallback",
    "_eventInvokeTimeoutCallback",
    "getVersion",
    "libvirtError",
    "open",
    "openAuth",
    "openReadOnly",
    "registerErrorHandler",
    "virConnect",
    "virDomain",
    "virDomainCheckpoint",
    "virDomainSnapshot",
    "virEventAddHandle",
    "virEventAddTimeout",
    "virEventInvokeFreeCallback",
    "virEventRegisterDefaultImpl",
    "virEventRegisterImpl",
    "virEventRemoveHandle",
    "virEventRemoveTimeout",
    "virEventRunDefaultImpl",
    "virEventUpdateHandle",
    "virEventUpdateTimeout",
    "virGetLastError",
    "virGetLastErrorCode",
    "virGetLastErrorDomain",
    "virGetLastErrorMessage",
    "virInitialize",
    "virInterface",
    "virNWFilter",
    "virNWFilterBinding",
    "virNetwork",
    "virNetworkPort",
    "virNodeDevice",
    "virResetLastError",
    "virSecret",
    "virStoragePool",
    "virStorageVol",
    "virStream",
]
__all__ += _names.CONSTANTS  # noqa: PLE0605
