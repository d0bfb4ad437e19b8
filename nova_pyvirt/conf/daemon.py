# SPDX-License-Identifier: Apache-2.0
"""[daemon]: pyvirtd, which serves libvirt's protocol to other processes."""

from oslo_config import cfg

GROUP = "daemon"

_SOCKETS = [
    cfg.StrOpt(
        "unix_sock_group",
        help="Group that may use the read-write socket besides root. Unset: root's group.",
    ),
    cfg.StrOpt(
        "unix_sock_rw_perms",
        default="0700",
        regex="^0?[0-7]{3}$",
        help="Permissions of the read-write socket, in octal.",
    ),
    cfg.StrOpt(
        "unix_sock_ro_perms",
        default="0777",
        regex="^0?[0-7]{3}$",
        help="Permissions of the read-only socket, in octal.",
    ),
]

_LIMITS = [
    cfg.IntOpt(
        "max_clients",
        default=5000,
        min=1,
        help="Connections accepted at the same time.",
    ),
    cfg.IntOpt(
        "max_anonymous_clients",
        default=20,
        min=1,
        help="Connections of one user that have not authenticated yet.",
    ),
    cfg.IntOpt(
        "max_client_requests",
        default=5,
        min=1,
        help="Requests of one client that are worked on at the same time; more of them wait.",
    ),
    cfg.IntOpt("max_workers", default=20, min=1, help="Threads that work on requests."),
    cfg.IntOpt(
        "prio_workers",
        default=5,
        min=1,
        help="Threads kept for requests that never wait for a guest.",
    ),
    cfg.FloatOpt(
        "handshake_deadline",
        default=10.0,
        min=0.1,
        help="Seconds that a new client has to open its connection before it is cut off.",
    ),
    cfg.IntOpt(
        "keepalive_interval",
        default=5,
        min=-1,
        help="Seconds of silence after which a client is asked whether it lives. -1: never.",
    ),
    cfg.IntOpt(
        "keepalive_count",
        default=5,
        min=0,
        help="Questions without an answer that end a client's connection.",
    ),
]

OPTS = [*_SOCKETS, *_LIMITS]
