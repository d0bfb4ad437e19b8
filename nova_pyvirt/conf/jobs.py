# SPDX-License-Identifier: Apache-2.0
"""[jobs]: operations on a domain wait for one another."""

from oslo_config import cfg

GROUP = "jobs"

OPTS = [
    cfg.FloatOpt(
        "wait",
        default=30.0,
        min=0,
        help="""
Seconds that an operation waits for another one on the same domain. When they pass the caller
gets an error (OPERATION_TIMEOUT) that names what holds the domain.
""",
    ),
    cfg.IntOpt(
        "max_queued",
        default=0,
        min=0,
        help="""
How many operations may wait for one domain; one more is refused at once (OPERATION_FAILED).
0: no limit.
""",
    ),
]
