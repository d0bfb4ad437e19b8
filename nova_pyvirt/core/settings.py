# SPDX-License-Identifier: Apache-2.0
"""A driver state's settings, taken from the configuration once: attribute reads cost nothing.

Under the libvirt path profile, qemu.conf's settings that have an equal here win over defaults.
"""

import grp
import pwd
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nova_pyvirt import conf
from nova_pyvirt.core.cgroup import CONTROLLERS
from nova_pyvirt.core.paths import Paths
from nova_pyvirt.util.native import os

#: devices that every guest may use
DEVICE_ACL: Final = ("/dev/null", "/dev/full", "/dev/zero", "/dev/random", "/dev/urandom",
                     "/dev/ptmx", "/dev/kvm", "/dev/userfaultfd")  # fmt: skip


@dataclass(slots=True)
class Settings:
    """See nova_pyvirt/conf for what each means. Times in seconds.

    :ivar uid: user of QEMU, None = our own; gid likewise
    """

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
    max_core: int = 0
    max_processes: int = 0
    max_files: int = 0
    cgroup_controllers: tuple[str, ...] = CONTROLLERS
    cgroup_device_acl: tuple[str, ...] = DEVICE_ACL
    autostart_parallel: int = 4
    set_process_name: bool = False
    vnc_auto_unix_socket: bool = False
    save_image_format: str = "raw"
    dump_image_format: str = "raw"
    snapshot_image_format: str = "raw"
    auto_dump_path: str | None = None
    auto_dump_bypass_cache: bool = False
    auto_start_bypass_cache: bool = False
    schema_dir: str = "/usr/share/libvirt/schemas"

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
            schema_dir=c.qemu.schema_dir,
        )
        user, group = c.qemu.user, c.qemu.group
        if paths.profile == "libvirt":
            theirs = read_qemu_conf(f"{paths.etc}/qemu.conf")
            user = theirs.get("user", user)
            group = theirs.get("group", group)
            got._apply_qemu_conf(theirs)
        if os.geteuid() == 0 and not paths.session:
            got.uid, got.gid = _identity(user, group)
        return got

    def _apply_qemu_conf(self, theirs: dict[str, str]) -> None:
        flags = {
            "dynamic_ownership": "dynamic_ownership",
            "seccomp_sandbox": "seccomp",
            "security_default_confined": "default_confined",
            "auto_dump_bypass_cache": "auto_dump_bypass_cache",
            "auto_start_bypass_cache": "auto_start_bypass_cache",
        }
        for key, ours in flags.items():
            if key in theirs:
                setattr(self, ours, theirs[key] != "0")
        if "max_queued" in theirs:
            self.max_queued = int(theirs["max_queued"])
        for key in ("save", "dump", "snapshot"):
            name = f"{key}_image_format"
            setattr(self, name, theirs.get(name, getattr(self, name)))
        self.auto_dump_path = theirs.get("auto_dump_path", self.auto_dump_path)
        self.vnc_listen = theirs.get("vnc_listen", self.vnc_listen)
        self.vnc_password = theirs.get("vnc_password", self.vnc_password)
        self.port_min = int(theirs.get("remote_display_port_min", self.port_min))
        self.port_max = int(theirs.get("remote_display_port_max", self.port_max))


def read_qemu_conf(path: str) -> dict[str, str]:
    """The scalar settings of a libvirt configuration file, quotes taken off; {} without one."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return {}
    pairs = re.findall(r'^\s*(\w+)\s*=\s*(?:"([^"]*)"|(-?\d+))\s*(?:#.*)?$', text, re.MULTILINE)
    return {key: quoted or number for key, quoted, number in pairs}


#: users that QEMU runs as when the configuration names none; the first that exists
_USERS = ("libvirt-qemu", "qemu", "nova-pyvirt")


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
