# SPDX-License-Identifier: Apache-2.0
"""QEMU's firmware descriptors (docs/interop/firmware.json of QEMU)."""

import fnmatch
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from nova_pyvirt.core.host import HostFs
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.util.native import os

#: code image and its variables' initial image, where no descriptor serves a machine (qemu.conf's
#: ``nvram`` setting replaces them)
DEFAULT_LOADERS = (
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),
    ("/usr/share/AAVMF/AAVMF32_CODE.fd", "/usr/share/AAVMF/AAVMF32_VARS.fd"),
)
_SYSTEM = ("usr/share/qemu/firmware", "etc/qemu/firmware")


@dataclass(frozen=True)
class Firmware:
    """One descriptor.

    :ivar file: where it was read
    :ivar interfaces: ``uefi``, ``bios``…
    :ivar device: ``flash``, ``memory`` or ``kernel``
    :ivar executable: the code image; :ivar executable_format: raw or qcow2
    :ivar mode: of flash: ``split``, ``combined`` or ``stateless``
    :ivar nvram_template: the variables' initial image, None when there is none
    :ivar targets: (QEMU's architecture name, machine patterns)
    :ivar features: ``secure-boot``, ``requires-smm``, ``enrolled-keys``…
    """

    file: str
    interfaces: tuple[str, ...]
    device: str
    executable: str | None
    executable_format: str | None
    mode: str
    nvram_template: str | None
    nvram_format: str | None
    targets: tuple[tuple[str, tuple[str, ...]], ...]
    features: frozenset[str]

    def serves(self, machine: str, arch: str) -> bool:
        """Is it for `machine` (canonical name) of `arch` (libvirt's name)?"""
        target = {"i686": "i386", "armv7l": "arm"}.get(arch, arch)
        return any(
            name == target and any(fnmatch.fnmatchcase(machine, pattern) for pattern in patterns)
            for name, patterns in self.targets
        )


def descriptors(fs: HostFs, *, privileged: bool = True) -> list[Firmware]:
    """All descriptors by file name: the administrator's replace the distribution's of that name,
    a user's replace both, an empty file hides one.

    :raises libvirtError: INTERNAL_ERROR for a broken descriptor
    """
    folders = [str(fs.path(name)) for name in _SYSTEM]
    if not privileged:
        home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        folders.append(os.path.join(home, "qemu/firmware"))
    files: dict[str, tuple[str, os.stat_result]] = {}
    for folder in folders:
        files.update(_files(folder))
    ordered = [files[name] for name in sorted(files)]
    return [
        _parse(path, about.st_mtime_ns, about.st_ino) for path, about in ordered if about.st_size
    ]


def _files(folder: str) -> dict[str, tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            return {
                entry.name: (entry.path, entry.stat())
                for entry in entries
                if entry.name.endswith(".json")
                and not entry.name.startswith(".")
                and entry.is_file()
            }
    except OSError:
        return {}


@lru_cache(maxsize=64)
def _parse(path: str, _changed: int, _inode: int) -> Firmware:
    """Again when the file has changed."""
    try:
        with open(path, encoding="utf-8") as file:
            return _firmware(path, json.load(file))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        detail = f"failed to parse firmware descriptor '{path}': {exc}"
        raise error(Code.INTERNAL_ERROR, detail, domain=From.QEMU) from exc


def _firmware(file: str, text: dict[str, Any]) -> Firmware:
    mapping = text["mapping"]
    device = mapping["device"]
    if device == "flash":
        executable = mapping["executable"]
        nvram = mapping.get("nvram-template") or {}
    else:
        executable, nvram = mapping, {}
    return Firmware(
        file=file,
        interfaces=tuple(text["interface-types"]),
        device=device,
        executable=executable.get("filename"),
        executable_format=executable.get("format"),
        mode=mapping.get("mode", "split"),
        nvram_template=nvram.get("filename"),
        nvram_format=nvram.get("format"),
        targets=tuple((t["architecture"], tuple(t["machines"])) for t in text["targets"]),
        features=frozenset(text.get("features", ())),
    )
