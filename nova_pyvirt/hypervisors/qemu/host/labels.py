# SPDX-License-Identifier: Apache-2.0
"""Which files of a guest belong to QEMU's user while it runs."""

from collections.abc import Iterator

from nova_pyvirt.model.domain import Domain


def paths(definition: Domain) -> list[str]:
    """Images with what is below them, firmware variables, and what QEMU boots directly."""
    return list(dict.fromkeys(path for path in _all(definition) if path))


def _all(definition: Domain) -> Iterator[str | None]:
    for disk in definition.devices.disks:
        if disk.type not in ("file", "block"):
            continue
        yield disk.path
        layer = disk.backing
        while layer is not None and layer.source is not None:
            yield layer.source.file or layer.source.dev
            layer = layer.backing
    yield definition.nvram_path
    yield definition.os.kernel
    yield definition.os.initrd
