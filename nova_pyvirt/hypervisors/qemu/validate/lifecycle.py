# SPDX-License-Identifier: Apache-2.0
"""What QEMU can do at a guest's end (qemuValidateLifecycleAction)."""

from nova_pyvirt.hypervisors.qemu.validate.common import unsupported


def check_actions(on_poweroff: str | None, on_reboot: str | None, on_crash: str | None) -> None:
    """:raises libvirtError: CONFIG_UNSUPPORTED"""
    if "rename-restart" in (on_poweroff, on_reboot, on_crash):
        raise unsupported(
            "qemu driver doesn't support the 'rename-restart' action for"
            " 'on_reboot'/'on_poweroff'/'on_crash'"
        )
    if "preserve" in (on_poweroff, on_reboot):
        raise unsupported(
            "qemu driver doesn't support the 'preserve' action for 'on_reboot'/'on_poweroff'"
        )
    if on_poweroff == "restart" and on_reboot == "destroy":
        raise unsupported(
            "qemu driver doesn't support 'onReboot' set to 'destroy and 'onPoweroff' set to"
            " 'reboot'"
        )
