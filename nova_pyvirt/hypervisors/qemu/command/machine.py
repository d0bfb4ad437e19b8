# SPDX-License-Identifier: Apache-2.0
"""The machine itself: type, accelerator, memory, vCPUs, SMBIOS, clock, boot."""

from typing import Any

from nova_pyvirt.hypervisors.qemu.command.context import escape, props
from nova_pyvirt.hypervisors.qemu.postparse import is_q35
from nova_pyvirt.model.clock import Timer
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.sysinfo import SysinfoEntry

Args = list[str]
#: sysinfo entry -> QEMU's key, SMBIOS table 1
_SYSTEM = ("manufacturer", "product", "version", "serial", "uuid", "sku", "family")


def _on(value: bool) -> str:
    return "on" if value else "off"


def machine(domain: Domain) -> Args:
    """-machine."""
    words = [domain.os.machine, "usb=off"]
    features = domain.features
    if features is not None:
        if features.vmport is not None:
            words.append(f"vmport={_on(features.vmport)}")
        if features.smm is not None:
            words.append(f"smm={_on(features.smm)}")
        if features.ioapic is not None:
            words.append(f"kernel_irqchip={'on' if features.ioapic == 'kvm' else 'split'}")
    words.append(f"dump-guest-core={'on' if domain.dump_core else 'off'}")
    if domain.memory_backing is not None and domain.memory_backing.nosharepages:
        words.append("mem-merge=off")
    if not (domain.cpu is not None and domain.cpu.cells):
        words.append("memory-backend=pc.ram")
    return ["-machine", ",".join(words)]


def accel(domain: Domain) -> Args:
    """-accel."""
    return ["-accel", "kvm" if domain.type == "kvm" else "tcg"]


