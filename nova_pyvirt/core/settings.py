# SPDX-License-Identifier: Apache-2.0
"""A driver state's settings, taken from the configuration once: attribute reads cost nothing.

Under the libvirt path profile, qemu.conf's settings that have an equal here win over defaults.
"""

import grp
import pwd
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from nova_pyvirt import conf
from nova_pyvirt.core import qemuconf, virconf
from nova_pyvirt.core.cgroup import CONTROLLERS
from nova_pyvirt.core.paths import Paths
from nova_pyvirt.errors import system_error
from nova_pyvirt.util.native import os

#: devices that every guest may use
DEVICE_ACL: Final = ("/dev/null", "/dev/full", "/dev/zero", "/dev/random", "/dev/urandom",
                     "/dev/ptmx", "/dev/kvm", "/dev/userfaultfd")  # fmt: skip


@dataclass(slots=True)
class Settings:
    """See nova_pyvirt/conf for what each means. Times in seconds.

    :ivar uid: user of QEMU, None = our own; gid likewise
    :ivar hugetlbfs_mount: None = those that are mounted
    :ivar without_effect: settings of the file qemu_conf that change nothing, and why
    :ivar nvram: firmware images and their variables, "CODE:VARS"; None = the usual ones
    """

    user: str | None = None
    group: str | None = None
    uid: int | None = None
    gid: int | None = None
    dynamic_ownership: bool = True
    default_confined: bool = True
    remember_owner: bool = True
    seccomp: bool = True
    job_wait: float = 30.0
    max_queued: int = 0
    query_deadline: float = 5.0
    change_deadline: float = 30.0
    block_deadline: float = 120.0
    connect_deadline: float = 30.0
    audit_level: int = 0
    hooks_enabled: bool = True
    hook_timeout: float = 60.0
    port_min: int = 5900
    port_max: int = 65535
    vnc_listen: str = "127.0.0.1"
    spice_listen: str = "127.0.0.1"
    vnc_password: str | None = None
    vnc_tls: bool = False
    vnc_tls_dir: str | None = None
    vnc_tls_verify: bool = False
    vnc_sasl: bool = False
    vnc_sasl_dir: str | None = None
    spice_password: str | None = None
    spice_tls: bool = False
    spice_tls_dir: str | None = None
    spice_sasl: bool = False
    spice_sasl_dir: str | None = None
    tls_dir: str = "/etc/pki/qemu"
    websocket_min: int = 5700
    websocket_max: int = 65535
    max_core: int = 0
    max_processes: int = 0
    max_files: int = 0
    cgroup_controllers: tuple[str, ...] = CONTROLLERS
    cgroup_device_acl: tuple[str, ...] = DEVICE_ACL
    autostart_parallel: int = 4
    set_process_name: bool = False
    vnc_auto_unix_socket: bool = False
    spice_auto_unix_socket: bool = False
    log_timestamp: bool = True
    dump_guest_core: bool = False
    deprecation: str | None = None
    memory_backing_dir: str | None = None
    hugetlbfs_mount: tuple[str, ...] | None = None
    swtpm_user: str | None = None
    swtpm_group: str | None = None
    virtiofsd_debug: bool = False
    nvram: tuple[str, ...] | None = None
    capability_filters: tuple[str, ...] = ()
    save_image_format: str = "raw"
    dump_image_format: str = "raw"
    snapshot_image_format: str = "raw"
    auto_dump_path: str | None = None
    auto_dump_bypass_cache: bool = False
    auto_start_bypass_cache: bool = False
    emulator_directories: tuple[str, ...] = ()
    schema_dir: str = "/usr/share/libvirt/schemas"
    qemu_conf: str = ""
    without_effect: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, paths: Paths) -> "Settings":
        """:raises libvirtError: CONF_SYNTAX when the configuration can't be read"""
        conf.load()
        c = conf.CONF
        got = cls(
            dynamic_ownership=c.qemu.dynamic_ownership,
            default_confined=c.qemu.security_default_confined,
            remember_owner=c.qemu.remember_owner,
            seccomp=bool(c.qemu.seccomp_sandbox),
            job_wait=float(c.jobs.wait),
            max_queued=c.jobs.max_queued,
            query_deadline=float(c.monitor.query_deadline),
            change_deadline=float(c.monitor.change_deadline),
            block_deadline=float(c.monitor.block_deadline),
            connect_deadline=float(c.monitor.connect_deadline),
            audit_level=c.audit.level,
            hooks_enabled=c.hooks.enabled,
            hook_timeout=float(c.hooks.timeout),
            port_min=c.qemu.remote_display_port_min,
            port_max=c.qemu.remote_display_port_max,
            vnc_listen=c.qemu.vnc_listen,
            spice_listen=c.qemu.spice_listen,
            vnc_password=c.qemu.vnc_password,
            vnc_tls=c.qemu.vnc_tls,
            vnc_tls_dir=c.qemu.vnc_tls_x509_cert_dir,
            vnc_sasl=c.qemu.vnc_sasl,
            spice_password=c.qemu.spice_password,
            spice_tls=c.qemu.spice_tls,
            log_timestamp=c.qemu.log_timestamp,
            dump_guest_core=c.qemu.dump_guest_core,
            memory_backing_dir=c.qemu.memory_backing_dir,
            hugetlbfs_mount=tuple(c.qemu.hugetlbfs_mount) or None,
            max_core=c.qemu.max_core,
            max_processes=c.qemu.max_processes,
            max_files=c.qemu.max_files,
            cgroup_controllers=tuple(c.qemu.cgroup_controllers),
            cgroup_device_acl=tuple(c.qemu.cgroup_device_acl),
            autostart_parallel=c.qemu.autostart_parallel,
            set_process_name=c.qemu.set_process_name,
            vnc_auto_unix_socket=c.qemu.vnc_auto_unix_socket,
            save_image_format=c.qemu.save_image_format,
            dump_image_format=c.qemu.dump_image_format,
            snapshot_image_format=c.qemu.snapshot_image_format,
            auto_dump_path=c.qemu.auto_dump_path,
            auto_dump_bypass_cache=c.qemu.auto_dump_bypass_cache,
            auto_start_bypass_cache=c.qemu.auto_start_bypass_cache,
            emulator_directories=tuple(c.qemu.emulator_directories),
            schema_dir=c.qemu.schema_dir,
        )
        got.user, got.group = c.qemu.user, c.qemu.group
        if paths.profile == "libvirt":
            got.qemu_conf = f"{paths.etc}/qemu.conf"
            theirs = _read(got.qemu_conf)
            got._apply(qemuconf.settings(theirs, got.qemu_conf))
            got.without_effect = qemuconf.without_effect(theirs)
            level = _read(f"{paths.etc}/libvirtd.conf").get("audit_level")
            if isinstance(level, int):
                got.audit_level = level
        if os.geteuid() == 0 and not paths.session:
            got.uid, got.gid = _identity(got.user, got.group)
        return got

    def _apply(self, theirs: dict[str, Any]) -> None:
        for name, value in theirs.items():
            setattr(self, name, value)


