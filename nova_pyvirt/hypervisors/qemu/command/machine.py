# SPDX-License-Identifier: Apache-2.0
"""The machine itself: type, accelerator, and what hangs on them."""

from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.command.context import CommandContext, on_off, props
from nova_pyvirt.hypervisors.qemu.postparse import is_q35, old_style_uefi
from nova_pyvirt.model.domain import Domain

Args = list[str]


def machine(domain: Domain, caps: QemuCaps, ctx: CommandContext) -> Args:
    """-machine."""
    words = [domain.os.machine, "usb=off"]
    words += _keywrap(domain)
    words += _features(domain)
    dump = ctx.dump_guest_core if domain.dump_core is None else domain.dump_core
    words.append(f"dump-guest-core={on_off(dump)}")
    if domain.memory_backing is not None and domain.memory_backing.nosharepages:
        words.append("mem-merge=off")
    words += _modules(domain)
    found = caps.machine(domain.os.machine, domain.type)
    if not (domain.cpu is not None and domain.cpu.cells) and found and found.default_ram_id:
        words.append(f"memory-backend={found.default_ram_id}")
    if domain.launch_security is not None:
        words.append("confidential-guest-support=lsec0")
    if old_style_uefi(domain):
        words.append("pflash0=libvirt-pflash0-format")
        if domain.os.nvram is not None:
            words.append("pflash1=libvirt-pflash1-format")
    cpu = domain.cpu
    if cpu is not None and (cpu.latencies or cpu.bandwidths or any(c.caches for c in cpu.cells)):
        words.append("hmat=on")
    if domain.os.bios_useserial:
        words.append("graphics=off")
    hpet = domain.clock.timer("hpet")
    if hpet is not None and hpet.present is not None and caps.has("machine-hpet"):
        words.append(f"hpet={on_off(hpet.present)}")
    return ["-machine", ",".join(words)]


def _keywrap(domain: Domain) -> Args:
    ciphers = domain.keywrap.ciphers if domain.keywrap is not None else []
    return [f"{c.name}-key-wrap={on_off(bool(c.state))}" for c in ciphers if c.state is not None]


def _features(domain: Domain) -> Args:
    features = domain.features
    if features is None:
        return []
    words = []
    if features.vmport is not None:
        words.append(f"vmport={on_off(features.vmport)}")
    if features.smm is not None:
        words.append(f"smm={on_off(features.smm)}")
    if features.ioapic is not None:
        words.append(f"kernel_irqchip={'on' if features.ioapic == 'kvm' else 'split'}")
    return words


def _modules(domain: Domain) -> Args:
    """What memory modules want of the machine."""
    words: Args = []
    modules = getattr(domain.devices, "memories", None) or []
    if any(module.model == "nvdimm" for module in modules):
        words.append("nvdimm=on")
    enclaves = [module for module in modules if module.model == "sgx-epc"]
    for number, module in enumerate(enclaves):
        node = getattr(module, "node", None) or 0
        words.append(f"sgx-epc.{number}.memdev=mem{module.alias},sgx-epc.{number}.node={node}")
    return words


def accel(domain: Domain) -> Args:
    """-accel."""
    features = domain.features
    if domain.type == "kvm":
        word = "kvm"
        if features is not None and features.kvm is not None and features.kvm.dirty_ring:
            word += f",dirty-ring-size={features.kvm.dirty_ring_size}"
    else:
        word = "tcg"
        if features is not None and features.tb_cache:
            word += f",tb-size={features.tb_cache >> 10}"
    return ["-accel", word]


def tseg(domain: Domain) -> Args:
    """The memory of system management mode."""
    features = domain.features
    if features is None or not features.smm or features.tseg is None:
        return []
    return ["-global", f"mch.extended-tseg-mbytes={features.tseg >> 10}"]


def smp(domain: Domain, caps: QemuCaps) -> Args:
    """-smp; vCPUs that can be unplugged are added later."""
    cpu = domain.cpu
    count = domain.vcpu_count
    if domain.vcpus:
        count = sum(bool(v.enabled and not v.hotpluggable) for v in domain.vcpus)
    words = [str(count)]
    if count != domain.vcpu_max:
        words.append(f"maxcpus={domain.vcpu_max}")
    if cpu is not None and cpu.sockets:
        words.append(f"sockets={cpu.sockets}")
        if caps.has("smp-dies"):
            words.append(f"dies={cpu.dies or 1}")
        words += [f"cores={cpu.cores}", f"threads={cpu.threads}"]
    else:
        words += [f"sockets={domain.vcpu_max}", "cores=1", "threads=1"]
    return ["-smp", ",".join(words)]


def iothreads(domain: Domain) -> Args:
    """-object iothread, one each."""
    args: Args = []
    for thread in domain.iothread_ids:
        args += ["-object", props(
            qom_type="iothread", id=f"iothread{thread.id}",
            thread_pool_min=thread.thread_pool_min, thread_pool_max=thread.thread_pool_max,
        )]  # fmt: skip
    default = domain.default_iothread
    if default is not None:
        args += ["-object", props(
            qom_type="main-loop", id="main-loop", thread_pool_min=default.thread_pool_min,
            thread_pool_max=default.thread_pool_max,
        )]  # fmt: skip
    return args


def acpi_and_pm(domain: Domain, caps: QemuCaps) -> Args:
    """-no-acpi, and what <pm> says."""
    args: Args = []
    if caps.has("no-acpi") and (domain.features is None or not domain.features.acpi):
        args.append("-no-acpi")
    for value, name, capability in (
        (domain.suspend_to_mem, "disable_s3", "ich9-disable-s3"),
        (domain.suspend_to_disk, "disable_s4", "ich9-disable-s4"),
    ):
        if value is not None:
            chipset = "ICH9-LPC" if is_q35(domain) and caps.has(capability) else "PIIX4_PM"
            args += ["-global", f"{chipset}.{name}={0 if value else 1}"]
    return args


def security(domain: Domain) -> Args:
    """-object sev-guest."""
    found = domain.launch_security
    if found is None:
        return []
    if found.type == "s390-pv":
        return ["-object", props(qom_type="s390-pv-guest", id="lsec0")]
    return ["-object", props(
        qom_type="sev-guest", id="lsec0", cbitpos=found.cbitpos,
        reduced_phys_bits=found.reduced_phys_bits, policy=found.policy,
        dh_cert_file="dh_cert.base64" if found.dh_cert else None,
        session_file="session.base64" if found.session else None,
        kernel_hashes=found.kernel_hashes,
    )]  # fmt: skip
