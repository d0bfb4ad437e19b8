# SPDX-License-Identifier: Apache-2.0
"""Display adapters (qemuBuildVideoCommandLine)."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.devices.guest import (
    Args,
    Guest,
    Props,
    device,
    positive,
)
from nova_pyvirt.model.devices.video import Video

_PRIMARY = {"vga": "VGA", "cirrus": "cirrus-vga", "vmvga": "vmware-svga", "qxl": "qxl-vga",
            "bochs": "bochs-display", "ramfb": "ramfb"}  # fmt: skip


def videos(guest: Guest) -> Args:
    """-device of display adapters."""
    args: Args = []
    for item in guest.devices.videos:
        if item.model == "none":
            continue
        if item.driver_name == "vhostuser":
            fds = guest.fds(item.alias)
            where = f"fd={fds[0] if fds else -1}"
            args += ["-chardev", f"socket,id=chr-vu-{item.alias},{where}"]
        args += device(props(guest, item))
    return args


def props(guest: Guest, item: Video) -> Props:
    """The properties of one adapter.

    :raises libvirtError: INTERNAL_ERROR for a model that can't be here
    """
    found = _model(guest, item)
    vhost = item.driver_name == "vhostuser"
    virgl = None
    if item.model == "virtio" and not vhost and guest.caps.has("virtio-gpu.virgl"):
        virgl = item.accel3d
    found |= {"id": item.alias, "virgl": virgl}
    if item.model in ("qxl", "virtio"):
        found["max_outputs"] = positive(item.heads)
    found |= _memory(guest, item)
    if vhost:
        found["chardev"] = f"chr-vu-{item.alias}"
    found |= {"xres": positive(item.x), "yres": positive(item.y)}
    return found | guest.place(item)


def _model(guest: Guest, item: Video) -> Props:
    vhost = item.driver_name == "vhostuser"
    if item.primary and _has_vga(guest, item):
        if vhost:
            return {"driver": "vhost-user-vga"}
        if item.model == "virtio":
            gl = item.accel3d and guest.caps.has("virtio-vga-gl")
            base = "virtio-vga-gl" if gl else "virtio-vga"
            return guest.virtio(item, base, None, suffix=False)
        model = _PRIMARY.get(item.model)
        if model is not None:
            return {"driver": model}
    elif vhost:
        return guest.virtio(item, "vhost-user-gpu", None)
    elif item.model == "virtio":
        gl = item.accel3d and guest.caps.has("virtio-gpu-gl-pci")
        return guest.virtio(item, "virtio-gpu-gl" if gl else "virtio-gpu", None)
    elif item.model == "qxl":
        return {"driver": "qxl"}
    detail = f"invalid model for video type '{item.model}'"
    raise errors.error(Code.INTERNAL_ERROR, detail)


def _has_vga(guest: Guest, item: Video) -> bool:
    if item.driver_name == "vhostuser":
        return guest.caps.has("vhost-user-vga")
    return item.model != "virtio" or guest.caps.has("virtio-vga")


def _memory(guest: Guest, item: Video) -> Props:
    if item.model == "qxl":
        return {
            "ram_size": positive((item.ram or 0) << 10),
            "vram_size": positive((item.vram or 0) << 10),
            "vram64_size_mb": (item.vram64 or 0) >> 10,
            "vgamem_mb": (item.vgamem or 0) >> 10,
        }
    if item.model in ("vga", "vmvga"):
        return {"vgamem_mb": positive((item.vram or 0) >> 10)}
    if item.model == "bochs":
        return {"vgamem": positive((item.vram or 0) << 10)}
    return {}
