# SPDX-License-Identifier: Apache-2.0
"""The XML of virConnectGetDomainCapabilities: what one guest of a kind can have."""

from collections.abc import Iterable
from typing import NamedTuple

from lxml import etree

from nova_pyvirt.core.host import kvm
from nova_pyvirt.core.host.identity import has_iommu
from nova_pyvirt.hypervisors.qemu.caps.cache import is_native
from nova_pyvirt.hypervisors.qemu.caps.cpu import x86
from nova_pyvirt.hypervisors.qemu.caps.cpu.cpudef import pretty
from nova_pyvirt.hypervisors.qemu.caps.cpu.host import host_model
from nova_pyvirt.hypervisors.qemu.caps.firmware import Firmware, descriptors
from nova_pyvirt.hypervisors.qemu.caps.tpm import swtpm_versions
from nova_pyvirt.hypervisors.qemu.caps.types import ACCELERATED, QemuCaps
from nova_pyvirt.hypervisors.qemu.caps.view import HostView

_X86 = ("i686", "x86_64")
_USB_CONTROLLERS = (
    "piix3-usb-uhci", "piix4-usb-uhci", "usb-ehci", "ich9-usb-ehci1", "vt82c686b-usb-uhci",
    "pci-ohci", "nec-usb-xhci", "qemu-xhci",
)  # fmt: skip
_VIDEO = (
    ("vga", "VGA"), ("cirrus", "cirrus-vga"), ("vmvga", "vmware-svga"), ("qxl", "qxl"),
    ("virtio", "virtio-gpu"), ("none", None), ("bochs", "bochs-display"), ("ramfb", "ramfb"),
)  # fmt: skip
_GRAPHICS = (
    ("sdl", "sdl"), ("vnc", "vnc"), ("spice", "spice"), ("egl-headless", "egl-headless"),
    ("dbus", "display-dbus"),
)  # fmt: skip
_TPM = (
    ("tpm-tis", "tpm-tis"), ("tpm-crb", "tpm-crb"), ("tpm-spapr", "tpm-spapr"),
    ("spapr-tpm-proxy", "spapr-tpm-proxy"),
)  # fmt: skip
_RNG_BACKENDS = (("random", "rng-random"), ("egd", "rng-egd"), ("builtin", "rng-builtin"))
_SIMPLE_FEATURES = (
    ("vmcoreinfo", "vmcoreinfo"), ("genid", "vmgenid"), ("backingStoreInput", None),
    ("backup", "incremental-backup"),
)  # fmt: skip


class _Host(NamedTuple):
    """What is looked up on the host at each call.

    :ivar vcpus: the most that a guest can have, 0 = not known
    :ivar firmware: what serves the machine
    :ivar loaders: images for it that are there
    :ivar vfio: can devices be assigned?
    :ivar tpm: versions of the software TPM, None without one
    """

    vcpus: int
    firmware: list[Firmware]
    loaders: list[str]
    vfio: bool
    tpm: tuple[str, ...] | None


def build(view: HostView, caps: QemuCaps, machine: str, arch: str, virt_type: str) -> str:
    """The document for `machine` (canonical name), as libvirt lays it out; the last one again while
    neither QEMU nor the host has changed.
    """
    key = ("domain", caps.binary, machine, arch, virt_type)
    host = _look(view, caps, machine, arch, virt_type)
    known = view.texts.get(key)
    if known is not None and known[0] == (caps, host):
        return known[1]
    text = _build(view, caps, host, machine, arch, virt_type)
    view.texts[key] = (caps, host), text
    return text


def _look(view: HostView, caps: QemuCaps, machine: str, arch: str, virt_type: str) -> _Host:
    most = caps.max_cpus(machine, virt_type)
    if virt_type == "kvm":
        most = min(most, kvm.max_vcpus(view.fs))
    every = descriptors(view.fs, privileged=view.privileged)
    firmware = [one for one in every if one.serves(machine, arch)]
    own = [f.executable for f in firmware if f.device in ("flash", "memory") and f.executable]
    images = dict.fromkeys(own or [code for code, _variables in view.loaders])
    return _Host(
        most,
        firmware,
        [image for image in images if view.fs.exists(image.lstrip("/"))],
        has_iommu(view.fs) and view.fs.exists("dev/vfio/vfio"),
        swtpm_versions(),
    )


