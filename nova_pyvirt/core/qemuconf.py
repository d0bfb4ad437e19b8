# SPDX-License-Identifier: Apache-2.0
"""qemu.conf: what each of its settings means here.

Every setting of libvirt 9.0's sample file is in one of two tables: honoured, or without an equal.
Those that have none are named when they are set, unless to what is the case here anyway.
"""

from collections.abc import Mapping
from typing import Any, Final

from nova_pyvirt.core.virconf import Value
from nova_pyvirt.errors import Code, From, error

#: qemu.conf's name: (attribute of core.settings.Settings, kind of value)
HONOURED: Final[dict[str, tuple[str, type]]] = {
    "auto_dump_bypass_cache": ("auto_dump_bypass_cache", bool),
    "auto_dump_path": ("auto_dump_path", str),
    "auto_start_bypass_cache": ("auto_start_bypass_cache", bool),
    "capability_filters": ("capability_filters", list),
    "cgroup_controllers": ("cgroup_controllers", list),
    "cgroup_device_acl": ("cgroup_device_acl", list),
    "default_tls_x509_cert_dir": ("tls_dir", str),
    "deprecation_behavior": ("deprecation", str),
    "dump_guest_core": ("dump_guest_core", bool),
    "dump_image_format": ("dump_image_format", str),
    "dynamic_ownership": ("dynamic_ownership", bool),
    "group": ("group", str),
    "hugetlbfs_mount": ("hugetlbfs_mount", list),
    "log_timestamp": ("log_timestamp", bool),
    "max_core": ("max_core", int),
    "max_files": ("max_files", int),
    "max_processes": ("max_processes", int),
    "max_queued": ("max_queued", int),
    "memory_backing_dir": ("memory_backing_dir", str),
    "nvram": ("nvram", list),
    "remember_owner": ("remember_owner", bool),
    "remote_display_port_max": ("port_max", int),
    "remote_display_port_min": ("port_min", int),
    "remote_websocket_port_max": ("websocket_max", int),
    "remote_websocket_port_min": ("websocket_min", int),
    "save_image_format": ("save_image_format", str),
    "seccomp_sandbox": ("seccomp", bool),
    "security_default_confined": ("default_confined", bool),
    "set_process_name": ("set_process_name", bool),
    "snapshot_image_format": ("snapshot_image_format", str),
    "spice_auto_unix_socket": ("spice_auto_unix_socket", bool),
    "spice_listen": ("spice_listen", str),
    "spice_password": ("spice_password", str),
    "spice_sasl": ("spice_sasl", bool),
    "spice_sasl_dir": ("spice_sasl_dir", str),
    "spice_tls": ("spice_tls", bool),
    "spice_tls_x509_cert_dir": ("spice_tls_dir", str),
    "swtpm_group": ("swtpm_group", str),
    "swtpm_user": ("swtpm_user", str),
    "user": ("user", str),
    "virtiofsd_debug": ("virtiofsd_debug", bool),
    "vnc_auto_unix_socket": ("vnc_auto_unix_socket", bool),
    "vnc_listen": ("vnc_listen", str),
    "vnc_password": ("vnc_password", str),
    "vnc_sasl": ("vnc_sasl", bool),
    "vnc_sasl_dir": ("vnc_sasl_dir", str),
    "vnc_tls": ("vnc_tls", bool),
    "vnc_tls_x509_cert_dir": ("vnc_tls_dir", str),
    "vnc_tls_x509_verify": ("vnc_tls_verify", bool),
}

_MIGRATION: Final = "migrations choose their connections by themselves"
_BACKUP: Final = "backups and disk exports do not use TLS"
_KEY: Final = "private keys that need a password are not read"
_SOUND: Final = "sound goes where the definition says"
_CHARDEV: Final = "character devices use TLS where the definition says so"

