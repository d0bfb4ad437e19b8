# SPDX-License-Identifier: Apache-2.0
"""[hooks]: operators' scripts that run when a guest starts and stops."""

from oslo_config import cfg

GROUP = "hooks"

OPTS = [
    cfg.BoolOpt(
        "enabled",
        default=True,
        help="Run the scripts in the hooks directory (hooks/qemu, hooks/qemu.d/* and so on).",
    ),
    cfg.FloatOpt(
        "timeout",
        default=60.0,
        min=0.1,
        help="""
Seconds that one script may run; then it is killed, which counts as a failure: the start is
undone (HOOK_SCRIPT_FAILED), a stop goes on.
""",
    ),
]
