# SPDX-License-Identifier: Apache-2.0
"""Booting: firmware, -boot, a kernel given directly."""

from typing import Any

from nova_pyvirt.hypervisors.qemu.command.context import escape, props
from nova_pyvirt.hypervisors.qemu.command.devices import netstorage
from nova_pyvirt.hypervisors.qemu.postparse import old_style_uefi
from nova_pyvirt.model.domain import Domain

Args = list[str]


def pflash(domain: Domain) -> Args:
    """-blockdev of a UEFI image and of its variables."""
    if not old_style_uefi(domain):
        return []
    loader, nvram = domain.os.loader, domain.os.nvram
    args = _pair("pflash0", _file(loader.path), read_only=loader.readonly is True)
    if nvram is not None and (nvram.file or nvram.source is not None):
        node = _file(nvram.file) if nvram.file else _network(nvram.source)
        args += _pair("pflash1", node, read_only=False)
    return args


def _pair(name: str, storage: dict[str, Any], *, read_only: bool) -> Args:
    node = {**storage, "node-name": f"libvirt-{name}-storage", "auto-read-only": True,
            "discard": "unmap"}  # fmt: skip
    image = {
        "node-name": f"libvirt-{name}-format",
        "read-only": read_only,
        "driver": "raw",
        "file": f"libvirt-{name}-storage",
    }
    return ["-blockdev", props(**node), "-blockdev", props(**image)]


def _file(path: str | None) -> dict[str, Any]:
    return {"driver": "file", "filename": path}


def _network(source: Any) -> dict[str, Any]:
    return netstorage.props(source, source.auth, "libvirt-pflash1-storage")


def loader(domain: Domain) -> Args:
    """-bios, or the flash that only system management mode may write."""
    found = domain.os.loader
    if found is None:
        return []
    if found.type == "rom" and found.path:
        return ["-bios", found.path]
    if found.type == "pflash" and found.secure:
        return ["-global", "driver=cfi.pflash01,property=secure,value=on"]
    return []


def boot(domain: Domain) -> Args:
    """-boot, -kernel, -initrd, -append; the order itself is in bootindex."""
    os = domain.os
    words = []
    if os.bootmenu is not None:
        words.append(f"menu={'on' if os.bootmenu else 'off'}")
    if os.reboot_timeout is not None:
        words.append(f"reboot-timeout={os.reboot_timeout}")
    if os.bootmenu and os.bootmenu_timeout is not None:
        words.append(f"splash-time={os.bootmenu_timeout}")
    words.append("strict=on")
    args = ["-boot", ",".join(words)]
    for option, value in (
        ("-kernel", os.kernel),
        ("-initrd", os.initrd),
        ("-append", os.cmdline),
        ("-dtb", os.dtb),
    ):
        if value:
            args += [option, value]
    for table in os.acpi_tables:
        args += ["-acpitable", f"sig=SLIC,file={escape(table.path)}"]
    return args
