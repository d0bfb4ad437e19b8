# SPDX-License-Identifier: Apache-2.0
"""Defaults of the domain itself: machine, firmware, CPU, clock, actions."""

from nova_pyvirt import errors
from nova_pyvirt.core.host.cpu import host_arch
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.postparse import bounds, devices, memory, seclabels, vcpus
from nova_pyvirt.hypervisors.qemu.postparse.machine import is_q35, read_only_uefi
from nova_pyvirt.model import cpuset
from nova_pyvirt.model.boot import BootDevice, Nvram
from nova_pyvirt.model.clock import Clock
from nova_pyvirt.model.cpu import CPU
from nova_pyvirt.model.domain import Domain


def complete_identity(domain: Domain) -> None:
    """What choosing the emulator needs: os type and architecture.

    :raises libvirtError: XML_ERROR
    """
    if not domain.os.type:
        raise errors.error(Code.XML_ERROR, "an os <type> must be specified", domain=From.DOMAIN)
    if domain.os.arch is None:
        domain.os.arch = host_arch()


def complete(domain: Domain, caps: QemuCaps, *, nvram_dir: str) -> None:
    """Fills in every default, so that the definition says all.

    :param nvram_dir: where UEFI variables go when nobody says
    :raises libvirtError: XML_ERROR, CONFIG_UNSUPPORTED...
    """
    _check_count(domain, caps)
    complete_numbers(domain)
    seclabels.complete(domain)
    _tuning(domain)
    if domain.bootloader or domain.bootloader_args:
        raise errors.error(Code.CONFIG_UNSUPPORTED, "bootloader is not supported by QEMU")
    _machine(domain, caps)
    _firmware(domain, nvram_dir)
    _boot_order(domain)
    for attribute, value in (
        ("on_poweroff", "destroy"),
        ("on_reboot", "restart"),
        ("on_crash", "destroy"),
    ):
        if getattr(domain, attribute) is None:
            setattr(domain, attribute, value)
    if domain.clock is None:
        domain.clock = Clock(offset="utc")
    domain.devices.emulator = domain.devices.emulator or caps.binary
    devices.complete(domain, caps)
    _default_cpu(domain, caps)
    _complete_cpu(domain, caps)
    vcpus.fill_cells(domain)


def complete_numbers(domain: Domain) -> None:
    """vCPUs and memory, whatever emulator there is.

    :raises libvirtError: XML_ERROR, INTERNAL_ERROR, CONFIG_UNSUPPORTED
    """
    if (domain.vcpu_max or 0) > cpuset.LIMIT:
        raise _too_many(cpuset.LIMIT)
    bounds.check(domain)
    vcpus.complete(domain)
    memory.complete(domain)


def _too_many(limit: int) -> errors.libvirtError:
    detail = f"Maximum CPUs greater than specified machine type limit {limit}"
    return errors.error(Code.CONFIG_UNSUPPORTED, detail)


def _check_count(domain: Domain, caps: QemuCaps) -> None:
    """No machine has so many vCPUs that listing them one by one would take long."""
    if (domain.vcpu_max or 0) <= cpuset.LIMIT:
        return
    name = domain.os.machine or caps.preferred_machine(domain.type) or ""
    machine = caps.machine(caps.canonical_machine(name, domain.type), domain.type)
    limit = machine.max_cpus if machine is not None else cpuset.LIMIT
    raise _too_many(limit or cpuset.LIMIT)


def _tuning(domain: Domain) -> None:
    backing = domain.memory_backing
    cells = domain.cpu.cells if domain.cpu is not None else []
    for page in backing.pages if backing is not None else []:
        if page.nodeset is not None and not cells and page.nodeset == "0":
            page.nodeset = None
    _memory_nodes(domain)


def _memory_nodes(domain: Domain) -> None:
    tune = domain.numatune
    if tune is None:
        return
    cells = domain.cpu.cells if domain.cpu is not None else []
    if tune.memnodes and not cells:
        detail = "Element 'memnode' is invalid without any guest NUMA cells"
        raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
    if tune.memnodes and tune.placement == "auto":
        detail = "Per-node binding is not compatible with automatic NUMA placement."
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)
    seen: set[int] = set()
    for item in tune.memnodes:
        if item.cellid >= len(cells):
            detail = (
                "Argument 'cellid' in memnode element must correspond to existing guest's NUMA cell"
            )
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        if item.cellid in seen:
            detail = f"Multiple memnode elements with cellid {item.cellid}"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        seen.add(item.cellid)


