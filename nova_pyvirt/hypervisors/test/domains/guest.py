# SPDX-License-Identifier: Apache-2.0
"""What the guest itself would do or tell: made up, the same for every guest."""

import ipaddress
import struct
import zlib
from collections.abc import Callable
from typing import Final

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import State
from nova_pyvirt.core.stream import Stream
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test.slots import Base, bad_argument, invalid, slot

_MOUNTS: Final = ("/", "/boot")
_SIGNALS: Final = 65
_SYNC: Final = 1
_ENCRYPTED: Final = 1
_SOURCES: Final = 3
_VIRTUAL, _PHYSICAL = 1, 2
_KEYS: Final = 0xFF
_CODESETS: Final = 11
_IPV4: Final = 0
Address = tuple[int, str, int]


class GuestSlots(Base):
    """Agent, console, host name."""

    @slot("testDomainGetHostname")
    def domain_get_hostname(self, dom: DomainRef, flags: int) -> str:
        self.active(dom)
        return f"{dom.name}host"

    @slot("testDomainGetTime")
    def domain_get_time(self, dom: DomainRef, flags: int) -> tuple[int, int]:
        vm = self.vm(dom)
        if vm.state is not State.RUNNING:
            raise invalid("domain is not running")
        clock: tuple[int, int] = vm.private.clock
        return clock

    @slot("testDomainSetTime", _SYNC)
    def domain_set_time(self, dom: DomainRef, seconds: int, nseconds: int, flags: int) -> None:
        self.active(dom).private.clock = (seconds, nseconds)

    @slot("testDomainGetControlInfo")
    def domain_get_control_info(self, dom: DomainRef, flags: int) -> tuple[int, int, int]:
        """The guest's clock chooses: set it to see each state (libvirt's own trick)."""
        seconds = self.active(dom).private.clock[0]
        if 0 < seconds < 10000:
            return 1, 0, seconds
        if 10000 <= seconds < 30000:
            return 2, 0, seconds - 10000
        if 30000 <= seconds < 60000:
            return 3, seconds % 4, seconds - 30000
        return 0, 0, 0

    # --- filesystems

    @slot("testDomainGetFSInfo")
    def domain_get_fs_info(
        self, dom: DomainRef, flags: int
    ) -> list[tuple[str, str, str, list[str]]]:
        vm = self.active(dom)
        disk = next((d.target for d in vm.definition.devices.disks if d.device == "disk"), None)
        if disk is None:
            return []
        return [(path, f"{disk}{n}", "ext4", [disk]) for n, path in enumerate(_MOUNTS, 1)]

    @slot("testDomainFSFreeze")
    def domain_fs_freeze(self, dom: DomainRef, mounts: list[str], flags: int) -> int:
        return self._freeze(dom, mounts, True)

    @slot("testDomainFSThaw")
    def domain_fs_thaw(self, dom: DomainRef, mounts: list[str], flags: int) -> int:
        return self._freeze(dom, mounts, False)

    def _freeze(self, dom: DomainRef, mounts: list[str], state: bool) -> int:
        """How many filesystems are so now that were not."""
        frozen: list[bool] = self.active(dom).private.frozen
        chosen = [_mount(path) for path in mounts or _MOUNTS]
        changed = {index for index in chosen if frozen[index] != state}
        for index in changed:
            frozen[index] = state
        return len(changed)

    @slot("testDomainFSTrim")
    def domain_fs_trim(self, dom: DomainRef, mount: str | None, minimum: int, flags: int) -> None:
        self.active(dom)
        if mount is not None:
            _mount(mount)

    @slot("testDomainGetDiskErrors")
    def domain_get_disk_errors(self, dom: DomainRef, flags: int) -> list[tuple[str, int]]:
        disks = self.active(dom).definition.devices.disks
        return [(disk.target, n % 2 + 1) for n, disk in enumerate(disks)]

    # --- into the guest

    @slot("testDomainSetUserPassword", _ENCRYPTED)
    def domain_set_user_password(
        self, dom: DomainRef, user: str, password: str, flags: int
    ) -> None:
        self.active(dom)

    @slot("testDomainSendKey")
    def domain_send_key(
        self, dom: DomainRef, codeset: int, holdtime: int, keys: list[int], flags: int
    ) -> None:
        self.active(dom)
        for key in keys:
            if not 0 <= codeset < _CODESETS or key > _KEYS:
                detail = f"invalid keycode {key} of {codeset} codeset"
                raise error(Code.INTERNAL_ERROR, detail, domain=From.TEST)

    @slot("testDomainSendProcessSignal")
    def domain_send_process_signal(self, dom: DomainRef, pid: int, signum: int, flags: int) -> None:
        if pid != 1:
            raise bad_argument("only sending a signal to pid 1 is supported")
        if signum >= _SIGNALS:
            raise bad_argument(f"signum value {signum} is out of range")
        self.vm(dom)

    @slot("testDomainInjectNMI")
    def domain_inject_nmi(self, dom: DomainRef, flags: int) -> None:
        self.active(dom)

    @slot("testDomainMemoryPeek", _VIRTUAL | _PHYSICAL)
    def domain_memory_peek(self, dom: DomainRef, start: int, size: int, flags: int) -> bytes:
        if flags not in (_VIRTUAL, _PHYSICAL):
            detail = "flags parameter must be VIR_MEMORY_VIRTUAL or VIR_MEMORY_PHYSICAL"
            raise bad_argument(detail)
        self.active(dom)
        return bytes((start + n) & 0xFF for n in range(size))

    @slot()
    def domain_get_security_label(self, dom: DomainRef) -> tuple[str, int]:
        self.active(dom)
        return "libvirt-test", 1

    @slot("testDomainGetLaunchSecurityInfo", 4)
    def domain_get_launch_security_info(self, dom: DomainRef, flags: int) -> dict[str, int]:
        return {}

    @slot("testDomainGetMessages", 3)
    def domain_get_messages(self, dom: DomainRef, flags: int) -> list[str]:
        self.vm(dom)
        return []

    @slot("testDomainScreenshot")
    def domain_screenshot(self, dom: DomainRef, stream: Stream, screen: int, flags: int) -> str:
        """A small picture (libvirt's test driver has one too)."""
        self.vm(dom)
        stream.driver = _Bytes(_picture())
        return "image/png"

    # --- addresses

    @slot("testDomainInterfaceAddresses")
    def domain_interface_addresses(
        self, dom: DomainRef, source: int, flags: int
    ) -> list[tuple[str, str, list[Address]]]:
        if source > _SOURCES - 1:
            detail = f"Unknown IP address data source {source}"
            raise error(Code.ARGUMENT_UNSUPPORTED, detail, domain=From.TEST)
        vm = self.active(dom)
        made = []
        for number, nic in enumerate(vm.definition.devices.interfaces):
            address: Address = (_IPV4, f"192.168.0.{1 + number}", 24)
            if nic.type == "network":
                address = self._leased(nic.source_network, 20 * (vm.id - 1) + number + 1)
            made.append((str(nic.target), str(nic.mac), [address]))
        return made

    def _leased(self, network: str | None, offset: int) -> Address:
        """The address so many places behind a network's own, or its DHCP range's first."""
        found = self.world.networks.get(network or "").document.root.find("ip")
        if found is None or found.get("family") == "ipv6":
            return _IPV4, f"192.168.0.{offset}", 24
        first = found.get("address", "")
        span = found.find("dhcp/range")
        base = ipaddress.ip_address(span.get("start", first) if span is not None else first)
        mask = found.get("netmask") or found.get("prefix") or "24"
        prefix = ipaddress.ip_network(f"0.0.0.0/{mask}").prefixlen
        return _IPV4, str(base + offset), prefix


