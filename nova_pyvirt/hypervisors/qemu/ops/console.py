# SPDX-License-Identifier: Apache-2.0
"""Consoles, channels and pictures of a guest as streams (qemu_driver.c, virchrdev.c)."""

import stat
import termios
from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.fdstream import DataStream, FdStream
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.stream import Stream
from nova_pyvirt.errors import Code, From, system_error
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.native import os, socket

FORCE, SAFE = 1, 2
CHANNEL_FORCE = 1
#: a terminal as cfmakeraw(3) makes it: index of the flags' word -> bits that go
_RAW: Final = {
    0: termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP | termios.INLCR
    | termios.IGNCR | termios.ICRNL | termios.IXON,
    1: termios.OPOST,
    2: termios.CSIZE | termios.PARENB,
    3: termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN,
}  # fmt: skip
_PNG: Final = "screenshot-format-png"
#: bytes of a picture that are taken from QEMU
_MAX_PICTURE: Final = 256 << 20


def open_console(
    state: QemuState, dom: DomainRef, name: str | None, stream: Stream, flags: int
) -> None:
    """qemuDomainOpenConsole: a character device on a pseudo terminal.

    :param name: the device's alias; None = the first console, else the first serial port
    :raises libvirtError: OPERATION_INVALID when it is off, INTERNAL_ERROR without such a device,
        OPERATION_FAILED when somebody has it open and FORCE is not given
    """
    check_flags(flags, FORCE | SAFE, "qemuDomainOpenConsole")
    vm = state.domains.find(dom)
    with vm.lock:
        vm.require_active()
        private = vm.private
        device, alias = _console(vm, name)
        if device.type != "pty" or not device.source_path:
            detail = f"character device {alias} is not using a PTY"
            raise errors.error(Code.INTERNAL_ERROR, detail)
        path = str(device.source_path)
    _claim(vm, private, path, bool(flags & FORCE), "Active console session exists for this domain")
    _attach(vm, private, path, stream, _open_terminal(path))


def open_channel(
    state: QemuState, dom: DomainRef, name: str | None, stream: Stream, flags: int
) -> None:
    """qemuDomainOpenChannel: a channel on a unix socket of the host.

    :param name: the channel's target name; None = the first channel
    :raises libvirtError: as open_console()
    """
    check_flags(flags, CHANNEL_FORCE, "qemuDomainOpenChannel")
    vm = state.domains.find(dom)
    with vm.lock:
        vm.require_active()
        private = vm.private
        found = [c for c in vm.definition.devices.channels if name in (None, c.target_name)]
        if not found:
            detail = f"cannot find channel {'<null>' if name is None else name}"
            raise errors.error(Code.INTERNAL_ERROR, detail)
        if found[0].type != "unix" or not found[0].source_path:
            alias = name or found[0].alias
            detail = f"channel {alias} is not using a UNIX socket"
            raise errors.error(Code.INTERNAL_ERROR, detail)
        path = str(found[0].source_path)
    _claim(vm, private, path, bool(flags & CHANNEL_FORCE),
           "Active channel stream exists for this domain")  # fmt: skip
    _attach(vm, private, path, stream, _open_socket(path))


def _console(vm: DomainObj, name: str | None) -> tuple[Any, str]:
    """The device, and what messages call it."""
    devices = vm.definition.devices
    consoles = [(d, f"console{number}") for number, d in enumerate(devices.consoles)]
    others = [(d, d.alias) for d in (*devices.serials, *devices.parallels)]
    if name is None:
        found = (consoles or [(d, d.alias) for d in devices.serials])[:1]
    else:
        found = [(d, a) for d, a in (*consoles, *others) if name in (a, d.alias)][:1]
    if not found:
        detail = f"cannot find character device {'<null>' if name is None else name}"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    return found[0][0], name or found[0][1]


