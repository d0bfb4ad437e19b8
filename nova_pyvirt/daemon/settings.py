# SPDX-License-Identifier: Apache-2.0
"""What the daemon can be told; names and defaults as in libvirtd.conf where it has an equal."""

from dataclasses import dataclass, field


@dataclass
class Settings:
    """Limits and access.

    :ivar max_workers: threads for ordinary calls
    :ivar prio_workers: threads more for calls that never wait for a guest
    :ivar max_clients: connections at a time
    :ivar max_anonymous_clients: connections of one user (or TCP peer) that are not open yet; the
        oldest goes when there is one more. root and the daemon's own user are not limited
    :ivar max_client_requests: calls of one connection worked on at a time
    :ivar max_client_backlog: calls of one connection read ahead of that
    :ivar handshake_deadline: seconds until a connection must be open
    :ivar packet_deadline: seconds in which a begun packet must be complete
    :ivar max_queue: bytes of unread replies and events after which a client is dropped
    :ivar keepalive_interval: seconds of silence before the daemon pings (0: never)
    :ivar keepalive_count: unanswered pings before a client is dropped
    :ivar auth_unix_rw: "none", "peer" (root, own user, :ivar:`allowed_gids`) or "polkit"
    :ivar allowed_gids: groups whose members may use sockets with "peer"
    :ivar sasl_passwords: file of SASL verifiers
    :ivar sasl_allowed_users: patterns of SASL user names, None for all
    :ivar tls_allowed_names: patterns of certificates' distinguished names, None for all
    :ivar policy_file: access policy (JSON); without one everything is allowed
    """

    max_workers: int = 20
    prio_workers: int = 5
    max_clients: int = 5000
    max_anonymous_clients: int = 20
    max_client_requests: int = 5
    max_client_backlog: int = 64
    handshake_deadline: float = 30.0
    packet_deadline: float = 30.0
    max_queue: int = 64 * 1024 * 1024
    keepalive_interval: int = 5
    keepalive_count: int = 5
    auth_unix_rw: str = "peer"
    auth_unix_ro: str = "peer"
    auth_tcp: str = "sasl"
    auth_tls: str = "none"
    allowed_gids: list[int] = field(default_factory=list)
    policy_file: str = ""
    sasl_passwords: str = ""
    sasl_allowed_users: list[str] | None = None
    tls_allowed_names: list[str] | None = None
    max_streams: int = 64
