# SPDX-License-Identifier: Apache-2.0
"""[audit]: records for the kernel's audit system."""

from oslo_config import cfg

GROUP = "audit"

OPTS = [
    cfg.IntOpt(
        "level",
        default=1,
        min=0,
        max=2,
        help="""
Whether starts, ends and changes of guests are written to the kernel's audit system (libvirtd's
audit_level).

* 0: no.
* 1: when the host has it and we may (CAP_AUDIT_WRITE).
* 2: always; without it no connection to the driver is opened.
""",
    ),
]