def _machine(domain: Domain, caps: QemuCaps) -> None:
    os = domain.os
    if not os.machine:
        os.machine = caps.preferred_machine(domain.type)
        if os.machine is None:
            detail = f"could not get preferred machine for {caps.binary} type={domain.type}"
            raise errors.error(Code.INVALID_ARG, detail)
    os.machine = caps.canonical_machine(os.machine, domain.type)


def _firmware(domain: Domain, nvram_dir: str) -> None:
    os = domain.os
    wanted = {f.name: f.enabled for f in os.firmware_features}
    if wanted.get("enrolled-keys"):
        if wanted.get("secure-boot") is False:
            detail = (
                "firmware feature 'enrolled-keys' cannot be enabled when firmware feature"
                " 'secure-boot' is disabled"
            )
            raise errors.error(Code.XML_DETAIL, detail, domain=From.DOMAIN)
        if "secure-boot" not in wanted:
            feature = type(os.firmware_features[0])(enabled=True, name="secure-boot")
            os.firmware_features.append(feature)
    loader = os.loader
    if loader is not None and loader.path and loader.type is None:
        loader.type = "rom"
    has_nvram = os.nvram is not None and (os.nvram.path or os.nvram.source is not None)
    if read_only_uefi(domain) and not has_nvram and loader.stateless is not True:
        nvram = os.nvram = os.nvram or Nvram()
        nvram.path = f"{nvram_dir}/{domain.name}_VARS.fd"


def _boot_order(domain: Domain) -> None:
    """<boot dev> or <boot order>, never both; without any the disk."""
    seen: set[int] = set()
    for items in vars(domain.devices).values():
        for device in items if isinstance(items, list) else ():
            order = getattr(device, "boot_order", None)
            if order is None:
                continue
            if order in seen:
                detail = f"boot order '{order}' used for more than one device"
                raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)
            seen.add(order)
    if domain.os.boots and seen:
        detail = "per-device boot elements cannot be used together with os/boot elements"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)
    if domain.os.bootmenu is not True:
        domain.os.bootmenu_timeout = None
    if not domain.os.boots and not seen:
        domain.os.boots = [BootDevice(dev="hd")]


def _default_cpu(domain: Domain, caps: QemuCaps) -> None:
    """The machine's own CPU where none is named (qemuDomainDefSetDefaultCPU)."""
    cpu = domain.cpu
    if cpu is not None and (cpu.mode not in (None, "custom") or cpu.model is not None):
        return
    model = caps.machine_default_cpu(domain.os.machine, domain.type)
    if model is None or domain.os.arch not in ("x86_64", "i686"):
        return
    cpu = domain.cpu = cpu or CPU()
    cpu.mode, cpu.match, cpu.check = "custom", "exact", "none"
    cpu.model, cpu.model_fallback = model, "forbid"


def _complete_cpu(domain: Domain, caps: QemuCaps) -> None:
    cpu = domain.cpu
    if cpu is None:
        return
    cpu.mode = cpu.mode or "custom"
    if cpu.mode == "host-passthrough" and cpu.migratable is None:
        cpu.migratable = caps.has("cpu.migratable")
    if cpu.mode == "custom" and cpu.model is None:
        return
    if cpu.mode == "custom":
        cpu.match = cpu.match or "exact"
    if cpu.mode in ("host-passthrough", "maximum"):
        cpu.model = cpu.model_fallback = cpu.model_vendor_id = cpu.vendor = None
    elif cpu.model is not None:
        cpu.model_fallback = cpu.model_fallback or "allow"
    else:
        cpu.model_fallback = None
    if cpu.check is None:
        partial = cpu.mode == "host-model" or (cpu.mode == "custom" and domain.type != "qemu")
        cpu.check = "partial" if partial else "none"


def check_tseg(domain: Domain) -> None:
    """:raises libvirtError: CONFIG_UNSUPPORTED"""
    features = domain.features
    if features is None or not features.smm or features.tseg is None:
        return
    if not is_q35(domain):
        detail = "SMM TSEG is only supported with q35 machine type"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    if features.tseg % 1024:
        detail = "SMM TSEG size must be divisible by 1 MiB"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
