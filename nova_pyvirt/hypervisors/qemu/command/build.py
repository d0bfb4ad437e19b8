# SPDX-License-Identifier: Apache-2.0
"""The command line as a whole, in libvirt's order (qemuBuildCommandLine)."""

from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.command import (
    boot,
    clock,
    cpu,
    devices,
    machine,
    memory,
    smbios,
)
from nova_pyvirt.hypervisors.qemu.command.context import CommandContext, CommandLine, escape, props
from nova_pyvirt.model.domain import Domain

_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


def build(domain: Domain, caps: QemuCaps, ctx: CommandContext) -> CommandLine:
    """
    :param domain: with addresses and aliases
    :raises libvirtError: CONFIG_UNSUPPORTED for what QEMU can't do
    """
    argv = [domain.devices.emulator or caps.binary]
    argv += ["-name", _name(domain, ctx)]
    argv += _deprecation(domain, caps, ctx)
    argv.append("-S")
    if ctx.master_key:
        secret = props(qom_type="secret", id="masterKey0", format="raw", file=ctx.master_key)
        argv += ["-object", secret]
    guest = devices.Guest(domain, caps, ctx)
    argv += devices.early(guest)
    argv += boot.pflash(domain)
    argv += machine.machine(domain, caps, ctx)
    argv += machine.accel(domain)
    argv += machine.tseg(domain)
    argv += cpu.cpu(domain, caps)
    argv += boot.loader(domain)
    argv += memory.memory(domain, caps, ctx)
    argv += machine.smp(domain, caps)
    argv += machine.iothreads(domain)
    argv += memory.numa(domain, caps, ctx)
    argv += ["-uuid", domain.uuid]
    argv += smbios.smbios(domain, ctx)
    argv += smbios.fw_cfg(domain)
    argv += smbios.generation_id(domain)
    if not domain.devices.graphics:
        argv += ["-display", "none"]
    argv += ["-no-user-config", "-nodefaults"]
    argv += devices.monitor(ctx)
    argv += clock.clock(domain, caps, ctx)
    argv += ["-no-shutdown"]
    argv += machine.acpi_and_pm(domain, caps)
    argv += boot.boot(domain)
    argv += devices.main(guest)
    if domain.features is not None and domain.features.vmcoreinfo:
        argv += ["-device", props(driver="vmcoreinfo")]
    argv += machine.security(domain)
    if ctx.incoming:
        argv += ["-incoming", ctx.incoming]
    if ctx.sandbox:
        argv += ["-sandbox", _SANDBOX]
    argv += devices.late(guest)
    argv += [arg.value for arg in domain.qemu_args]
    if ctx.timestamps:
        argv += ["-msg", "timestamp=on"]
    return CommandLine(argv, _environment(domain, ctx))


def _name(domain: Domain, ctx: CommandContext) -> str:
    """-name: the process shows it too when that is wanted."""
    name = escape(domain.name)
    process = f",process=qemu:{name}" if ctx.process_name else ""
    return f"guest={name}{process},debug-threads=on"


def _deprecation(domain: Domain, caps: QemuCaps, ctx: CommandContext) -> list[str]:
    """-compat: what QEMU does with what it calls deprecated."""
    wanted = domain.qemu_deprecation
    behavior = wanted.behavior if wanted is not None else ctx.deprecation
    if behavior not in ("omit", "reject", "crash") or not caps.has("compat-deprecated"):
        return []
    given = None if behavior == "omit" else behavior
    return ["-compat", props(deprecated_output="hide", deprecated_input=given)]


def _environment(domain: Domain, ctx: CommandContext) -> dict[str, str]:
    env = {"LC_ALL": "C", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    if ctx.lib_dir:
        env["HOME"] = ctx.lib_dir
        for kind in ("DATA", "CACHE", "CONFIG"):
            env[f"XDG_{kind}_HOME"] = f"{ctx.lib_dir}/.{_XDG[kind]}"
    if ctx.sasl_dir is not None and any(
        g.type in ("vnc", "spice") for g in domain.devices.graphics
    ):
        env["SASL_CONF_PATH"] = ctx.sasl_dir
    env.update({item.name: item.value or "" for item in domain.qemu_env})
    return env


_XDG = {"DATA": "local/share", "CACHE": "cache", "CONFIG": "config"}
