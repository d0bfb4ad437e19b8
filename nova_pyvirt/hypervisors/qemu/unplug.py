# SPDX-License-Identifier: Apache-2.0
"""Waiting for a guest to let go of a device (qemuDomainWaitForDeviceRemoval)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code
from nova_pyvirt.util.native import threading

#: seconds that a caller waits; libvirt's (QEMU_UNPLUG_TIMEOUT)
WAIT: Final = 5.0


class Unplug:
    """One device that somebody waits to see gone.

    :ivar gone: DEVICE_DELETED has come
    :ivar rejected: the guest has said that it keeps the device
    """

    def __init__(self, vm: DomainObj, alias: str) -> None:
        self._vm = vm
        self._alias = alias
        self._told = threading.Event()
        self.gone = False
        self.rejected = False

    @staticmethod
    @contextmanager
    def of(vm: DomainObj, alias: str) -> "Iterator[Unplug]":
        """Registers the wait; its events come to the waiter as long as it lasts."""
        unplug = Unplug(vm, alias)
        private = vm.private
        with vm.lock:
            private.unplugging[alias] = unplug
        try:
            yield unplug
        finally:
            with vm.lock:
                private.unplugging.pop(alias, None)

    def tell(self, *, gone: bool = False, rejected: bool = False) -> None:
        """Ends the wait; with neither, since the guest itself has ended."""
        self.gone = self.gone or gone
        self.rejected = rejected
        self._told.set()

    def wait(self) -> bool:
        """Has the device gone? False when it takes longer.

        :raises libvirtError: OPERATION_FAILED when the guest keeps it, or has ended
        """
        if not self._told.wait(WAIT) and self._withdrawn():
            return False
        if self.rejected:
            detail = "unplug of device was rejected by the guest"
            raise errors.error(Code.OPERATION_FAILED, detail)
        if not self.gone:
            raise errors.error(Code.OPERATION_FAILED, "domain is not running")
        return True

    def _withdrawn(self) -> bool:
        """Nobody waits from now on, unless it has just come: whoever tells is told so."""
        with self._vm.lock:
            if self._told.is_set():
                return False
            self._vm.private.unplugging.pop(self._alias, None)
            return True


def tell(vm: DomainObj, alias: str, *, gone: bool = False, rejected: bool = False) -> bool:
    """Tells the waiter of a device, if there is one; False: nobody waits any more."""
    with vm.lock:
        unplug = vm.private.unplugging.get(alias)
        if unplug is None:
            return False
        unplug.tell(gone=gone, rejected=rejected)
        return True


def ended(vm: DomainObj) -> None:
    """Nobody waits for a guest that is no more."""
    with vm.lock:
        waiting = vm.private.unplugging if vm.private is not None else {}
        for unplug in waiting.values():
            unplug.tell()
