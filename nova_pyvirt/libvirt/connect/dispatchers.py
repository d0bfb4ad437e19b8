# SPDX-License-Identifier: Apache-2.0
"""virConnect's dispatchers: each calls one user's callback with what its kind of event carries.

The first argument is the handle of the object the event is about; the callback gets the object.
"""

from typing import Any

from nova_pyvirt.libvirt.connect.base import Base
from nova_pyvirt.libvirt.domain import virDomain
from nova_pyvirt.libvirt.network import virNetwork
from nova_pyvirt.libvirt.nodedev import virNodeDevice
from nova_pyvirt.libvirt.secret import virSecret
from nova_pyvirt.libvirt.storagepool import virStoragePool


class Dispatchers(Base):
    """Methods of virConnect that libvirt-python has too."""

    def _dispatchDomainEventAgentLifecycleCallback(
        self, dom: Any, state: int, reason: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), state, reason, cbData["opaque"])
        return 0

    def _dispatchDomainEventBalloonChangeCallback(
        self, dom: Any, actual: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), actual, cbData["opaque"])
        return 0

    def _dispatchDomainEventBlockJobCallback(
        self, dom: Any, disk: str | None, type: int, status: int, cbData: dict[str, Any]
    ) -> None:
        cbData["cb"](self, virDomain(self, dom), disk, type, status, cbData["opaque"])

    def _dispatchDomainEventBlockThresholdCallback(
        self,
        dom: Any,
        dev: str | None,
        path: str | None,
        threshold: int,
        excess: int,
        cbData: dict[str, Any],
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), dev, path, threshold, excess, cbData["opaque"])
        return 0

    def _dispatchDomainEventChannelLifecycleCallback(
        self, dom: Any, state: int, reason: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), state, reason, cbData["opaque"])
        return 0

    def _dispatchDomainEventDeviceAddedCallback(
        self, dom: Any, devAlias: str | None, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), devAlias, cbData["opaque"])
        return 0

    def _dispatchDomainEventDeviceRemovalFailedCallback(
        self, dom: Any, devAlias: str | None, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), devAlias, cbData["opaque"])
        return 0

    def _dispatchDomainEventDeviceRemovedCallback(
        self, dom: Any, devAlias: str | None, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), devAlias, cbData["opaque"])
        return 0

    def _dispatchDomainEventDiskChangeCallback(
        self,
        dom: Any,
        oldSrcPath: str | None,
        newSrcPath: str | None,
        devAlias: str | None,
        reason: int,
        cbData: dict[str, Any],
    ) -> int:
        cbData["cb"](
            self, virDomain(self, dom), oldSrcPath, newSrcPath, devAlias, reason, cbData["opaque"]
        )
        return 0

    def _dispatchDomainEventGenericCallback(self, dom: Any, cbData: dict[str, Any]) -> int:
        cbData["cb"](self, virDomain(self, dom), cbData["opaque"])
        return 0

    def _dispatchDomainEventGraphicsCallback(
        self,
        dom: Any,
        phase: int,
        localAddr: Any,
        remoteAddr: Any,
        authScheme: str | None,
        subject: Any,
        cbData: dict[str, Any],
    ) -> int:
        cbData["cb"](
            self,
            virDomain(self, dom),
            phase,
            localAddr,
            remoteAddr,
            authScheme,
            subject,
            cbData["opaque"],
        )
        return 0

    def _dispatchDomainEventIOErrorCallback(
        self,
        dom: Any,
        srcPath: str | None,
        devAlias: str | None,
        action: int,
        cbData: dict[str, Any],
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), srcPath, devAlias, action, cbData["opaque"])
        return 0

    def _dispatchDomainEventIOErrorReasonCallback(
        self,
        dom: Any,
        srcPath: str | None,
        devAlias: str | None,
        action: int,
        reason: int,
        cbData: dict[str, Any],
    ) -> int:
        cbData["cb"](
            self, virDomain(self, dom), srcPath, devAlias, action, reason, cbData["opaque"]
        )
        return 0

    def _dispatchDomainEventJobCompletedCallback(
        self, dom: Any, params: Any, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), params, cbData["opaque"])
        return 0

    def _dispatchDomainEventLifecycleCallback(
        self, dom: Any, event: int, detail: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), event, detail, cbData["opaque"])
        return 0

    def _dispatchDomainEventMemoryDeviceSizeChangeCallback(
        self, dom: Any, alias: str | None, size: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), alias, size, cbData["opaque"])
        return 0

    def _dispatchDomainEventMemoryFailureCallback(
        self, dom: Any, recipient: int, action: int, flags: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), recipient, action, flags, cbData["opaque"])
        return 0

    def _dispatchDomainEventMetadataChangeCallback(
        self, dom: Any, mtype: int, nsuri: str | None, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), mtype, nsuri, cbData["opaque"])
        return 0

    def _dispatchDomainEventMigrationIterationCallback(
        self, dom: Any, iteration: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), iteration, cbData["opaque"])
        return 0

    def _dispatchDomainEventNICMACChangeCallback(
        self,
        dom: Any,
        alias: str | None,
        oldMAC: str | None,
        newMAC: str | None,
        cbData: dict[str, Any],
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), alias, oldMAC, newMAC, cbData["opaque"])
        return 0

    def _dispatchDomainEventPMSuspendCallback(
        self, dom: Any, reason: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), reason, cbData["opaque"])
        return 0

    def _dispatchDomainEventPMSuspendDiskCallback(
        self, dom: Any, reason: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), reason, cbData["opaque"])
        return 0

    def _dispatchDomainEventPMWakeupCallback(
        self, dom: Any, reason: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), reason, cbData["opaque"])
        return 0

    def _dispatchDomainEventRTCChangeCallback(
        self, dom: Any, offset: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), offset, cbData["opaque"])
        return 0

    def _dispatchDomainEventTrayChangeCallback(
        self, dom: Any, devAlias: str | None, reason: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), devAlias, reason, cbData["opaque"])
        return 0

    def _dispatchDomainEventTunableCallback(
        self, dom: Any, params: Any, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), params, cbData["opaque"])
        return 0

    def _dispatchDomainEventVcpuRemovedCallback(
        self, dom: Any, vcpuid: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), vcpuid, cbData["opaque"])
        return 0

    def _dispatchDomainEventWatchdogCallback(
        self, dom: Any, action: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virDomain(self, dom), action, cbData["opaque"])
        return 0

    def _dispatchNetworkEventLifecycleCallback(
        self, net: Any, event: int, detail: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virNetwork(self, net), event, detail, cbData["opaque"])
        return 0

    def _dispatchNetworkEventMetadataChangeCallback(
        self, dom: Any, mtype: int, nsuri: str | None, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virNetwork(self, dom), mtype, nsuri, cbData["opaque"])
        return 0

    def _dispatchNodeDeviceEventGenericCallback(self, dev: Any, cbData: dict[str, Any]) -> int:
        cbData["cb"](self, virNodeDevice(self, dev), cbData["opaque"])
        return 0

    def _dispatchNodeDeviceEventLifecycleCallback(
        self, dev: Any, event: int, detail: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virNodeDevice(self, dev), event, detail, cbData["opaque"])
        return 0

    def _dispatchSecretEventGenericCallback(self, secret: Any, cbData: dict[str, Any]) -> int:
        cbData["cb"](self, virSecret(self, secret), cbData["opaque"])
        return 0

    def _dispatchSecretEventLifecycleCallback(
        self, secret: Any, event: int, detail: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virSecret(self, secret), event, detail, cbData["opaque"])
        return 0

    def _dispatchStoragePoolEventGenericCallback(self, pool: Any, cbData: dict[str, Any]) -> int:
        cbData["cb"](self, virStoragePool(self, pool), cbData["opaque"])
        return 0

    def _dispatchStoragePoolEventLifecycleCallback(
        self, pool: Any, event: int, detail: int, cbData: dict[str, Any]
    ) -> int:
        cbData["cb"](self, virStoragePool(self, pool), event, detail, cbData["opaque"])
        return 0
