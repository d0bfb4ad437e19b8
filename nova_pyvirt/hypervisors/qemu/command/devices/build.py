# SPDX-License-Identifier: Apache-2.0
"""Devices in libvirt's order (qemuBuildCommandLine)."""

from nova_pyvirt.hypervisors.qemu.command.devices import (
    audio,
    chardev,
    controller,
    disk,
    filesystem,
    graphics,
    hostdev,
    input,
    interface,
    memory,
    misc,
    override,
    redirdev,
    tpm,
    video,
)
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args, Guest
from nova_pyvirt.hypervisors.qemu.command.devices.secrets import secret, secret_alias


def early(guest: Guest) -> Args:
    """Objects that come before the machine."""
    nvram = guest.domain.os.nvram
    args: Args = []
    if nvram is not None and nvram.source is not None and nvram.source.auth is not None:
        alias = secret_alias("libvirt-pflash1-storage", "auth")
        args = secret(guest, alias, nvram.source.auth.secret)
    return args + disk.reservation_manager(guest)


def main(guest: Guest) -> Args:
    """All devices but the few that come last."""
    args = [
        *misc.iommu(guest),
        *controller.globals_(guest),
        *controller.controllers(guest),
        *memory.memories(guest),
        *input.hubs(guest),
        *controller.ccid(guest),
        *disk.disks(guest),
        *filesystem.filesystems(guest),
        *interface.interfaces(guest),
        *redirdev.smartcards(guest),
        *chardev.serials(guest),
        *chardev.parallels(guest),
        *chardev.channels(guest),
        *chardev.consoles(guest),
        *tpm.tpms(guest),
        *input.inputs(guest),
        *audio.audios(guest),
        *graphics.graphics(guest),
        *video.videos(guest),
        *audio.sounds(guest),
        *misc.watchdogs(guest),
        *redirdev.redirdevs(guest),
        *hostdev.hostdevs(guest),
        *misc.balloon(guest),
        *misc.rngs(guest),
    ]
    return override.apply(guest, args)


def late(guest: Guest) -> Args:
    """Devices behind the sandbox."""
    args = [
        *misc.panics(guest),
        *filesystem.shmems(guest),
        *misc.vsock(guest),
        *misc.cryptos(guest),
    ]
    return override.apply(guest, args)