def _read(path: str) -> dict[str, virconf.Value]:
    try:
        return virconf.read(path)
    except OSError as exc:
        raise system_error(exc.errno or 0, f"Failed to open file '{path}'") from exc


#: users that QEMU runs as when the configuration names none; the first that exists
_USERS = ("libvirt-qemu", "qemu", "nova-pyvirt")


def identify(user: str, group: str | None) -> tuple[int, int] | None:
    """uid and gid of a user, and of a group of its own where one is named; None without the user."""
    uid = _user_ids(user)
    if uid is None:
        return None
    gid = _group_ids(group)
    return uid, pwd.getpwuid(uid).pw_gid if gid is None else gid


def _identity(user: str | None, group: str | None) -> tuple[int | None, int | None]:
    """uid and gid of QEMU; (None, None) = ours."""
    uid = _user_ids(user)
    by_default = uid is None
    for name in _USERS if by_default else ():
        uid = _user_ids(name) if uid is None else uid
    if uid is None:
        return None, None
    gid = _group_ids(group)
    if gid is None and by_default:
        gid = _group_ids("kvm")
    return uid, pwd.getpwuid(uid).pw_gid if gid is None else gid


def _user_ids(name: str | None) -> int | None:
    return _lookup(name, lambda n: pwd.getpwnam(n).pw_uid)


def _group_ids(name: str | None) -> int | None:
    return _lookup(name, lambda n: grp.getgrnam(n).gr_gid)


def _lookup(name: str | None, find: Callable[[str], int]) -> int | None:
    if not name:
        return None
    if name.lstrip("+").isdigit():
        return int(name.lstrip("+"))
    try:
        return find(name)
    except KeyError:
        return None