def _claim(vm: DomainObj, private: QemuPrivate, path: str, force: bool, busy: str) -> None:
    """One user at a time; with `force` the one before is cut off."""
    with vm.lock:
        before = private.streams.get(path)
    if before is None:
        return
    if not force:
        raise errors.error(Code.OPERATION_FAILED, busy)
    before.abort()


def _attach(vm: DomainObj, private: QemuPrivate, path: str, stream: Stream, fd: int) -> None:
    def closed() -> None:
        with vm.lock:
            if private.streams.get(path) is driver:
                del private.streams[path]

    driver = FdStream(stream, fd, on_close=closed)
    with vm.lock:
        private.streams[path] = driver
    stream.driver = driver


def _open_terminal(path: str) -> int:
    """:raises libvirtError: SYSTEM_ERROR; the path came from QEMU and must be a terminal"""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as exc:
        detail = f"Unable to open stream for '{path}'"
        raise system_error(exc.errno or 0, detail, domain=From.STREAMS) from exc
    try:
        if not stat.S_ISCHR(os.fstat(fd).st_mode):
            raise OSError(25, "not a terminal")
        modes = termios.tcgetattr(fd)
        for word, bits in _RAW.items():
            modes[word] &= ~bits
        modes[2] |= termios.CS8
        termios.tcsetattr(fd, termios.TCSANOW, modes)
    except (OSError, termios.error) as exc:
        os.close(fd)
        detail = f"unable to set tty attributes: {path}"
        raise system_error(exc.args[0], detail, domain=From.STREAMS) from exc
    return fd


def _open_socket(path: str) -> int:
    """:raises libvirtError: SYSTEM_ERROR"""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        sock.connect(path)
    except OSError as exc:
        sock.close()
        raise system_error(
            exc.errno or 0, "Unable to open UNIX socket", domain=From.STREAMS
        ) from exc
    return sock.detach()


def screenshot(state: QemuState, dom: DomainRef, stream: Stream, screen: int, flags: int) -> str:
    """qemuDomainScreenshot: what a display shows now.

    :param screen: counted over the heads of all video devices
    :returns: the picture's MIME type; the picture is the stream's
    :raises libvirtError: OPERATION_INVALID when it is off or has no such screen
    """
    check_flags(flags, 0, "qemuDomainScreenshot")
    vm = state.domains.find(dom)
    with job(vm, Job.QUERY, "virDomainScreenshot", active=True):
        private: QemuPrivate = vm.private
        args = _screen(vm, screen)
        kind = "png" if private.caps.has(_PNG) else "ppm"
        if kind == "png":
            args["format"] = kind
        stream.driver = DataStream(_picture(private, args))
    return "image/png" if kind == "png" else "image/x-portable-pixmap"


def _screen(vm: DomainObj, screen: int) -> dict[str, Any]:
    """QEMU's name of a screen."""
    videos = vm.definition.devices.videos
    if not videos:
        detail = "no screens to take screenshot from"
        raise errors.error(Code.OPERATION_INVALID, detail)
    if not screen:
        return {}
    for video in videos:
        heads = video.heads or 1
        if screen < heads:
            return {"device": video.alias, "head": screen}
        screen -= heads
    raise errors.error(Code.OPERATION_INVALID, "no such screen ID")


def _picture(private: QemuPrivate, args: dict[str, Any]) -> bytes:
    """QEMU writes into memory that we share with it: no file of any owner is involved."""
    memory = os.memfd_create("screenshot", os.MFD_CLOEXEC)
    try:
        # QEMU takes a descriptor of a set only when its access mode is the wanted one
        only_write = os.open(f"/proc/self/fd/{memory}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            answer = private.mon.command("add-fd", None, fds=[only_write])
        finally:
            os.close(only_write)
        number = int(answer["fdset-id"])
        try:
            named = {"filename": f"/dev/fdset/{number}", **args}
            private.mon.command("screendump", named, kind="block")
        finally:
            private.mon.command("remove-fd", {"fdset-id": number})
        size = min(os.fstat(memory).st_size, _MAX_PICTURE)
        return os.pread(memory, size, 0)
    finally:
        os.close(memory)
