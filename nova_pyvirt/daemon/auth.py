# SPDX-License-Identifier: Apache-2.0
"""Who the client is: what the socket tells, polkit, SASL."""

import logging
from fnmatch import fnmatchcase
from typing import Final

from nova_pyvirt.daemon import polkit, sasl
from nova_pyvirt.daemon.dispatch import Call, handles
from nova_pyvirt.daemon.session import Session
from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.util.native import threading

LOG = logging.getLogger(__name__)
NONE: Final = 0
SASL: Final = 1
POLKIT: Final = 2
_KINDS: Final = {"sasl": SASL, "polkit": POLKIT}
#: wrong answers after which a client is cut off
_ATTEMPTS: Final = 3
#: questions to polkit at a time: each holds a thread while its user types
_QUESTIONS: Final = threading.BoundedSemaphore(8)


@handles("auth_list")
def auth_list(call: Call) -> bytes:
    """Who has shown by the socket or a certificate who he is needs nothing more."""
    session = call.session
    if session.authenticated:
        return call.reply([NONE])
    kind = _KINDS.get(session.auth)
    if kind is None:
        text = "no authentication method is configured for this socket"
        raise error(Code.AUTH_UNAVAILABLE, text, domain=From.RPC)
    return call.reply([kind])


def _wrong(session: Session, method: str) -> None:
    """The client may not use a method that the socket doesn't have."""
    if session.authenticated or session.auth != method:
        LOG.info("client %d tried invalid %s request", session.number, method)
        raise sasl.failed()


# --- polkit


@handles("auth_polkit")
def auth_polkit(call: Call) -> bytes:
    session = call.session
    _wrong(session, "polkit")
    peer = session.peer
    if peer.pid is None or peer.uid is None or not peer.started:
        raise sasl.failed()
    action = polkit.MONITOR if session.readonly else polkit.MANAGE
    if not _QUESTIONS.acquire(blocking=False):
        text = "too many users are being asked for their password"
        raise error(Code.AUTH_UNAVAILABLE, text, domain=From.POLKIT)
    try:
        allowed = polkit.check((peer.pid, peer.started, peer.uid), action, {})
    finally:
        _QUESTIONS.release()
    if not allowed:
        text = "access denied by policy"
        raise error(Code.AUTH_FAILED, text, domain=From.POLKIT)
    LOG.info("client %d (uid %d): polkit allows %s", session.number, peer.uid, action)
    session.authenticated = True
    return call.reply(1)


# --- SASL


def _passwords(call: Call) -> sasl.Passwords:
    passwords = sasl.Passwords(call.session.settings.sasl_passwords)
    if call.session.service == "tcp":
        text = "no SASL mechanism of this daemon encrypts: use TLS instead of plain TCP"
        raise error(Code.AUTH_UNAVAILABLE, text, domain=From.RPC)
    if not passwords.available():
        text = "SASL is not set up on this host (see the daemon's log)"
        raise error(Code.AUTH_UNAVAILABLE, text, domain=From.RPC)
    return passwords


@handles("auth_sasl_init")
def auth_sasl_init(call: Call) -> bytes:
    _wrong(call.session, "sasl")
    _passwords(call)
    return call.reply(sasl.MECHANISM)


@handles("auth_sasl_start")
def auth_sasl_start(call: Call) -> bytes:
    session = call.session
    _wrong(session, "sasl")
    mechanism, nil, data = call.args
    if mechanism != sasl.MECHANISM or session.state.login is not None:
        raise sasl.failed()
    session.state.login = sasl.Exchange(_passwords(call))
    return _step(call, None if nil else data)


@handles("auth_sasl_step")
def auth_sasl_step(call: Call) -> bytes:
    session = call.session
    _wrong(session, "sasl")
    nil, data = call.args
    if session.state.login is None:
        raise sasl.failed()
    return _step(call, None if nil else data)


def _step(call: Call, data: bytes | None) -> bytes:
    session = call.session
    login = session.state.login
    try:
        over, answer = login.step(data)
        if over and not _welcome(login.user, session.settings.sasl_allowed_users):
            LOG.info("client %d: %r is not among those allowed", session.number, login.user)
            raise sasl.failed()
    except libvirtError:
        session.state.login = None
        session.state.attempts += 1
        if session.state.attempts >= _ATTEMPTS:
            session.condemned = "too many wrong passwords"
        raise
    if over:
        LOG.info("client %d: %s by SASL", session.number, login.user)
        session.peer.name = login.user
        session.authenticated = True
        session.state.login = None
    return call.reply((int(over), int(answer is None), answer or b""))


def _welcome(user: str, patterns: list[str] | None) -> bool:
    return patterns is None or any(fnmatchcase(user, p) for p in patterns)