#: settings without an equal: why
UNEQUAL: Final[dict[str, str]] = {
    "backup_tls_x509_cert_dir": _BACKUP,
    "backup_tls_x509_secret_uuid": _BACKUP,
    "backup_tls_x509_verify": _BACKUP,
    "bridge_helper": "bridges are joined without a helper",
    "chardev_tls": _CHARDEV,
    "chardev_tls_x509_cert_dir": _CHARDEV,
    "chardev_tls_x509_secret_uuid": _KEY,
    "chardev_tls_x509_verify": "clients of character devices are always verified",
    "dbus_daemon": "no D-Bus daemons are started",
    "default_tls_x509_secret_uuid": _KEY,
    "default_tls_x509_verify": "see vnc_tls_x509_verify",
    "gluster_debug_level": "QEMU's default is used",
    "keepalive_count": _MIGRATION,
    "keepalive_interval": _MIGRATION,
    "lock_manager": "no leases on disks",
    "mac_filter": "see the filters of a network interface",
    "max_threads_per_process": "see max_processes",
    "migrate_tls_force": _MIGRATION,
    "migrate_tls_x509_cert_dir": _MIGRATION,
    "migrate_tls_x509_secret_uuid": _MIGRATION,
    "migrate_tls_x509_verify": _MIGRATION,
    "migration_address": _MIGRATION,
    "migration_host": _MIGRATION,
    "migration_port_max": _MIGRATION,
    "migration_port_min": _MIGRATION,
    "namespaces": "QEMU sees the host's mounts",
    "nbd_tls": _BACKUP,
    "nbd_tls_x509_cert_dir": _BACKUP,
    "nbd_tls_x509_secret_uuid": _BACKUP,
    "nographics_allow_host_audio": _SOUND,
    "pr_helper": "persistent reservations need a helper that runs already",
    "relaxed_acs_check": "the isolation of a device behind its switch is not checked",
    "sched_core": "threads of guests are not grouped for the scheduler",
    "security_driver": "guests are confined by their user only",
    "security_require_confined": "guests are confined by their user only",
    "slirp_helper": "QEMU's own user network is used",
    "stdio_handler": "QEMU writes its log itself",
    "vnc_allow_host_audio": _SOUND,
    "vnc_tls_x509_secret_uuid": _KEY,
    "vxhs_tls": "QEMU has no VxHS any more",
    "vxhs_tls_x509_cert_dir": "QEMU has no VxHS any more",
    "vxhs_tls_x509_secret_uuid": "QEMU has no VxHS any more",
}
#: values of those that say what is the case here: nothing to tell then
_AS_IT_IS: Final[dict[str, tuple[Value, ...]]] = {
    "backup_tls_x509_verify": (1,),
    "chardev_tls": (0,),
    "chardev_tls_x509_verify": (1,),
    "lock_manager": ("", "nop"),
    "mac_filter": (0,),
    "migrate_tls_force": (0,),
    "namespaces": ([],),
    "nbd_tls": (0,),
    "nographics_allow_host_audio": (0,),
    "relaxed_acs_check": (1,),
    "sched_core": ("none",),
    "security_driver": ("none", ["none"]),
    "security_require_confined": (0,),
    "stdio_handler": ("file",),
    "vnc_allow_host_audio": (0,),
    "vxhs_tls": (0,),
}


def settings(theirs: Mapping[str, Value], path: str) -> dict[str, Any]:
    """The attributes of Settings that a qemu.conf sets.

    :param path: the file's, for errors
    :raises libvirtError: CONF_SYNTAX for a value of the wrong kind
    """
    found: dict[str, Any] = {}
    for name, value in theirs.items():
        if name in HONOURED:
            attribute, kind = HONOURED[name]
            found[attribute] = _value(name, value, kind, path)
    return found


def without_effect(theirs: Mapping[str, Value]) -> dict[str, str]:
    """The settings that change nothing here, though they mean to: why."""
    return {
        name: UNEQUAL.get(name, "no setting that is known here")
        for name, value in theirs.items()
        if name not in HONOURED and value not in _AS_IT_IS.get(name, ())
    }


def _value(name: str, value: Value, kind: type, path: str) -> Any:
    if kind is list:  # one text stands for a list of one
        given = value if isinstance(value, list) else [value]
        if all(isinstance(part, str) for part in given):
            return tuple(part for part in given if part)
    elif kind is bool and isinstance(value, int):
        return value != 0
    elif kind is int and name == "max_core" and value == "unlimited":
        return -1
    elif kind is str and name in _USERS and isinstance(value, int):
        return str(value)
    elif isinstance(value, kind):
        return value
    wanted = _WORDS[kind]
    detail = f"{path}: expected {wanted} for '{name}' parameter"
    raise error(Code.CONF_SYNTAX, detail, domain=From.CONF)


#: how errors call the kinds
_WORDS: Final[dict[type, str]] = {
    list: "a list of strings",
    str: "a string",
    int: "a number",
    bool: "a number",
}
_USERS: Final = frozenset({"user", "group", "swtpm_user", "swtpm_group"})
