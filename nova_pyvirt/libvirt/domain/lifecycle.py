# SPDX-License-Identifier: Apache-2.0
"""Starting, pausing, stopping, removing a domain."""

from typing import Any, Final

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.libvirt.call import Int, bind
from nova_pyvirt.libvirt.domain.shapes import started, stopped
from nova_pyvirt.libvirt.objects import Owned

_MAX_KEYS: Final = 16

_DOMAIN_CREATE: Int = bind("virDomainCreate", started)
_DOMAIN_CREATE_WITH_FLAGS: Int = bind("virDomainCreateWithFlags", started)
_DOMAIN_CREATE_WITH_FILES: Int = bind("virDomainCreateWithFiles", started)
_DOMAIN_SUSPEND: Int = bind("virDomainSuspend")
_DOMAIN_RESUME: Int = bind("virDomainResume")
_DOMAIN_SHUTDOWN: Int = bind("virDomainShutdown")
_DOMAIN_SHUTDOWN_FLAGS: Int = bind("virDomainShutdownFlags")
_DOMAIN_REBOOT: Int = bind("virDomainReboot")
_DOMAIN_RESET: Int = bind("virDomainReset")
_DOMAIN_DESTROY: Int = bind("virDomainDestroy", stopped)
_DOMAIN_DESTROY_FLAGS: Int = bind("virDomainDestroyFlags")
_DOMAIN_UNDEFINE: Int = bind("virDomainUndefine")
_DOMAIN_UNDEFINE_FLAGS: Int = bind("virDomainUndefineFlags")
_DOMAIN_SET_LIFECYCLE_ACTION: Int = bind("virDomainSetLifecycleAction")
_DOMAIN_PM_SUSPEND_FOR_DURATION: Int = bind("virDomainPMSuspendForDuration")
_DOMAIN_PM_WAKEUP: Int = bind("virDomainPMWakeup")
_DOMAIN_INJECT_NMI: Int = bind("virDomainInjectNMI")
_SEND_KEY: Int = bind("virDomainSendKey", args="codeset:I holdtime:I keycodes:O flags:I")
_DOMAIN_SEND_PROCESS_SIGNAL: Int = bind("virDomainSendProcessSignal")


class Lifecycle(Owned):
    """Methods of virDomain."""

    def create(self) -> int:
        """virDomainCreate (libvirt 0.1.1; domain:start)."""
        return _DOMAIN_CREATE(self)

    def createWithFlags(self, flags: int = 0) -> int:
        """virDomainCreateWithFlags (libvirt 0.8.2; domain:start)."""
        return _DOMAIN_CREATE_WITH_FLAGS(self, flags)

    def createWithFiles(self, files: Any, flags: int = 0) -> int:
        """virDomainCreateWithFiles (libvirt 1.1.1; domain:start)."""
        return _DOMAIN_CREATE_WITH_FILES(self, files, flags)

    def suspend(self) -> int:
        """virDomainSuspend (libvirt 0.0.3; domain:suspend)."""
        return _DOMAIN_SUSPEND(self)

    def resume(self) -> int:
        """virDomainResume (libvirt 0.0.3; domain:suspend)."""
        return _DOMAIN_RESUME(self)

    def shutdown(self) -> int:
        """virDomainShutdown (libvirt 0.0.3; domain:init-control)."""
        return _DOMAIN_SHUTDOWN(self)

    def shutdownFlags(self, flags: int = 0) -> int:
        """virDomainShutdownFlags (libvirt 0.9.10; domain:init-control)."""
        return _DOMAIN_SHUTDOWN_FLAGS(self, flags)

    def reboot(self, flags: int = 0) -> int:
        """virDomainReboot (libvirt 0.1.0; domain:init-control)."""
        return _DOMAIN_REBOOT(self, flags)

    def reset(self, flags: int = 0) -> int:
        """virDomainReset (libvirt 0.9.7; domain:reset)."""
        return _DOMAIN_RESET(self, flags)

    def destroy(self) -> int:
        """virDomainDestroy (libvirt 0.0.3; domain:stop)."""
        return _DOMAIN_DESTROY(self)

    def destroyFlags(self, flags: int = 0) -> int:
        """virDomainDestroyFlags (libvirt 0.9.4; domain:stop)."""
        return _DOMAIN_DESTROY_FLAGS(self, flags)

    def undefine(self) -> int:
        """virDomainUndefine (libvirt 0.1.1; domain:delete)."""
        return _DOMAIN_UNDEFINE(self)

    def undefineFlags(self, flags: int = 0) -> int:
        """virDomainUndefineFlags (libvirt 0.9.4; domain:delete)."""
        return _DOMAIN_UNDEFINE_FLAGS(self, flags)

    def setLifecycleAction(self, type: int, action: int, flags: int = 0) -> int:
        """virDomainSetLifecycleAction (libvirt 3.9.0; domain:write)."""
        return _DOMAIN_SET_LIFECYCLE_ACTION(self, type, action, flags)

    def pMSuspendForDuration(self, target: int, duration: int, flags: int = 0) -> int:
        """virDomainPMSuspendForDuration (libvirt 0.9.10; domain:pm-control)."""
        return _DOMAIN_PM_SUSPEND_FOR_DURATION(self, target, duration, flags)

    def pMWakeup(self, flags: int = 0) -> int:
        """virDomainPMWakeup (libvirt 0.9.11; domain:pm-control)."""
        return _DOMAIN_PM_WAKEUP(self, flags)

    def injectNMI(self, flags: int = 0) -> int:
        """virDomainInjectNMI (libvirt 0.9.2; domain:inject-nmi)."""
        return _DOMAIN_INJECT_NMI(self, flags)

    def sendKey(
        self, codeset: int, holdtime: int, keycodes: list[int], nkeycodes: int, flags: int = 0
    ) -> int:
        """virDomainSendKey (libvirt 0.9.3; domain:send_input).

        :param codeset: VIR_KEYCODE_SET_*
        :param holdtime: milliseconds
        :param keycodes: keys pressed at once, `nkeycodes` of them
        """
        if not isinstance(keycodes, list) or len(keycodes) != nkeycodes or nkeycodes > _MAX_KEYS:
            raise libvirtError("virDomainSendKey() failed")
        return _SEND_KEY(self, codeset, holdtime, [int(k) for k in keycodes], flags)

    def sendProcessSignal(self, pid_value: int, signum: int, flags: int = 0) -> int:
        """virDomainSendProcessSignal (libvirt 1.0.1; domain:send-signal)."""
        return _DOMAIN_SEND_PROCESS_SIGNAL(self, pid_value, signum, flags)
