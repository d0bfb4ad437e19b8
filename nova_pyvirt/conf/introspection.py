# SPDX-License-Identifier: Apache-2.0
"""[introspection]: what the process that manages guests tells operators about itself."""

from oslo_config import cfg

GROUP = "introspection"

OPTS = [
    cfg.BoolOpt(
        "socket",
        default=True,
        help="""
Answer the pyvirt command on a socket beside the state directory (/run/nova-pyvirt/pyvirt-qemu-sock;
pyvirtd also on pyvirtd-sock beside its own sockets), for root and the owner only.
""",
    ),
    cfg.StrOpt(
        "metrics_listen",
        regex=r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$",
        sample_default="127.0.0.1:9177",
        help="""
HOST:PORT on which the process answers Prometheus at /metrics. There is no authentication: choose
an address that only the collector reaches. Unset: no endpoint. Needs the prometheus-client package
(pip install nova-pyvirt[metrics]).
""",
    ),
]
