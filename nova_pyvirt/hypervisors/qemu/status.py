# SPDX-License-Identifier: Apache-2.0
"""The run-time status of a domain on disk: libvirt's private elements of a QEMU domain."""

import logging
import os.path
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from xml.sax.saxutils import quoteattr

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.host.identity import boot_id
from nova_pyvirt.core.job_matrix import ASYNC_WORDS, JOB_WORDS, AsyncJob, Job
from nova_pyvirt.core.statusfile import status_text
from nova_pyvirt.hypervisors.qemu.block import qom
from nova_pyvirt.hypervisors.qemu.blockjobs import record
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.cpu import CPU
from nova_pyvirt.model.devices.common import Device
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.devices.input import Input
from nova_pyvirt.model.devices.misc import Panic
from nova_pyvirt.model.devices.sound import Audio
from nova_pyvirt.model.devices.storage import DiskSource, NodeName, PrivateData
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.writer import Writer
from nova_pyvirt.model.xmlbind import Context
from nova_pyvirt.util.files import unlink, write_atomic

LOG = logging.getLogger(__name__)


def save(state: QemuState, vm: DomainObj, *, backup: bool = False) -> None:
    """Writes the status file of an active domain.

    It is not synced: a crash of the host ends the guest too, and a file of another boot is void.

    :param backup: writes a second one elsewhere too, for a take-over when the first is lost
    :raises OSError: the old file is as it was
    """
    private = vm.private
    if private is None:
        return
    with vm.lock:
        if vm.active:
            _name_nodes(vm.definition)
            text = status_text(
                vm, private.pid, private_elements(vm, private, state.paths.channel_dir)
            )
            if backup:
                write_atomic(state.paths.status_backup(vm.name), text, sync=False)
            write_atomic(state.paths.status_file(vm.name), text, sync=False)


def remove(state: QemuState, name: str) -> None:
    """The domain does not run any more."""
    unlink(state.paths.status_file(name))
    unlink(state.paths.status_backup(name))
    unlink(state.paths.pid_file(name))


def try_save(state: QemuState, vm: DomainObj) -> None:
    """The same where nobody can be told of a failure."""
    try:
        save(state, vm)
    except OSError as exc:
        LOG.warning("the status of domain %s could not be written: %s", vm.name, exc)


def save_soon(state: QemuState, vm: DomainObj) -> None:
    """try_save() when the events at hand have been handled."""
    worker = getattr(vm.private, "worker", None)
    if worker is None:
        try_save(state, vm)
    else:
        worker.changed()


def private_elements(vm: DomainObj, private: QemuPrivate, channels: str) -> list[str]:
    """libvirt's elements, and ours: the process's start time, which names it for good.

    :param channels: the directory of the guests' channel sockets
    """
    lines = [f"<monitor path={quoteattr(private.monitor_path)} type='unix'/>"]
    started = private.process.start_time if private.process is not None else 0
    owned = " autodestroy='yes'" if private.autodestroy else ""
    owned += " persistent='yes'" if vm.persistent else ""
    lines.append(
        f"<pyvirt start-time='{started}' boot='{boot_id()}'"
        f" machine={quoteattr(private.machine)}{owned}/>"
    )
    lines.append(private.timeline.xml())
    if private.saving:
        lines.append(f"<pyvirtSave path={quoteattr(private.saving)}/>")
    lines += _vcpus(private.vcpu_pids)
    lines += [f"<taint flag={quoteattr(taint)}/>" for taint in private.taints]
    lines += _flags(private.caps.flags)
    lines.append(_job(vm))
    lines.append(f"<libDir path={quoteattr(private.lib_dir)}/>")
    if private.fake_reboot:
        lines.append("<fakereboot/>")
    lines += _for_libvirt(vm.definition, private, channels)
    lines += [_plugging(name, device) for name, device in private.plugging]
    if private.orig_cpu is not None:
        out = Writer()
        private.orig_cpu.write(out, Context())
        lines.append(out.text())
    return lines