def _build(
    view: HostView, caps: QemuCaps, host: _Host, machine: str, arch: str, virt_type: str
) -> str:
    root = etree.Element("domainCapabilities")
    for tag, text in (
        ("path", caps.binary), ("domain", virt_type), ("machine", machine), ("arch", arch),
    ):  # fmt: skip
        etree.SubElement(root, tag).text = text
    if host.vcpus:
        etree.SubElement(root, "vcpu", {"max": str(host.vcpus)})
    _supported(root, "iothreads", caps.has("iothread"))
    _os(root, host)
    _cpu(root, view, caps, virt_type)
    backing = _supported(root, "memoryBacking")
    memfd = ("memfd",) if caps.has("memory-backend-memfd") else ()
    _enum(backing, "sourceType", ("file", "anonymous", *memfd))
    devices = etree.SubElement(root, "devices")
    _disk(devices, caps, machine)
    _enum(_supported(devices, "graphics"), "type", _having(caps, _GRAPHICS))
    _enum(_supported(devices, "video"), "modelType", _having(caps, _VIDEO))
    _hostdev(devices, caps, vfio=host.vfio and caps.has("vfio-pci"))
    _rng(devices, caps)
    _filesystem(devices, caps)
    _tpm(devices, caps, host.tpm)
    _redirdev(devices, caps)
    spice = ("spicevmc",) if caps.has("spice") else ()
    _enum(_supported(devices, "channel"), "type", ("pty", "unix", *spice))
    _features(root, caps)
    return pretty(root)


def _supported(parent: etree._Element, tag: str, yes: bool = True) -> etree._Element:
    return etree.SubElement(parent, tag, {"supported": "yes" if yes else "no"})


def _enum(parent: etree._Element, name: str, values: Iterable[str]) -> None:
    enum = etree.SubElement(parent, "enum", {"name": name})
    for value in values:
        etree.SubElement(enum, "value").text = value


def _having(caps: QemuCaps, rows: Iterable[tuple[str, str | None]]) -> list[str]:
    """The values whose capability is there; no capability: always."""
    return [value for value, flag in rows if flag is None or caps.has(flag)]


def _os(root: etree._Element, host: _Host) -> None:
    interfaces = {interface for firmware in host.firmware for interface in firmware.interfaces}
    os_ = _supported(root, "os")
    kinds = (("bios", "bios"), ("efi", "uefi"))
    _enum(os_, "firmware", [name for name, interface in kinds if interface in interfaces])
    loader = _supported(os_, "loader")
    for image in host.loaders:
        etree.SubElement(loader, "value").text = image
    _enum(loader, "type", ("rom", "pflash"))
    _enum(loader, "readonly", ("yes", "no"))
    secure = any("requires-smm" in firmware.features for firmware in host.firmware)
    _enum(loader, "secure", ("yes", "no") if secure else ("no",))


def _mode(
    cpu: etree._Element, name: str, supported: bool, migratable: tuple[str, Iterable[str]] | None
) -> etree._Element:
    mode = etree.SubElement(cpu, "mode", {"name": name, "supported": "yes" if supported else "no"})
    if supported and migratable is not None:
        _enum(mode, *migratable)
    return mode


def _cpu(root: etree._Element, view: HostView, caps: QemuCaps, virt_type: str) -> None:
    cpu = etree.SubElement(root, "cpu")
    native = is_native(view.caps.host_arch, caps.arch)
    on = ("on",) if caps.has("cpu.migratable") else ()
    _mode(
        cpu,
        "host-passthrough",
        virt_type in ACCELERATED and native,
        ("hostPassthroughMigratable", (*on, "off")),
    )
    _mode(cpu, "maximum", caps.has("cpu-max"), ("maximumMigratable", ("on", "off")))
    model = host_model(caps, virt_type, view.fs)
    mode = _mode(cpu, "host-model", model is not None, None)
    if model is not None:
        mode.extend(model.reported.children())
    _custom(cpu, caps, virt_type)


def _custom(cpu: etree._Element, caps: QemuCaps, virt_type: str) -> None:
    known = x86.get().models if caps.arch in _X86 else {}
    models = [m for m in caps.cpu_models(virt_type) if m.name in known or caps.arch not in _X86]
    models = [m for m in models if m.name != "host"]
    mode = _mode(cpu, "custom", bool(models), None)
    for model in models:
        usable = {True: "yes", False: "no", None: "unknown"}[model.usable]
        element = etree.SubElement(mode, "model", {"usable": usable})
        if model.deprecated:
            element.set("deprecated", "yes")
        found = known.get(model.name)
        element.set("vendor", (found.vendor if found else None) or "unknown")
        element.text = model.name


def _has_ide(machine: str) -> bool:
    """Machine types with an IDE controller on board."""
    boards = ("pc", "malta", "sun4u", "g3beige")
    return machine in boards or machine.startswith(("pc-i440", "pc-0.", "pc-1."))


