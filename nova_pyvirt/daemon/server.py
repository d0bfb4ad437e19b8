# SPDX-License-Identifier: Apache-2.0
"""The daemon's server: listening sockets, sessions, quotas, deadlines."""

import errno
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from nova_pyvirt.daemon.dispatch import Dispatcher
from nova_pyvirt.daemon.engine import Engine, Job
from nova_pyvirt.daemon.polkit import start_time
from nova_pyvirt.daemon.session import Peer, Session
from nova_pyvirt.daemon.settings import Settings
from nova_pyvirt.util.native import os, socket, threading
from nova_pyvirt.wire.tls import TLSSocket

LOG = logging.getLogger(__name__)
#: clients root may have beyond max_clients, so that he always gets in
_ROOT_RESERVE: Final = 50
_HANDSHAKE_SECONDS: Final = 10.0


@dataclass
class Service:
    """One listening socket.

    :ivar auth: "none", "peer" (UNIX: root, own user, allowed groups), "polkit" (UNIX: root and own
        user at once), "sasl", "cert" (TLS)
    :ivar dispatcher: what calls arriving here get to
    """

    sock: "socket.socket"
    readonly: bool
    auth: str
    dispatcher: Dispatcher
    name: str
    tls: ssl.SSLContext | None = None


class _Listener:
    """Accepts for one service (the leader's)."""

    def __init__(self, server: "Server", service: Service) -> None:
        self._server = server
        self.service = service
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def on_ready(self, events: int) -> None:
        for _ in range(64):
            try:
                sock, address = self.service.sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as exc:
                LOG.warning("accept: %s", exc)
                if exc.errno in (errno.EMFILE, errno.ENFILE):
                    self._turn_away()
                return
            self._server.accepted(sock, address, self.service)

    def _turn_away(self) -> None:
        """No descriptor is left: with the one kept for this the client is accepted and cut off,
        else it would stay and wake us for ever.
        """
        os.close(self._spare)
        try:
            self.service.sock.accept()[0].close()
        except OSError as exc:
            LOG.debug("turning away: %s", exc)
        finally:
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """The socket is no longer served."""
        os.close(self._spare)
        self.service.sock.close()