def memory(domain: Domain) -> Args:
    """-m and the memory back-ends, one or one for each NUMA node."""
    mib = -(-domain.memory // 1024)
    backing = domain.memory_backing
    locked = backing is not None and backing.locked
    args = ["-m", str(mib)]
    if not (domain.cpu is not None and domain.cpu.cells):
        args += ["-object", _backend(domain, "pc.ram", mib << 20, None, None)]
    args += ["-overcommit", f"mem-lock={_on(bool(locked))}"]
    return args


def _backend(
    domain: Domain, ident: str, size: int, nodes: list[int] | None, policy: str | None
) -> str:
    backing = domain.memory_backing
    kind = "memory-backend-ram"
    extra: dict[str, Any] = {}
    if backing is not None:
        if backing.source == "memfd":
            kind = "memory-backend-memfd"
            extra = {"x-use-canonical-path-for-ramblock-id": False}
            if backing.hugepages:
                extra |= {"hugetlb": True, "hugetlbsize": 2 << 20}
        elif backing.hugepages or backing.source == "file":
            kind = "memory-backend-file"
        if backing.access == "shared":
            extra["share"] = True
        if backing.allocation == "immediate" or backing.hugepages:
            extra["prealloc"] = True
    head: dict[str, object] = {"qom_type": kind, "id": ident}
    return props(**head, **extra, size=size, host_nodes=nodes, policy=policy)


def smp(domain: Domain) -> Args:
    """-smp and guest NUMA."""
    cpu = domain.cpu
    words = [str(domain.vcpu_count)]
    if domain.vcpu_count != domain.vcpu_max:
        words.append(f"maxcpus={domain.vcpu_max}")
    if cpu is not None and cpu.sockets:
        words += [
            f"sockets={cpu.sockets}",
            f"dies={cpu.dies or 1}",
            f"cores={cpu.cores}",
            f"threads={cpu.threads}",
        ]
    else:
        words += [f"sockets={domain.vcpu_max}", "cores=1", "threads=1"]
    return ["-smp", ",".join(words), *_numa(domain)]


def _numa(domain: Domain) -> Args:
    args: Args = []
    cells = domain.cpu.cells if domain.cpu is not None else []

    for number, cell in enumerate(cells):
        size = cell.memory << 10
        args += ["-object", _backend(domain, f"ram-node{number}", size, None, None)]
        cpus = (cell.cpus or "").split(",")
        where = "".join(f",cpus={part}" for part in cpus if part)
        args += ["-numa", f"node,nodeid={number}{where},memdev=ram-node{number}"]
    return args


def iothreads(domain: Domain) -> Args:
    """-object iothread, one each."""
    args: Args = []
    idents = [t.id for t in domain.iothread_ids]
    number = 1
    while len(idents) < (domain.iothreads or 0):
        if number not in idents:
            idents.append(number)
        number += 1
    for ident in sorted(idents):
        args += ["-object", props(qom_type="iothread", id=f"iothread{ident}")]
    return args


def smbios(domain: Domain) -> Args:
    """-smbios types 0, 1, 2, 3 from <sysinfo>."""
    if domain.os.smbios_mode != "sysinfo":
        return []
    args: Args = []
    for info in domain.sysinfos:
        if info.type != "smbios":
            continue
        if info.bios:
            args += _table(0, info.bios)
        if info.system:
            order = {name: i for i, name in enumerate(_SYSTEM)}
            args += _table(1, sorted(info.system, key=lambda e: order.get(e.name, 99)))
        for board in info.base_boards:
            args += _table(2, board.entries)
        if info.chassis:
            args += _table(3, info.chassis)
    return args


def _table(number: int, entries: list[SysinfoEntry]) -> Args:
    words = [f"type={number}"] + [f"{e.name}={escape(e.text)}" for e in entries]
    return ["-smbios", ",".join(words)]


def clock(domain: Domain) -> Args:
    """-rtc, and the timers."""
    timers: dict[str, Timer] = {t.name: t for t in domain.clock.timers}
    base = "localtime" if domain.clock.offset == "localtime" else "utc"
    words = [f"base={base}"]
    rtc = timers.get("rtc")
    if rtc is not None:
        if rtc.track in ("guest", "wall"):
            words.append("clock=" + ("vm" if rtc.track == "guest" else "host"))
        if rtc.tickpolicy == "catchup":
            words.append("driftfix=slew")
    args = ["-rtc", ",".join(words)]
    pit = timers.get("pit")
    if pit is not None:
        if pit.tickpolicy == "delay":
            args += ["-global", "kvm-pit.lost_tick_policy=delay"]
        elif pit.tickpolicy == "discard":
            args += ["-global", "kvm-pit.lost_tick_policy=discard"]
    hpet = timers.get("hpet")
    if hpet is not None and hpet.present is False:
        args.append("-no-hpet")
    return args


def acpi_and_pm(domain: Domain) -> Args:
    """-no-acpi, and what <pm> says."""
    args: Args = []
    if domain.features is None or not domain.features.acpi:
        args.append("-no-acpi")
    chipset = "ICH9-LPC" if is_q35(domain) else "PIIX4_PM"
    for value, name in (
        (domain.suspend_to_mem, "disable_s3"),
        (domain.suspend_to_disk, "disable_s4"),
    ):
        if value is not None:
            args += ["-global", f"{chipset}.{name}={0 if value else 1}"]
    return args


def boot(domain: Domain) -> Args:
    """-boot, -kernel, -initrd, -append; the order itself is in bootindex."""
    os = domain.os
    words = []
    if os.bootmenu is not None:
        words.append(f"menu={_on(os.bootmenu)}")
        if os.bootmenu and os.bootmenu_timeout:
            words.append(f"splash-time={os.bootmenu_timeout}")
    if os.reboot_timeout is not None:
        words.append(f"reboot-timeout={os.reboot_timeout}")
    words.append("strict=on")
    args = ["-boot", ",".join(words)]
    if os.loader is not None and os.loader.path and os.loader.type != "pflash":
        args = ["-bios", os.loader.path, *args]
    for option, value in (("-kernel", os.kernel), ("-initrd", os.initrd), ("-append", os.cmdline)):
        if value:
            args += [option, value]
    return args