def _has_id(device: Device) -> bool:
    """Whether QEMU knows a device by its alias: the machine's own parts are not known, and libvirtd
    drops from the definition what is listed and not found (qemuProcessUpdateDevices).
    """
    if not device.alias or isinstance(device, (Audio, Panic)):
        return False
    if isinstance(device, Input):
        return bool(device.bus != "ps2")
    if isinstance(device, Controller):
        built_in = device.type in ("ide", "sata", "fdc") and not device.index
        return not built_in and device.model not in ("pci-root", "pcie-root")
    return True


def _for_libvirt(domain: Domain, private: QemuPrivate, channels: str) -> list[str]:
    """What libvirtd needs to go on with the guest, and we do not."""
    aliases = dict.fromkeys(one.alias for one in domain.devices.each() if _has_id(one))
    rows = [f"  <device alias={quoteattr(alias)}/>" for alias in aliases]
    channel = f"{channels}/{os.path.basename(private.lib_dir)}"
    numbers = [private.node_index, *(index for index, _source in _layers(domain))]
    return [
        "\n".join(["<devices>", *rows, "</devices>"]),
        f"<channelTargetDir path={quoteattr(channel)}/>",
        f"<nodename index='{max(numbers)}'/>",
        record.element(private.blockjobs),
        "<agentTimeout>-2</agentTimeout>",
    ]


def _plugging(name: str, device: Any) -> str:
    """A device that may be in QEMU, and is not in the definition yet."""
    out = Writer()
    device.write(out, Context(status=True))
    return f"<pyvirtPlug list={quoteattr(name)}>\n{out.text()}</pyvirtPlug>"


def _layers(domain: Domain) -> Iterator[tuple[int, DiskSource]]:
    """The images of all disks and what they are based on, each with its number."""
    for disk in domain.devices.disks:
        if disk.source is not None and disk.source.index:
            yield disk.source.index, disk.source
        layer = disk.backing
        while layer is not None and layer.source is not None:
            if layer.index:
                yield layer.index, layer.source
            layer = layer.backing


def _name_nodes(domain: Domain) -> None:
    """libvirtd learns QEMU's names of a disk's parts from the status file alone."""
    for disk in domain.devices.disks:
        if disk.private is None:
            disk.private = PrivateData(qom_name=qom.device(disk))
    for index, source in _layers(domain):
        if source.private is None:
            kinds = ("storage", "format")
            names = [NodeName(type=kind, name=f"libvirt-{index}-{kind}") for kind in kinds]
            source.private = PrivateData(nodenames=names)


def orig_cpu(elements: Sequence[Any]) -> CPU | None:
    """The CPU as it was defined, from a status file's elements."""
    for node in elements:
        if node.tag == "cpu":
            return CPU.parse(node)
    return None


def _vcpus(pids: Mapping[int, int]) -> list[str]:
    rows = [f"  <vcpu id='{n}' pid='{pid}'/>" for n, pid in pids.items()]
    return ["\n".join(["<vcpus>", *rows, "</vcpus>"])] if rows else []


@lru_cache(maxsize=32)  # as many as there are QEMU binaries; each guest's file has them
def _flags(flags: frozenset[str]) -> tuple[str, ...]:
    rows = [f"  <flag name={quoteattr(name)}/>" for name in sorted(flags)]
    return ("\n".join(["<qemuCaps>", *rows, "</qemuCaps>"]),) if rows else ()


def flags(elements: Sequence[Any]) -> Iterator[str]:
    """The capabilities of the run, from a status file's elements."""
    for node in elements:
        if node.tag == "qemuCaps":
            yield from (str(flag.get("name")) for flag in node.iterfind("flag"))


def _job(vm: DomainObj) -> str:
    """As in libvirt, what matters after our death: DESTROY and asynchronous jobs."""
    kind = vm.jobs.active if vm.jobs.active is Job.DESTROY else Job.NONE
    async_job = vm.jobs.async_job
    word = JOB_WORDS[kind]
    if async_job is AsyncJob.NONE:
        return f"<job type='{word}' async='none'/>"
    return (
        f"<job type='{word}' async='{ASYNC_WORDS[async_job]}' phase='none'"
        f" flags='{vm.jobs.flags:#x}'/>"
    )


def attributes(elements: Sequence[Any], tag: str) -> dict[str, str]:
    """The attributes of a status file's element, {} without it."""
    for node in elements:
        if node.tag == tag:
            return dict(node.attrib)
    return {}