def _mount(path: str) -> int:
    """The number of a mount point.

    :raises libvirtError: OPERATION_INVALID
    """
    if path not in _MOUNTS:
        raise invalid(f"mount point not found: {path}")
    return _MOUNTS.index(path)


class _Bytes:
    """A stream that gives bytes that are there already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def recv(self, size: int, flags: int = 0) -> bytes | int:
        data, self._data = self._data[:size], self._data[size:]
        return data

    def send(self, data: bytes) -> int:
        raise error(Code.OPERATION_INVALID, "the stream is for reading", domain=From.STREAMS)

    def send_hole(self, length: int, flags: int = 0) -> None:
        raise error(Code.OPERATION_INVALID, "the stream is for reading", domain=From.STREAMS)

    def recv_hole(self, flags: int = 0) -> int:
        return 0

    def finish(self) -> None:
        self._data = b""

    def abort(self) -> None:
        self._data = b""

    def event_add_callback(self, events: int, callback: Callable[[int], None]) -> None:
        """There always is something to read, if only the end."""
        if events & 1:
            callback(1)

    def event_update_callback(self, events: int) -> None:
        """See event_add_callback."""

    def event_remove_callback(self) -> None:
        """See event_add_callback."""


def _picture() -> bytes:
    """A grey PNG of 64 x 48 points."""
    width, height = 64, 48

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\0" + b"\x80" * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
