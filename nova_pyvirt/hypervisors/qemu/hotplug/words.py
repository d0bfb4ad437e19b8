# SPDX-License-Identifier: Apache-2.0
"""libvirt's words for kinds of devices (virDomainDeviceType)."""

from typing import Final

_WORDS: Final = {
    "disks": "disk", "leases": "lease", "filesystems": "filesystem", "interfaces": "interface",
    "inputs": "input", "sounds": "sound", "videos": "video", "hostdevs": "hostdev",
    "watchdogs": "watchdog", "controllers": "controller", "graphics": "graphics", "hubs": "hub",
    "redirdevs": "redirdev", "smartcards": "smartcard", "memballoon": "memballoon",
    "nvram": "nvram", "rngs": "rng", "shmems": "shmem", "tpms": "tpm", "panics": "panic",
    "memories": "memory", "iommu": "iommu", "vsock": "vsock", "audios": "audio",
    "cryptos": "crypto", "serials": "chr", "parallels": "chr", "consoles": "chr",
    "channels": "chr",
}  # fmt: skip


def word(name: str) -> str:
    """What messages call the devices of a list of Devices."""
    return _WORDS[name]
