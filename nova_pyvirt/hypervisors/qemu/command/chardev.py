# SPDX-License-Identifier: Apache-2.0
"""Character devices and the monitor."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.context import CommandContext, escape, props
from nova_pyvirt.model.devices.chardev import CharDevice
from nova_pyvirt.model.domain import Domain


def monitor(ctx: CommandContext) -> list[str]:
    """The QMP monitor: on a socket that already listens, so that no connection is too early."""
    where = f"path={escape(ctx.lib_dir)}/monitor.sock"
    if ctx.monitor_fd is not None:
        where = f"fd={ctx.monitor_fd}"
    return [
        "-chardev",
        f"socket,id=charmonitor,{where},server=on,wait=off",
        "-mon",
        "chardev=charmonitor,id=monitor,mode=control",
    ]


def chardevs(domain: Domain, ctx: CommandContext) -> list[str]:
    """Serial and parallel ports, channels, consoles of their own."""
    args: list[str] = []
    for serial in domain.devices.serials:
        args += ["-chardev", backend(serial, ctx)]
        driver = serial.target_model or "isa-serial"
        index = serial.port if driver == "isa-serial" else None
        chardev = f"char{serial.alias}"
        args += ["-device", props(driver=driver, chardev=chardev, id=serial.alias, index=index)]
    for parallel in domain.devices.parallels:
        args += ["-chardev", backend(parallel, ctx)]
        chardev = f"char{parallel.alias}"
        args += ["-device", props(driver="isa-parallel", chardev=chardev, id=parallel.alias)]
    for channel in domain.devices.channels:
        args += ["-chardev", backend(channel, ctx)]
        port = int(channel.address.port or 1) if channel.address is not None else 1
        args += ["-device", props(
            driver="virtserialport", bus="virtio-serial0.0", nr=port,
            chardev=f"char{channel.alias}", id=channel.alias, name=channel.target_name,
        )]  # fmt: skip
    return args


def backend(device: CharDevice, ctx: CommandContext) -> str:
    """The -chardev argument.

    :raises libvirtError: CONFIG_UNSUPPORTED for a back-end QEMU can't have here
    """
    ident = f"id=char{device.alias}"
    kind = device.type
    if kind == "pty":
        words = ["pty", ident]
    elif kind == "null":
        words = ["null", ident]
    elif kind == "file":
        words = ["file", ident, f"path={escape(device.source_path)}"]
        words.append(f"append={'off' if device.source_append is False else 'on'}")
    elif kind == "dev":
        words = ["serial", ident, f"path={escape(device.source_path)}"]
    elif kind == "pipe":
        words = ["pipe", ident, f"path={escape(device.source_path)}"]
    elif kind == "stdio":
        words = ["stdio", ident]
    elif kind == "unix":
        words = ["socket", ident, f"path={escape(device.source_path)}", *_listen(device)]
    elif kind == "tcp":
        words = ["socket", ident, f"host={device.source_host}", f"port={device.source_service}"]
        words += _listen(device)
        if device.protocol == "telnet":
            words.insert(4, "telnet=on")
    elif kind == "spicevmc":
        words = ["spicevmc", ident, "name=vdagent"]
    else:
        raise errors.error(Code.CONFIG_UNSUPPORTED, f"unsupported chardev '{kind}'")
    if device.log_file:
        append = "off" if device.log_append is False else "on"
        words += [f"logfile={escape(device.log_file)}", f"logappend={append}"]
    return ",".join(words)


def _listen(device: CharDevice) -> list[str]:
    if device.source_mode == "connect":
        return ["reconnect=0"] if device.type == "tcp" else []
    return ["server=on", "wait=off"]
