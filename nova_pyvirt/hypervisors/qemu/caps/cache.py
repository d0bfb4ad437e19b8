# SPDX-License-Identifier: Apache-2.0
"""The capabilities of all QEMU binaries, in memory and on disk."""

import contextlib
import errno
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nova_pyvirt.errors import Code, From, error, system_error
from nova_pyvirt.hypervisors.qemu.caps import store
from nova_pyvirt.hypervisors.qemu.caps.probe import probe
from nova_pyvirt.hypervisors.qemu.caps.stamp import HostStamp
from nova_pyvirt.hypervisors.qemu.caps.types import QemuCaps
from nova_pyvirt.util.native import os, threading

#: guest architecture -> QEMU's name of the target, where they differ
_TARGETS = {"i686": "i386", "armv7l": "arm", "armv6l": "arm", "ppc64le": "ppc64", "or32": "or1k"}
#: guests of the key run natively on hosts of the value
_NATIVE = {"i686": "x86_64", "armv7l": "aarch64", "ppc64le": "ppc64"}
#: no capability of QEMU's: there are certificates for SPICE
SPICE_TLS = "host.spice-tls"
_RHEL_BINARY = "/usr/libexec/qemu-kvm"


def is_native(host: str, guest: str) -> bool:
    """Can a `host` run guests of architecture `guest` without emulating the CPU?"""
    return host == guest or _NATIVE.get(guest) == host or {host, guest} == {"ppc64", "ppc64le"}


class CapsCache:
    """One per driver state. Thread-safe; a binary is probed by one thread at a time.

    :param directory: where the files go, e.g. /var/cache/nova-pyvirt/qemu/capabilities; None
        keeps everything in memory
    :param stamp: what a result depends on
    :param prober: how a binary is asked
    :param allowed: directories that emulators may be in; () = any
    :param host_arch: the host's architecture, libvirt's name
    :param without: capabilities that are not to be used, whatever QEMU says
    :param also: what this host's configuration makes possible (SPICE_TLS)
    """

    def __init__(
        self,
        directory: Path | None,
        *,
        stamp: HostStamp | None = None,
        prober: Callable[[str], QemuCaps] = probe,
        host_arch: str | None = None,
        without: frozenset[str] = frozenset(),
        also: frozenset[str] = frozenset(),
        allowed: tuple[str, ...] = (),
    ) -> None:
        self._directory = directory
        self._stamp = stamp or HostStamp()
        self._probe = prober
        self.host_arch = host_arch or os.uname().machine
        self._changes = also, without
        self._allowed = allowed
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}
        self._known: dict[str, QemuCaps] = {}

    def get(self, binary: str) -> QemuCaps:
        """What `binary` can do now; probes it when that is not known or no longer true.

        :raises libvirtError: SYSTEM_ERROR no such program; INTERNAL_ERROR it doesn't run;
            CONFIG_UNSUPPORTED it is not where emulators may be
        """
        stamp = self._check(binary)
        known = self._known.get(binary)
        if known is not None and known.stamp == stamp:
            return known
        with self._lock:
            busy = self._busy.setdefault(binary, threading.Lock())
        with busy:
            known = self._known.get(binary)
            if known is None or known.stamp != stamp:
                known = self._load(binary, stamp) or self._ask(binary, stamp)
                also, without = self._changes
                if also or without:
                    known = replace(known, flags=(known.flags | also) - without)
                self._known[binary] = known
            return known

    def default_emulator(self, arch: str, virt_type: str | None = None) -> str | None:
        """The path of the QEMU that serves guests of `arch`; None when there is none."""
        del virt_type  # one binary serves all accelerators
        candidates = ["aarch64"] if (self.host_arch, arch) == ("aarch64", "armv7l") else []
        candidates.append(_TARGETS.get(arch, arch))
        if is_native(self.host_arch, arch):
            candidates.append(self.host_arch)
        elif arch == "ppc64le":
            candidates.append("ppc64")
        for target in candidates:
            found = _in_path(f"qemu-system-{target}")
            if found:
                return found
        if is_native(self.host_arch, arch) and os.access(_RHEL_BINARY, os.X_OK):
            return _RHEL_BINARY
        return None

    def _check_place(self, binary: str) -> None:
        """A program is run to be asked: not any program, when there is a say in it."""
        real = os.path.realpath(binary)
        if not any(real.startswith(f"{place.rstrip('/')}/") for place in self._allowed):
            detail = f"emulator '{binary}' is in no directory for emulators"
            raise error(Code.CONFIG_UNSUPPORTED, detail, domain=From.QEMU)

    def _check(self, binary: str) -> dict[str, Any]:
        if self._allowed:
            self._check_place(binary)
        try:
            stamp = self._stamp.of(binary)
        except OSError as exc:
            raise system_error(
                exc.errno or 0, f"Cannot check QEMU binary {binary}", domain=From.QEMU
            ) from exc
        return stamp

    def _ask(self, binary: str, stamp: dict[str, Any]) -> QemuCaps:
        directory = os.path.isdir(binary)
        if directory or not os.access(binary, os.X_OK):
            raise system_error(
                errno.EISDIR if directory else errno.EACCES,
                f"QEMU binary {binary} is not executable",
                domain=From.QEMU,
            )
        caps = replace(self._probe(binary), stamp=stamp)
        self._save(caps)
        return caps

    def _file(self, binary: str) -> Path | None:
        if self._directory is None:
            return None
        return self._directory / (hashlib.sha256(binary.encode()).hexdigest() + ".json")

    def _load(self, binary: str, stamp: dict[str, Any]) -> QemuCaps | None:
        path = self._file(binary)
        if path is None:
            return None
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError):
            return None
        caps = store.load(text)
        if caps is None or caps.stamp != stamp or caps.binary != binary:
            return None
        return caps

    def _save(self, caps: QemuCaps) -> None:
        """A cache that can't be written costs a probe later, nothing else."""
        path = self._file(caps.binary)
        if path is None:
            return
        temporary = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.new")
        try:
            os.makedirs(path.parent, mode=0o755, exist_ok=True)
            fd = os.open(
                temporary,
                os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                0o600,
            )
            with os.fdopen(fd, "w") as stream:
                stream.write(store.dump(caps))
            os.rename(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _in_path(name: str) -> str | None:
    for folder in os.environ.get("PATH", os.defpath).split(":"):
        path = f"{folder or '.'}/{name}"
        if os.access(path, os.X_OK) and os.path.isfile(path):  # most are not there: one call
            return os.path.abspath(path)
    return None
