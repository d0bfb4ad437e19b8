# SPDX-License-Identifier: Apache-2.0
"""A new image for a running guest, made by its QEMU (qemuBlockStorageSourceCreate)."""

from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.blockjobs import images
from nova_pyvirt.hypervisors.qemu.blockjobs.job import BlockJob, Kind
from nova_pyvirt.hypervisors.qemu.command import qmp
from nova_pyvirt.hypervisors.qemu.command.context import NULL
from nova_pyvirt.hypervisors.qemu.command.devices import blockdev
from nova_pyvirt.hypervisors.qemu.command.devices.guest import option
from nova_pyvirt.hypervisors.qemu.hotplug.plug import Plug, take_back
from nova_pyvirt.model.devices.disk import Disk

#: formats that QEMU can make beside raw ones
_MADE: Final = ("qcow2", "qcow", "qed", "vmdk")


def create(plug: Plug, disk: Disk, new: Disk, *, shallow_copy: bool) -> None:
    """Makes the image and its nodes, as large as the disk's own.

    :param new: the disk as it would be with it; it is there as an empty file, or a device
    :param shallow_copy: it is to have the images below the old one's, if it names no others
    :raises libvirtError: OPERATION_UNSUPPORTED for a format that can't be made; what QEMU says
    """
    guest, number = plug.guest(), images.number(new)
    below = _below(plug, disk, new, shallow_copy)
    storage, *middle, top = blockdev.image_nodes(guest, new, new, number, None)
    for command in qmp.commands(blockdev.objects(guest, new, number)):
        plug.run(command)
    capacity, cluster = _geometry(plug.vm, disk)
    if new.type == "file" and new.format == "raw":
        options = {"driver": "file", "filename": new.path, "size": capacity}
        _make(plug.vm, f"create-libvirt-{number}-storage", options)
    for node in (storage, *middle):
        _add(plug, node)
    if new.format != "raw":
        if new.format not in _MADE:
            detail = f"can't create storage format '{new.format}'"
            raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
        options = {"driver": new.format, "file": top["file"], "size": capacity}
        if new.format == "qcow2" and disk.format == "qcow2" and cluster:
            options["cluster-size"] = cluster
        if below is not None:
            options["backing-file"] = images.backing_string(below)
            if new.format == "qcow2":
                options["backing-fmt"] = below.format or "raw"
        _make(plug.vm, f"create-libvirt-{number}-format", options)
        top["backing"] = images.node(below) if below is not None else NULL
    _add(plug, top)


def _below(plug: Plug, disk: Disk, new: Disk, shallow_copy: bool) -> Any:
    """The image below the new one, its nodes in place."""
    if new.backing is not None and new.backing.source is not None:
        chain: Disk = new.copy()
        for key in images.IMAGE:
            chain.__dict__[key] = new.backing.__dict__.get(key)
        first = images.number(new.backing)
        for command in qmp.commands(blockdev.nodes(plug.guest(), chain, first)):
            plug.run(command)
        return new.backing
    return disk.backing if shallow_copy else None


def _add(plug: Plug, node: dict[str, Any]) -> None:
    for command in qmp.commands(option("-blockdev", node)):
        plug.run(command)


def _geometry(vm: DomainObj, disk: Disk) -> tuple[int, int]:
    """The size of a disk, and of its image's clusters, in bytes."""
    rows = vm.private.mon.command("query-named-block-nodes", {"flat": True}, kind="query")
    for row in rows:
        if row.get("node-name") == images.node(disk):
            image = row.get("image", {})
            return int(image.get("virtual-size", 0)), int(image.get("cluster-size", 0))
    detail = f"failed to update capacity data for block node '{images.node(disk)}'"
    raise errors.error(Code.INTERNAL_ERROR, detail)


def _make(vm: DomainObj, name: str, options: dict[str, Any]) -> None:
    """Runs blockdev-create and waits for its end; it writes a header, or a size."""
    private = vm.private
    job = BlockJob(name, Kind.CREATE, "", awaited=True)
    with vm.lock:
        private.blockjobs[name] = job
    seconds = private.mon.deadlines.block
    try:
        private.mon.command("blockdev-create", {"job-id": name, "options": options}, kind="block")
        if not job.concluded.wait(seconds):
            detail = f"job '{name}' did not end within {seconds:g} s"
            raise errors.error(Code.OPERATION_TIMEOUT, detail)
        error = job_error(vm, name)
        take_back(vm, "job-dismiss", {"id": name})
    finally:
        with vm.lock:
            private.blockjobs.pop(name, None)
    if error is not None:
        detail = f"failed to format image: '{error}'"
        raise errors.error(Code.OPERATION_FAILED, detail)


def job_error(vm: DomainObj, name: str) -> str | None:
    """What QEMU says of a concluded job's failure; None = it did not fail."""
    rows = vm.private.mon.command("query-jobs", kind="query")
    error = next((row.get("error") for row in rows if row.get("id") == name), None)
    return None if error is None else str(error)
