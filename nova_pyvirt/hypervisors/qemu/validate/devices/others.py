# SPDX-License-Identifier: Apache-2.0
"""The small devices."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.postparse import is_q35
from nova_pyvirt.hypervisors.qemu.validate.common import bad_xml, unsupported, unsupported_domain
from nova_pyvirt.hypervisors.qemu.validate.devices.storage import need_shared_memory
from nova_pyvirt.model.devices.filesystem import Filesystem
from nova_pyvirt.model.devices.misc import IOMMU
from nova_pyvirt.model.devices.tpm import TPM
from nova_pyvirt.model.domain import Domain


def check(domain: Domain, caps: QemuCaps) -> None:
    """:raises libvirtError: XML_ERROR, CONFIG_UNSUPPORTED, INTERNAL_ERROR"""
    devices = domain.devices
    _watchdogs(domain)
    for panic in devices.panics:
        if panic.model == "pvpanic":
            raise unsupported(f"unknown panic model '{panic.model}'")
        if panic.model in ("s390", "pseries"):
            name = "S390" if panic.model == "s390" else "pSeries"
            raise unsupported(f"only {name} guests support panic device of model '{panic.model}'")
        where = panic.address
        if panic.model == "isa" and where is not None and where.type not in ("none", "isa"):
            raise unsupported("panic is supported only with ISA address type")
    for item in devices.tpms:
        _tpm(domain, item)
    if len(devices.tpms) > 1:
        raise unsupported("only a single TPM non-proxy device is supported")
    if devices.iommu is not None:
        _iommu(domain, devices.iommu)
    _filesystems(domain, caps)
    _shmems(domain, caps)
    balloon = devices.memballoon
    if balloon is not None and balloon.model == "xen":
        raise unsupported(
            f"Memory balloon device type '{balloon.model}' is not supported by this version of qemu"
        )
    if devices.nvram is not None:
        raise unsupported("nvram device is only supported for PPC64")
    vsock = devices.vsock
    if vsock is not None and vsock.cid and vsock.cid < 3:
        raise unsupported_domain("guest CIDs must be >= 3")
    _smartcards(domain)


def _watchdogs(domain: Domain) -> None:
    watchdogs = domain.devices.watchdogs
    if len(watchdogs) > 1:
        detail = "only a single watchdog device is supported"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
    for item in watchdogs:
        if item.model == "itco":
            raise unsupported(f"unknown watchdog model '{item.model}'")
        kind = item.address.type if item.address is not None else None
        if item.model == "i6300esb" and kind not in (None, "none", "pci"):
            raise unsupported(f"{item.model} model of watchdog can go only on PCI bus")
        if item.model == "ib700" and kind not in (None, "none"):
            raise unsupported(
                f"{item.model} model of watchdog does not support configuring the address"
            )
        if item.model == "diag288":
            raise unsupported(f"{item.model} model of watchdog is allowed for s390 and s390x only")


def _tpm(domain: Domain, item: TPM) -> None:
    banks = item.pcr_sha1 or item.pcr_sha256 or item.pcr_sha384 or item.pcr_sha512
    if item.type == "emulator":
        if banks and item.version != "2.0":
            raise bad_xml("<active_pcr_banks/> requires TPM version '2.0'")
        if item.version == "1.2" and item.model == "tpm-crb":
            raise unsupported(f"Unsupported interface '{item.model}' for TPM 1.2")
    if item.type == "external":
        if item.source_type != "unix":
            raise bad_xml("only source type 'unix' is supported for external TPM device")
        if item.source_mode not in (None, "connect"):
            raise bad_xml("only 'client' mode is supported for external TPM device")
        if not item.source_path:
            raise bad_xml("missing socket path for external TPM device")
    if item.model not in ("tpm-tis", "tpm-crb"):
        raise unsupported(
            f"The QEMU executable {domain.devices.emulator} does not support TPM model {item.model}"
        )


def _iommu(domain: Domain, item: IOMMU) -> None:
    model = item.model
    options = (item.intremap, item.caching_mode, item.eim, item.iotlb, item.aw_bits)
    if model in ("smmuv3", "virtio") and any(value is not None for value in options):
        raise bad_xml(f"iommu model '{model}' doesn't support additional attributes")
    if model in ("intel", "smmuv3") and item.address is not None:
        raise bad_xml(f"iommu model '{model}' can't have address")
    features = domain.features
    if model == "intel":
        if not is_q35(domain):
            raise unsupported(f"IOMMU device: '{model}' is only supported with Q35 machines")
        if item.intremap and (features is None or features.ioapic != "qemu"):
            raise unsupported_domain(
                "IOMMU interrupt remapping requires split I/O APIC (ioapic driver='qemu')"
            )
        if item.eim and not item.intremap:
            raise unsupported_domain("IOMMU eim requires interrupt remapping to be enabled")
        return
    if model == "smmuv3":
        raise unsupported(f"IOMMU device: '{model}' is only supported with ARM Virt machines")
    if not is_q35(domain):
        raise unsupported(
            f"IOMMU device: '{model}' is only supported with Q35 and ARM Virt machines"
        )
    if item.address is not None and item.address.type != "pci":
        raise unsupported(f"IOMMU device: '{model}' needs a PCI address")
    if features is None or not features.acpi:
        raise unsupported(f"IOMMU device: '{model}' requires ACPI")


def _filesystems(domain: Domain, caps: QemuCaps) -> None:
    targets: set[str] = set()
    for item in domain.devices.filesystems:
        if not item.target and not item.source_socket:
            source = item.source_dir
            raise errors.error(Code.NO_TARGET, source, domain=From.DOMAIN)
        if item.driver_type == "virtiofs" and item.target in targets:
            raise unsupported_domain(f"filesystem target '{item.target}' specified twice")
        if item.driver_type == "virtiofs":
            targets.add(item.target)
        if item.type != "mount":
            raise unsupported("only supports mount filesystem type")
        if item.driver_type == "virtiofs":
            _virtiofs(domain, item)
        else:
            _9p(item)


def _9p(item: Filesystem) -> None:
    if item.boot_order:
        raise unsupported_domain("boot order is only supported for virtiofs")
    if (item.fmode or item.dmode) and item.accessmode != "mapped":
        raise unsupported("fmode and dmode must be used with accessmode=mapped")
    if item.sandbox not in (None, "default"):
        raise unsupported("sandbox can only be used with driver=virtiofs")
    if item.driver_type in ("loop", "nbd", "ploop"):
        raise unsupported("Filesystem driver type not supported")


def _virtiofs(domain: Domain, item: Filesystem) -> None:
    if item.readonly:
        raise unsupported("virtiofs does not yet support read-only mode")
    if item.accessmode not in (None, "passthrough"):
        raise unsupported("virtiofs only supports passthrough accessmode")
    for value, word in (
        (item.wrpolicy, "wrpolicy"), (item.model, "model"), (item.driver_format, "format"),
        (item.multidevs, "multidevs"), (item.fmode or item.dmode, "fmode and dmode"),
    ):  # fmt: skip
        if value not in (None, "default", 0):
            raise unsupported(f"virtiofs does not support {word}")
    need_shared_memory(domain, "virtiofs")


def _shmems(domain: Domain, caps: QemuCaps) -> None:
    for item in domain.devices.shmems:
        if "/" in (item.name or ""):
            raise unsupported_domain("shmem name cannot include '/' character")
        if item.name in (".", ".."):
            raise unsupported_domain(f"shmem name cannot be equal to '{item.name}'")
        if not caps.has(item.model):
            raise unsupported(f"{item.model} device is not supported with this QEMU binary")


def _smartcards(domain: Domain) -> None:
    cards = domain.devices.smartcards
    if len(cards) > 1:
        raise unsupported("this QEMU binary lacks multiple smartcard support")
    for item in cards:
        if item.address is not None and item.address.type not in ("none", "ccid"):
            raise unsupported_domain("Controllers must use the 'ccid' address type")
