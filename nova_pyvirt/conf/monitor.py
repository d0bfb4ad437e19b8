# SPDX-License-Identifier: Apache-2.0
"""[monitor]: deadlines of QEMU's monitor."""

from oslo_config import cfg

GROUP = "monitor"

_RULE = """
When it passes, the caller gets an error (OPERATION_TIMEOUT) that names the command and the
domain; the guest is left alone and its monitor stays in use.
"""

OPTS = [
    cfg.FloatOpt(
        "query_deadline",
        default=5.0,
        min=0.1,
        help=f"Seconds that QEMU has to answer a question.{_RULE}",
    ),
    cfg.FloatOpt(
        "change_deadline",
        default=30.0,
        min=0.1,
        help=f"Seconds that QEMU has to carry out a change, such as a pause or a hotplug.{_RULE}",
    ),
    cfg.FloatOpt(
        "block_deadline",
        default=120.0,
        min=0.1,
        help=f"Seconds that QEMU has for commands that open or create storage.{_RULE}",
    ),
    cfg.FloatOpt(
        "connect_deadline",
        default=30.0,
        min=0.1,
        help="""
Seconds that a new QEMU has until it answers on its monitor, before one second for each GiB of
the guest's memory is added. A QEMU that dies ends the wait at once.
""",
    ),
]
