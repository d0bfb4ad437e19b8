# SPDX-License-Identifier: Apache-2.0
"""Callbacks for events of a connection, and for its end."""

from collections.abc import Callable
from typing import Any

from nova_pyvirt.api import Family, row
from nova_pyvirt.api.events import DOMAIN, NETWORK, NODE_DEVICE, SECRET, STORAGE_POOL
from nova_pyvirt.api.refusals import origin_of
from nova_pyvirt.errors import Code, From, error, libvirtError, set_last_error
from nova_pyvirt.libvirt.call import checked, guarded
from nova_pyvirt.libvirt.connect.dispatchers import Dispatchers
from nova_pyvirt.libvirt.domain import virDomain
from nova_pyvirt.libvirt.events.registry import (
    Registration,
    deregister,
    events_of,
    register,
)
from nova_pyvirt.libvirt.handle import ConnectionHandle, Handle
from nova_pyvirt.util.native import offload

_DOMAIN_REGISTER = checked("virConnectDomainEventRegisterAny")
_DOMAIN_DEREGISTER = checked("virConnectDomainEventDeregisterAny")
_NETWORK_REGISTER = checked("virConnectNetworkEventRegisterAny")
_NETWORK_DEREGISTER = checked("virConnectNetworkEventDeregisterAny")
_STORAGE_POOL_REGISTER = checked("virConnectStoragePoolEventRegisterAny")
_STORAGE_POOL_DEREGISTER = checked("virConnectStoragePoolEventDeregisterAny")
_NODE_DEVICE_REGISTER = checked("virConnectNodeDeviceEventRegisterAny")
_NODE_DEVICE_DEREGISTER = checked("virConnectNodeDeviceEventDeregisterAny")
_SECRET_REGISTER = checked("virConnectSecretEventRegisterAny")
_SECRET_DEREGISTER = checked("virConnectSecretEventDeregisterAny")
_CLOSE_REGISTER = checked("virConnectRegisterCloseCallback")
_CLOSE_UNREGISTER = checked("virConnectUnregisterCloseCallback")


def _slot(conn: ConnectionHandle, family: Family, verb: str, function: str) -> Callable[..., Any]:
    name = f"connect_{family.slot}_event_{verb}"
    return conn.slot(name, function, origin_of(row(function)))


def _key(ref: Any) -> Any:
    """What events of one object are told by."""
    return None if ref is None else getattr(ref, "uuid", None) or ref.name


def _add(
    conn: Any, family: Family, obj: Any, event: int, data: dict[str, Any], function: str
) -> int:
    """Registers one callback; its number."""
    dispatch = family.dispatchers[event]
    ref = None if obj is None else obj._o.ref

    def target(handle: Handle, args: tuple[Any, ...]) -> None:
        getattr(conn, dispatch)(handle, *args, data)

    def run(handle: Handle) -> int:
        made = Registration(handle.conn, family.name, event, _key(ref), False, target)
        return register(made, _slot(handle.conn, family, "register_any", function), ref)

    return int(guarded(conn, run))


def _remove(conn: Any, family: Family, number: int, function: str) -> None:
    def run(handle: Handle) -> None:
        slot = _slot(handle.conn, family, "deregister_any", function)
        deregister(handle.conn, slot, number)

    guarded(conn, run)


def _check_event(family: Family, event: int, function: str) -> None:
    """libvirt-python knows a fixed set, and fails without an error of libvirt's."""
    if not 0 <= event < len(family.dispatchers):
        set_last_error(None)
        raise libvirtError(f"{function}() failed")