class Server:
    """All sockets and clients of the daemon."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        #: accesses are polkit's to decide: it wants to know when a process started
        self.polkit = False
        self.engine = Engine(settings.max_workers, settings.prio_workers, self._tick)
        self._lock = threading.Lock()
        self._sessions: dict[int, Session] = {}
        self._numbers = 0
        self._listeners: list[_Listener] = []
        self._handshakes = 0

    def listen(self, service: Service) -> None:
        """Serves one more socket (already listening)."""
        service.sock.setblocking(False)
        listener = _Listener(self, service)
        self._listeners.append(listener)
        self.engine.watch(service.sock.fileno(), listener)

    def start(self) -> None:
        """Begins to serve."""
        self.engine.start()

    def stop(self, deadline: float = 5.0) -> bool:
        """Ends: no new clients, all connections cut; True when all threads ended in time."""
        for listener in self._listeners:
            self.engine.unwatch(listener.service.sock.fileno())
            listener.close()
        for session in self.sessions():
            session.drop("the daemon ends")
        self.engine.stop()
        ended = self.engine.wait(deadline)
        for session in self.sessions():
            session.end()
        return ended

    def sessions(self) -> list[Session]:
        """All connections."""
        with self._lock:
            return list(self._sessions.values())

    # --- new connections (the leader's)

    def accepted(self, sock: "socket.socket", address: Any, service: Service) -> None:
        """A connection was accepted."""
        peer = _peer(sock, address)
        if not self._admit(peer):
            sock.close()
            return
        if service.tls is None:
            self._begin(sock, None, peer, service)
            return
        with self._lock:
            busy = self._handshakes >= self.settings.max_anonymous_clients
            self._handshakes += not busy
        if busy:
            sock.close()
            return
        thread = threading.Thread(
            target=self._handshake, args=(sock, peer, service), name="rpc-tls", daemon=True
        )
        thread.start()

    def _handshake(self, sock: "socket.socket", peer: Peer, service: Service) -> None:
        assert service.tls is not None  # for mypy
        try:
            sock.settimeout(_HANDSHAKE_SECONDS)
            tls = TLSSocket(sock, service.tls, server_side=True)
            tls.handshake()
            certificate = tls.peer_certificate()
            peer.name = _common_name(certificate)
            if not self._welcome(certificate):
                raise PermissionError(f"{peer.name} is not among those allowed")
            tls.sendall(b"\1")
        except OSError as exc:
            LOG.info("TLS handshake with %s: %s", peer.address, exc)
            sock.close()
            return
        finally:
            with self._lock:
                self._handshakes -= 1
        self.engine.submit(Job(lambda: self._begin(sock, tls, peer, service), high=True))

    def _welcome(self, certificate: dict[str, Any] | None) -> bool:
        patterns = self.settings.tls_allowed_names
        if patterns is None:
            return True
        name = _distinguished_name(certificate)
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    def _begin(self, sock: "socket.socket", tls: Any, peer: Peer, service: Service) -> None:
        session = Session(
            sock,
            tls,
            peer,
            service.readonly,
            self.engine,
            self.settings,
            service.dispatcher,
            self._closed,
        )
        session.service = service.name
        session.auth = service.auth
        if peer.pid is not None and (service.auth == "polkit" or self.polkit):
            peer.started = start_time(peer.pid)
        session.authenticated = self._trusted(peer, service, tls)
        with self._lock:
            self._numbers += 1
            session.number = self._numbers
            self._sessions[session.number] = session
        session.start()

    def _trusted(self, peer: Peer, service: Service, tls: Any) -> bool:
        """Whether the way the client came in is proof enough."""
        if service.auth == "none":
            return True
        if service.auth == "cert":
            return tls is not None and bool(peer.name)
        if service.auth == "polkit":
            return _own(peer)
        return service.auth == "peer" and (_own(peer) or self._in_groups(peer))

    def _in_groups(self, peer: Peer) -> bool:
        if not self.settings.allowed_gids:
            return False
        return peer.gid in self.settings.allowed_gids or bool(
            set(_groups(peer)) & set(self.settings.allowed_gids)
        )

    # --- quotas

    def _admit(self, peer: Peer) -> bool:
        """Whether there is room; makes room among the peer's own idle strangers."""
        with self._lock:
            count = len(self._sessions)
            key = peer.quota_key
            mine = [s for s in self._sessions.values() if s.stranger and s.peer.quota_key == key]
        if count >= self.settings.max_clients + (_ROOT_RESERVE if _own(peer) else 0):
            LOG.warning("too many clients (%d): %s refused", count, key)
            return False
        if len(mine) >= self.settings.max_anonymous_clients and not _own(peer):
            oldest = min(mine, key=lambda s: s.number)
            oldest.drop("too many connections that are not open")
        return True

    def _closed(self, session: Session) -> None:
        with self._lock:
            self._sessions.pop(session.number, None)

    def _tick(self, now: float) -> None:
        for session in self.sessions():
            session.tick(now)


def _own(peer: Peer) -> bool:
    return peer.uid is not None and peer.uid in (0, os.geteuid())


def _groups(peer: Peer) -> Sequence[int]:
    """Supplementary groups of a UNIX peer."""
    try:
        with os.fdopen(os.open(f"/proc/{peer.pid}/status", os.O_RDONLY | os.O_CLOEXEC)) as file:
            for line in file:
                if line.startswith("Groups:"):
                    return [int(g) for g in line.split()[1:]]
    except OSError as exc:
        LOG.debug("groups of %s: %s", peer.pid, exc)
    return ()


def _peer(sock: "socket.socket", address: Any) -> Peer:
    if sock.family == socket.AF_UNIX:
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        pid, uid, gid = (int.from_bytes(raw[i : i + 4], "little", signed=True) for i in (0, 4, 8))
        return Peer(uid, gid, pid)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Peer(None, None, None, str(address[0]))


#: how libvirt abbreviates the parts of a distinguished name
_PARTS: Final = {
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "commonName": "CN",
    "emailAddress": "EMAIL",
}


def _distinguished_name(certificate: dict[str, Any] | None) -> str:
    """The client's whole name, as "C=GB,O=Example,CN=alice"."""
    pairs = [pair for part in (certificate or {}).get("subject", ()) for pair in part]
    return ",".join(f"{_PARTS.get(key, key)}={value}" for key, value in pairs)


def _common_name(certificate: dict[str, Any] | None) -> str:
    """The client's distinguished name, as "CN=…"."""
    for part in (certificate or {}).get("subject", ()):
        for key, value in part:
            if key == "commonName":
                return f"CN={value}"
    return ""
