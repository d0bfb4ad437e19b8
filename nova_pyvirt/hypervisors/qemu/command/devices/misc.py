# SPDX-License-Identifier: Apache-2.0
"""Small devices: IOMMU, watchdog, balloon, random numbers, panic, vsock, crypto."""

from nova_pyvirt.hypervisors.qemu.command.devices.chardev import backend
from nova_pyvirt.hypervisors.qemu.command.devices.guest import (
    Args,
    Guest,
    Props,
    device,
    object_,
    on_off,
    positive,
)
from nova_pyvirt.model.devices.misc import RNG, Crypto


def iommu(guest: Guest) -> Args:
    """-device of the IOMMU, which comes before the devices behind it."""
    item = guest.devices.iommu
    if item is None:
        return []
    if item.model == "virtio":
        return device({"driver": "virtio-iommu", "id": item.alias, **guest.place(item)})
    return device({
        "driver": "intel-iommu",
        "id": item.alias,
        "intremap": on_off(item.intremap),
        "caching-mode": item.caching_mode,
        "eim": on_off(item.eim),
        "device-iotlb": item.iotlb,
        "aw-bits": positive(item.aw_bits),
    })  # fmt: skip


def watchdogs(guest: Guest) -> Args:
    """-device and -watchdog-action; a dump is taken by us while the guest pauses."""
    args: Args = []
    for item in guest.devices.watchdogs:
        if item.model != "itco":
            args += device({"driver": item.model, "id": item.alias, **guest.place(item)})
        args += ["-watchdog-action", "pause" if item.action == "dump" else item.action]
    return args


def balloon(guest: Guest) -> Args:
    """-device of the memory balloon."""
    item = guest.devices.memballoon
    if item is None or item.model == "none":
        return []
    return device(guest.virtio(item, "virtio-balloon", item.model) | {
        "id": item.alias,
        "deflate-on-oom": item.autodeflate,
        "free-page-reporting": item.free_page_reporting,
        **guest.place(item),
    })  # fmt: skip


def rngs(guest: Guest) -> Args:
    """-object and -device of random number generators."""
    args: Args = []
    for item in guest.devices.rngs:
        args += rng_backend(guest, item)
        args += device(rng_props(guest, item))
    return args


def rng_backend(guest: Guest, item: RNG) -> Args:
    """Where the numbers come from."""
    ident = f"obj{item.alias}"
    source = item.backend
    if source.model == "random":
        return object_("rng-random", ident, filename=source.path)
    if source.model == "builtin":
        return object_("rng-builtin", ident)
    chardev = f"char{item.alias}"
    return backend(guest, source, chardev) + object_("rng-egd", ident, chardev=chardev)


def rng_props(guest: Guest, item: RNG) -> Props:
    """The properties of the device."""
    return guest.virtio(item, "virtio-rng", item.model) | {
        "rng": f"obj{item.alias}",
        "id": item.alias,
        "max-bytes": positive(item.rate_bytes),
        "period": (item.rate_period or 1000) if item.rate_bytes else None,
        **guest.place(item),
    }


def panics(guest: Guest) -> Args:
    """-device pvpanic; hyperv's crash registers belong to the CPU."""
    args: Args = []
    for item in guest.devices.panics:
        if item.model == "isa":
            port = item.address.iobase if item.address is not None else None
            args += device({"driver": "pvpanic", "ioport": port})
        elif item.model == "pvpanic":
            args += device({"driver": "pvpanic-pci", **guest.place(item)})
    return args


def vsock(guest: Guest) -> Args:
    """-device of the vsock; a free context id is chosen at start."""
    item = guest.devices.vsock
    if item is None:
        return []
    fds = guest.fds(item.alias)
    return device(guest.virtio(item, "vhost-vsock", item.model) | {
        "id": item.alias,
        "guest-cid": item.cid or 0,
        "vhostfd": str(fds[0] if fds else -1),
        **guest.place(item),
    })  # fmt: skip


def cryptos(guest: Guest) -> Args:
    """-object and -device of crypto accelerators."""
    args: Args = []
    for item in guest.devices.cryptos:
        args += object_(_crypto_kind(item), f"obj{item.alias}", queues=positive(item.queues))
        args += device(guest.virtio(item, "virtio-crypto", None) | {
            "cryptodev": f"obj{item.alias}", "id": item.alias, **guest.place(item),
        })  # fmt: skip
    return args


def _crypto_kind(item: Crypto) -> str:
    return "cryptodev-backend-lkcf" if item.backend == "lkcf" else "cryptodev-backend-builtin"