class Events(Dispatchers):
    """Methods of virConnect."""

    domainEventCallbacks: dict[Callable[..., Any], Any]

    def domainEventRegisterAny(
        self, dom: Any, eventID: int, cb: Callable[..., Any], opaque: Any
    ) -> int:
        """virConnectDomainEventRegisterAny: events of domains.

        :param dom: the only one whose events are wanted, None = all
        :param eventID: VIR_DOMAIN_EVENT_ID_*
        :param cb: cb(conn, domain, *what the event carries, opaque)
        :returns: the number for domainEventDeregisterAny
        """
        _check_event(DOMAIN, eventID, "virConnectDomainEventRegisterAny")
        _DOMAIN_REGISTER(self, dom, eventID, cb, opaque)
        data = {"cb": cb, "conn": self, "opaque": opaque}
        number = _add(self, DOMAIN, dom, eventID, data, "virConnectDomainEventRegisterAny")
        self.__dict__.setdefault(DOMAIN.attribute, {})[number] = opaque
        return number

    def domainEventDeregisterAny(self, callbackID: int) -> None:
        """virConnectDomainEventDeregisterAny: ends what domainEventRegisterAny began."""
        _DOMAIN_DEREGISTER(self, callbackID)
        _remove(self, DOMAIN, callbackID, "virConnectDomainEventDeregisterAny")
        self.__dict__.get(DOMAIN.attribute, {}).pop(callbackID, None)

    def networkEventRegisterAny(
        self, net: Any, eventID: int, cb: Callable[..., Any], opaque: Any
    ) -> int:
        """virConnectNetworkEventRegisterAny: events of virtual networks.

        :param net: the only one whose events are wanted, None = all
        :param eventID: VIR_NETWORK_EVENT_ID_*
        :param cb: cb(conn, network, *what the event carries, opaque)
        :returns: the number for networkEventDeregisterAny
        """
        _check_event(NETWORK, eventID, "virConnectNetworkEventRegisterAny")
        _NETWORK_REGISTER(self, net, eventID, cb, opaque)
        data = {"cb": cb, "conn": self, "opaque": opaque}
        number = _add(self, NETWORK, net, eventID, data, "virConnectNetworkEventRegisterAny")
        self.__dict__.setdefault(NETWORK.attribute, {})[number] = opaque
        return number

    def networkEventDeregisterAny(self, callbackID: int) -> None:
        """virConnectNetworkEventDeregisterAny: ends what networkEventRegisterAny began."""
        _NETWORK_DEREGISTER(self, callbackID)
        _remove(self, NETWORK, callbackID, "virConnectNetworkEventDeregisterAny")
        self.__dict__.get(NETWORK.attribute, {}).pop(callbackID, None)

    def storagePoolEventRegisterAny(
        self, pool: Any, eventID: int, cb: Callable[..., Any], opaque: Any
    ) -> int:
        """virConnectStoragePoolEventRegisterAny: events of storage pools.

        :param pool: the only one whose events are wanted, None = all
        :param eventID: VIR_STORAGE_POOL_EVENT_ID_*
        :param cb: cb(conn, pool, *what the event carries, opaque)
        :returns: the number for storagePoolEventDeregisterAny
        """
        _check_event(STORAGE_POOL, eventID, "virConnectStoragePoolEventRegisterAny")
        _STORAGE_POOL_REGISTER(self, pool, eventID, cb, opaque)
        data = {"cb": cb, "conn": self, "opaque": opaque}
        number = _add(
            self, STORAGE_POOL, pool, eventID, data, "virConnectStoragePoolEventRegisterAny"
        )
        self.__dict__.setdefault(STORAGE_POOL.attribute, {})[number] = opaque
        return number

    def storagePoolEventDeregisterAny(self, callbackID: int) -> None:
        """virConnectStoragePoolEventDeregisterAny: ends what storagePoolEventRegisterAny began."""
        _STORAGE_POOL_DEREGISTER(self, callbackID)
        _remove(self, STORAGE_POOL, callbackID, "virConnectStoragePoolEventDeregisterAny")
        self.__dict__.get(STORAGE_POOL.attribute, {}).pop(callbackID, None)

    def nodeDeviceEventRegisterAny(
        self, dev: Any, eventID: int, cb: Callable[..., Any], opaque: Any
    ) -> int:
        """virConnectNodeDeviceEventRegisterAny: events of devices of the host.

        :param dev: the only one whose events are wanted, None = all
        :param eventID: VIR_NODE_DEVICE_EVENT_ID_*
        :param cb: cb(conn, device, *what the event carries, opaque)
        :returns: the number for nodeDeviceEventDeregisterAny
        """
        _check_event(NODE_DEVICE, eventID, "virConnectNodeDeviceEventRegisterAny")
        _NODE_DEVICE_REGISTER(self, dev, eventID, cb, opaque)
        data = {"cb": cb, "conn": self, "opaque": opaque}
        number = _add(self, NODE_DEVICE, dev, eventID, data, "virConnectNodeDeviceEventRegisterAny")
        self.__dict__.setdefault(NODE_DEVICE.attribute, {})[number] = opaque
        return number

    def nodeDeviceEventDeregisterAny(self, callbackID: int) -> None:
        """virConnectNodeDeviceEventDeregisterAny: ends what nodeDeviceEventRegisterAny began."""
        _NODE_DEVICE_DEREGISTER(self, callbackID)
        _remove(self, NODE_DEVICE, callbackID, "virConnectNodeDeviceEventDeregisterAny")
        self.__dict__.get(NODE_DEVICE.attribute, {}).pop(callbackID, None)

    def secretEventRegisterAny(
        self, secret: Any, eventID: int, cb: Callable[..., Any], opaque: Any
    ) -> int:
        """virConnectSecretEventRegisterAny: events of secrets.

        :param secret: the only one whose events are wanted, None = all
        :param eventID: VIR_SECRET_EVENT_ID_*
        :param cb: cb(conn, secret, *what the event carries, opaque)
        :returns: the number for secretEventDeregisterAny
        """
        _check_event(SECRET, eventID, "virConnectSecretEventRegisterAny")
        _SECRET_REGISTER(self, secret, eventID, cb, opaque)
        data = {"cb": cb, "conn": self, "opaque": opaque}
        number = _add(self, SECRET, secret, eventID, data, "virConnectSecretEventRegisterAny")
        self.__dict__.setdefault(SECRET.attribute, {})[number] = opaque
        return number

    def secretEventDeregisterAny(self, callbackID: int) -> None:
        """virConnectSecretEventDeregisterAny: ends what secretEventRegisterAny began."""
        _SECRET_DEREGISTER(self, callbackID)
        _remove(self, SECRET, callbackID, "virConnectSecretEventDeregisterAny")
        self.__dict__.get(SECRET.attribute, {}).pop(callbackID, None)

    # --- lifecycle events the old way: any number of callbacks, no numbers

    def domainEventRegister(self, cb: Callable[..., Any], opaque: Any) -> None:
        """virConnectDomainEventRegister: cb(conn, domain, event, detail, opaque)."""
        if "domainEventCallbacks" in self.__dict__:
            self.domainEventCallbacks[cb] = opaque
            return
        self.domainEventCallbacks = {cb: opaque}
        function = "virConnectDomainEventRegister"

        def target(handle: Handle, args: tuple[Any, ...]) -> None:
            self._dispatchDomainEventCallbacks(handle, *args)

        def run(handle: Handle) -> int:
            made = Registration(handle.conn, DOMAIN.name, 0, None, True, target)
            return register(made, _slot(handle.conn, DOMAIN, "register_any", function), None)

        self._legacy = int(guarded(self, run))

    def domainEventDeregister(self, cb: Callable[..., Any]) -> None:
        """virConnectDomainEventDeregister: ends what domainEventRegister began."""
        if "domainEventCallbacks" not in self.__dict__:
            return
        del self.domainEventCallbacks[cb]
        if not self.domainEventCallbacks:
            del self.domainEventCallbacks
            _remove(self, DOMAIN, self._legacy, "virConnectDomainEventDeregister")

    def _dispatchDomainEventCallbacks(self, dom: Any, event: int, detail: int) -> None:
        for cb, opaque in list(self.__dict__.get("domainEventCallbacks", {}).items()):
            cb(self, virDomain(self, dom), event, detail, opaque)

    # --- the connection's end

    def registerCloseCallback(self, cb: Callable[..., Any], opaque: Any) -> int:
        """virConnectRegisterCloseCallback: cb(conn, reason, opaque) when the connection breaks.

        :param cb: `reason` is VIR_CONNECT_CLOSE_REASON_*
        :returns: 0
        """
        _CLOSE_REGISTER(self, cb, opaque)
        data = {"cb": cb, "conn": self, "opaque": opaque}

        def run(handle: Handle) -> None:
            conn = handle.conn
            if conn.close_callback is not None:
                raise _close_error("A close callback is already registered")
            conn.close_callback = data
            conn.hold(data)
            events_of(conn).queue.start()
            slot = _close_slot(conn, "connect_register_close_callback")
            if slot is not None:
                offload(slot, lambda reason: self._closing(conn, reason))

        guarded(self, run)
        return 0

    def unregisterCloseCallback(self) -> None:
        """virConnectUnregisterCloseCallback: ends what registerCloseCallback began."""
        _CLOSE_UNREGISTER(self)

        def run(handle: Handle) -> None:
            conn = handle.conn
            data, conn.close_callback = conn.close_callback, None
            if data is None:
                raise _close_error("A different callback was requested")
            slot = _close_slot(conn, "connect_unregister_close_callback")
            if slot is not None:
                offload(slot)
            conn.release(data)

        guarded(self, run)

    def _closing(self, conn: ConnectionHandle, reason: int) -> None:
        """On a thread of the core."""
        events_of(conn).queue.put(self._closed, conn, reason)

    def _closed(self, conn: ConnectionHandle, reason: int) -> None:
        data = conn.close_callback
        if data is not None:
            self._dispatchCloseCallback(reason, data)

    def _dispatchCloseCallback(self, reason: int, cbData: dict[str, Any]) -> int:
        cbData["cb"](self, reason, cbData["opaque"])
        return 0


def _close_error(text: str) -> libvirtError:
    return error(Code.OPERATION_INVALID, text, domain=From.REMOTE)


def _close_slot(conn: ConnectionHandle, name: str) -> Any:
    """The slot; None for drivers whose connections cannot break."""
    return getattr(conn.table, name, None)