def _disk(devices: etree._Element, caps: QemuCaps, machine: str) -> None:
    pseries = machine == "pseries" or machine.startswith("pseries-")
    disk = _supported(devices, "disk")
    floppy = () if pseries else ("floppy",)
    _enum(disk, "diskDevice", ("disk", "cdrom", *floppy, "lun"))
    buses = ["ide"] if _has_ide(machine) else []
    buses += [] if pseries else ["fdc"]
    buses += ["scsi", "virtio"]
    buses += ["usb"] if caps.has("usb-storage") else []
    buses += ["sata"] if caps.has("ich9-ahci") else []
    _enum(disk, "bus", buses)
    _enum(disk, "model", _virtio_models(caps))


def _virtio_models(caps: QemuCaps) -> tuple[str, ...]:
    if caps.has("virtio-pci-non-transitional"):
        return ("virtio", "virtio-transitional", "virtio-non-transitional")
    return ("virtio",)


def _hostdev(devices: etree._Element, caps: QemuCaps, *, vfio: bool) -> None:
    hostdev = _supported(devices, "hostdev")
    _enum(hostdev, "mode", ("subsystem",))
    _enum(hostdev, "startupPolicy", ("default", "mandatory", "requisite", "optional"))
    usb = any(caps.has(name) for name in _USB_CONTROLLERS)
    _enum(hostdev, "subsysType", (*(("usb",) if usb else ()), "pci", "scsi"))
    _enum(hostdev, "capsType", ())
    _enum(hostdev, "pciBackend", ("default", "vfio") if vfio else ())


def _rng(devices: etree._Element, caps: QemuCaps) -> None:
    rng = _supported(devices, "rng")
    _enum(rng, "model", _virtio_models(caps) if caps.has("virtio-rng") else ())
    _enum(rng, "backendModel", _having(caps, _RNG_BACKENDS))


def _filesystem(devices: etree._Element, caps: QemuCaps) -> None:
    virtiofs = ("virtiofs",) if caps.has("vhost-user-fs") else ()
    _enum(_supported(devices, "filesystem"), "driverType", ("path", "handle", *virtiofs))


def _tpm(devices: etree._Element, caps: QemuCaps, versions: tuple[str, ...] | None) -> None:
    models = _having(caps, _TPM)
    tpm = _supported(devices, "tpm", bool(models))
    if not models:
        return
    emulator = versions is not None and caps.has("tpm-emulator")
    _enum(tpm, "model", models)
    _enum(
        tpm,
        "backendModel",
        (
            *(("passthrough",) if caps.has("tpm-passthrough") else ()),
            *(("emulator", "external") if emulator else ()),
        ),
    )
    if versions:
        _enum(tpm, "backendVersion", versions)


def _redirdev(devices: etree._Element, caps: QemuCaps) -> None:
    redirdev = _supported(devices, "redirdev", caps.has("usb-redir"))
    if caps.has("usb-redir"):
        _enum(redirdev, "bus", ("usb",))


def _features(root: etree._Element, caps: QemuCaps) -> None:
    features = etree.SubElement(root, "features")
    _supported(features, "gic", False)
    for name, flag in _SIMPLE_FEATURES:
        _supported(features, name, flag is None or caps.has(flag))
    _sev(features, caps)
    _sgx(features, caps)
    if caps.hyperv is not None:
        _enum(_supported(features, "hyperv"), "features", caps.hyperv)


def _sev(features: etree._Element, caps: QemuCaps) -> None:
    sev = _supported(features, "sev", bool(caps.sev) and caps.has("sev-guest"))
    if sev.get("supported") == "no" or caps.sev is None:
        return
    for tag, key in (
        ("cbitpos", "cbitpos"), ("reducedPhysBits", "reduced-phys-bits"),
        ("maxGuests", "max-guests"), ("maxESGuests", "max-es-guests"), ("cpu0Id", "cpu0-id"),
    ):  # fmt: skip
        if key in caps.sev:
            etree.SubElement(sev, tag).text = str(caps.sev[key])


def _sgx(features: etree._Element, caps: QemuCaps) -> None:
    sgx = _supported(features, "sgx", bool(caps.sgx) and caps.has("sgx-epc"))
    if sgx.get("supported") == "no" or caps.sgx is None:
        return
    for name in ("flc", "sgx1", "sgx2"):
        etree.SubElement(sgx, name).text = "yes" if caps.sgx.get(name) else "no"
    sections = caps.sgx.get("sections", [])
    size = sum(section["size"] for section in sections) // 1024
    etree.SubElement(sgx, "section_size", {"unit": "KiB"}).text = str(size)
    if sections:
        parent = etree.SubElement(sgx, "sections")
        for section in sections:
            attributes = {"node": section["node"], "size": section["size"] // 1024, "unit": "KiB"}
            etree.SubElement(parent, "section", {k: str(v) for k, v in attributes.items()})
