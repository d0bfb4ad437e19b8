# SPDX-License-Identifier: Apache-2.0
"""[qemu]: how QEMU processes are run. Names and meanings follow libvirt's qemu.conf."""

from oslo_config import cfg

GROUP = "qemu"

_IDENTITY = [
    cfg.StrOpt(
        "user",
        help="""
The user that QEMU runs as, by name or number ("+107" for a number that is also a name).

Used only when nova-pyvirt runs as root. Unset: libvirt-qemu, qemu or nova-pyvirt, the first of
them that exists on this host; when none exists, root, with a warning.
""",
    ),
    cfg.StrOpt(
        "group",
        help="""
The group that QEMU runs as, by name or number. Unset: kvm when the host has that group and the
user was found by default, else the user's own group.
""",
    ),
    cfg.StrOpt(
        "schema_dir",
        default="/usr/share/libvirt/schemas",
        help="""
Where libvirt's RELAX NG schemas (domain.rng and its likes) are installed.

They are needed only for calls that ask for validation (VIR_DOMAIN_DEFINE_VALIDATE, ``virsh define
--validate``). Without them such a call is refused; nothing else is affected.
""",
    ),
    cfg.ListOpt(
        "emulator_directories",
        default=[],
        help="""
Directories that the programs named by ``<emulator>`` may be in, symbolic links followed.

A program is run to learn what it can do as soon as a definition names it. Empty: anywhere, as with
libvirtd.
""",
    ),
    cfg.BoolOpt(
        "dynamic_ownership",
        default=True,
        help="""
Give the guest's images and other files to QEMU's user while the guest runs, and give them back
when it stops. Turn off when the storage is shared and its ownership is managed elsewhere.
""",
    ),
    cfg.BoolOpt(
        "security_default_confined",
        default=True,
        help="""
Show a guest without a <seclabel> of its own with the label it gets; files are given to QEMU's user
either way.
""",
    ),
    cfg.BoolOpt(
        "remember_owner",
        default=True,
        help="""
Remember the original owner of files in extended attributes (libvirt's trusted.libvirt.security
names), so that it can be restored even after a crash. Without it files go back to root.
""",
    ),
    cfg.IntOpt(
        "seccomp_sandbox",
        default=1,
        min=-1,
        max=1,
        help="""
QEMU's system call filter: 1 always, 0 never, -1 when QEMU is known to support it.
""",
    ),
]

_PROCESS = [
    cfg.ListOpt(
        "cgroup_controllers",
        default=["cpu", "cpuacct", "cpuset", "memory", "devices", "blkio"],
        help="""
Control group controllers that guests are placed under, where the host has them. Empty: none.
""",
    ),
    cfg.ListOpt(
        "cgroup_device_acl",
        default=[
            "/dev/null",
            "/dev/full",
            "/dev/zero",
            "/dev/random",
            "/dev/urandom",
            "/dev/ptmx",
            "/dev/kvm",
            "/dev/userfaultfd",
        ],
        help="Devices that every guest may use, besides those of its own definition.",
    ),
    cfg.IntOpt(
        "max_processes",
        default=0,
        min=0,
        help="Limit of processes and threads (RLIMIT_NPROC) of a QEMU. 0: not set.",
    ),
    cfg.IntOpt(
        "max_files",
        default=0,
        min=0,
        help="Limit of open files (RLIMIT_NOFILE) of a QEMU. 0: not set.",
    ),
    cfg.IntOpt(
        "max_core",
        default=0,
        min=-1,
        help="Limit of a core dump in bytes (RLIMIT_CORE) of a QEMU. -1: unlimited.",
    ),
    cfg.BoolOpt(
        "dump_guest_core",
        default=False,
        help="Include the guest's memory in QEMU's core dump unless its definition says otherwise.",
    ),
    cfg.BoolOpt(
        "set_process_name",
        default=False,
        help='Show the guest\'s name in the process list ("qemu:NAME").',
    ),
    cfg.ListOpt(
        "hugetlbfs_mount",
        default=[],
        sample_default=["/dev/hugepages"],
        help="Mount points of hugetlbfs. Empty: those that /proc/mounts lists.",
    ),
    cfg.StrOpt(
        "memory_backing_dir",
        help="Directory of file memory backing. Unset: a directory below the library root.",
    ),
]

_GUESTS = [
    cfg.IntOpt(
        "autostart_parallel",
        default=4,
        min=1,
        help="How many guests marked for autostart are started at the same time.",
    ),
    cfg.BoolOpt(
        "auto_start_bypass_cache",
        default=False,
        help="Restore saved guests at autostart without the host's file cache.",
    ),
    cfg.BoolOpt(
        "auto_dump_bypass_cache",
        default=False,
        help="Write automatic dumps without the host's file cache.",
    ),
    cfg.StrOpt(
        "save_image_format",
        default="raw",
        choices=["raw", "gzip", "bzip2", "xz", "lzop"],
        help="Compression of saved guests.",
    ),
    cfg.StrOpt(
        "dump_image_format",
        default="raw",
        choices=["raw", "gzip", "bzip2", "xz", "lzop"],
        help="Compression of guest memory dumps.",
    ),
    cfg.StrOpt(
        "snapshot_image_format",
        default="raw",
        choices=["raw", "gzip", "bzip2", "xz", "lzop"],
        help="Compression of the memory images of external snapshots.",
    ),
    cfg.StrOpt(
        "auto_dump_path",
        help="""
Directory of the core dumps that a guest's panic (on_crash) or watchdog asks for. Unset: the
directory "dump" beside managed save images.
""",
    ),
]

_DISPLAY = [
    cfg.StrOpt(
        "vnc_listen",
        default="127.0.0.1",
        help="Address that VNC listens on when a definition names none.",
    ),
    cfg.StrOpt(
        "vnc_password",
        secret=True,
        help="Password of VNC displays whose definition has none. An empty one denies all logins.",
    ),
    cfg.BoolOpt("vnc_tls", default=False, help="Use TLS for VNC."),
    cfg.StrOpt(
        "vnc_tls_x509_cert_dir",
        default="/etc/pki/libvirt-vnc",
        help="Directory with ca-cert.pem, server-cert.pem and server-key.pem for VNC.",
    ),
    cfg.BoolOpt("vnc_sasl", default=False, help="Use SASL for VNC."),
    cfg.BoolOpt(
        "vnc_auto_unix_socket",
        default=False,
        help="Listen on a UNIX socket in the guest's directory instead of TCP by default.",
    ),
    cfg.StrOpt(
        "spice_listen",
        default="127.0.0.1",
        help="Address that SPICE listens on when a definition names none.",
    ),
    cfg.StrOpt("spice_password", secret=True, help="Password of SPICE displays without one."),
    cfg.BoolOpt("spice_tls", default=False, help="Use TLS for SPICE."),
    cfg.PortOpt("remote_display_port_min", default=5900, help="First automatic display port."),
    cfg.PortOpt("remote_display_port_max", default=65535, help="Last automatic display port."),
]

_LOGS = [
    cfg.BoolOpt(
        "log_timestamp",
        default=True,
        help="Let QEMU put the time before each line of its log.",
    ),
]

OPTS = [*_IDENTITY, *_PROCESS, *_GUESTS, *_DISPLAY, *_LOGS]
