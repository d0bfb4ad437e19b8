# SPDX-License-Identifier: Apache-2.0
"""[paths]: where state lives."""

from oslo_config import cfg

GROUP = "paths"
PROFILES = ("own", "libvirt")

OPTS = [
    cfg.StrOpt(
        "paths",
        default="own",
        choices=[
            ("own", "/etc/nova-pyvirt, /run/nova-pyvirt, /var/lib/nova-pyvirt and so on"),
            ("libvirt", "libvirt's own directories: /etc/libvirt, /run/libvirt and so on"),
        ],
        help="""
Which directories hold definitions, run-time state, logs and caches.

The layout below the roots and the format of every file are libvirt's in both cases. With
``libvirt`` the guests of a host that ran libvirtd are found where they are, and libvirtd finds
them again later; the settings in qemu.conf that have an equal here are then honoured too.
libvirtd and nova-pyvirt never run on the same directories at the same time: the second one is
refused.

The environment variable NOVA_PYVIRT_PATHS overrides this option.
""",
    ),
]
