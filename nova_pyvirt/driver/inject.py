# SPDX-License-Identifier: Apache-2.0
"""Makes nova_pyvirt.libvirt the process's ``libvirt``, before nova imports it."""

import importlib
import sys
from types import ModuleType

MODULE = "nova_pyvirt.libvirt"

_NOVA_USERS = (
    "nova.virt.libvirt.driver",
    "nova.virt.libvirt.guest",
    "nova.virt.libvirt.host",
    "nova.virt.libvirt.migration",
)
"""The modules of nova (31 to 34) that keep ``libvirt`` as an attribute."""


class TooLate(RuntimeError):
    """Another libvirt module is in use already; says which and by whom."""


def install() -> ModuleType:
    """Puts our modules into sys.modules as libvirt, libvirt_qemu and libvirtmod_qemu.

    Modules of nova that were imported when there was no libvirt to import get ours now. May be
    called again. Raises TooLate when nova, or anybody else, imported another libvirt before: two
    of them in one process would hand each other objects that they do not know.
    """
    ours = importlib.import_module(MODULE)
    qemu = importlib.import_module(MODULE + "_qemu")
    refuse_other(ours)
    binding = _binding(qemu)
    sys.modules["libvirt"] = ours
    sys.modules["libvirt_qemu"] = qemu
    sys.modules["libvirtmod_qemu"] = binding
    for name in _NOVA_USERS:
        module = sys.modules.get(name)
        if module is None:
            continue
        # nova sets both to None where the import failed; before nova 33 they may be unset
        if hasattr(module, "libvirt"):
            setattr(module, "libvirt", ours)
        if hasattr(module, "libvirtmod_qemu"):
            setattr(module, "libvirtmod_qemu", binding)
    return ours


def refuse_other(ours: ModuleType) -> None:
    """Raises TooLate when a libvirt module that is not `ours` is in use."""
    found = {"sys.modules": sys.modules.get("libvirt")}
    for name in _NOVA_USERS:
        found[name] = getattr(sys.modules.get(name), "libvirt", None)
    for user, module in found.items():
        if module is not None and module is not ours:
            where = getattr(module, "__file__", None) or repr(module)
            raise TooLate(
                f"compute_driver=pyvirt.PyVirtDriver needs {MODULE} as the process's libvirt, but "
                f"{user} holds {where} already. Call nova_pyvirt.driver.inject.install() before "
                "anything imports libvirt or nova.virt.libvirt."
            )


def _binding(qemu: ModuleType) -> ModuleType:
    """The C binding as nova uses it: virDomainQemuMonitorCommand(dom._o, command, flags)."""
    held = sys.modules.get("libvirtmod_qemu")
    if held is not None and getattr(held, "_nova_pyvirt", False):
        return held
    if hasattr(qemu, "virDomainQemuMonitorCommand"):
        return qemu
    module = ModuleType("libvirtmod_qemu", "libvirt_qemu's functions on bare handles.")

    def monitor_command(handle: object, command: str, flags: int) -> object:
        # the facade's functions want an object that holds the handle as _o, and nothing else
        return qemu.qemuMonitorCommand(_Holder(handle), command, flags)

    vars(module).update(virDomainQemuMonitorCommand=monitor_command, _nova_pyvirt=True)
    return module


class _Holder:
    """Stands in for the virDomain that a handle came from."""

    def __init__(self, handle: object) -> None:
        self._o = handle
