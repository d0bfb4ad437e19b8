# SPDX-License-Identifier: Apache-2.0
"""SASL for the daemon: SCRAM-SHA-256 (RFC 5802, RFC 7677) by the scramp library, when installed.

Passwords are kept as verifiers (RFC 5803), one user a line::

    alice:SCRAM-SHA-256$4096:SALT$STORED_KEY:SERVER_KEY

``pyvirtd-passwd`` writes them. SCRAM proves who the client is, it encrypts nothing: libvirt's
clients take it on UNIX sockets and over TLS, not on plain TCP.
"""

import base64
import binascii
import hashlib
import hmac
import logging
import stat
from importlib import import_module
from typing import Any, Final

from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)
MECHANISM: Final = "SCRAM-SHA-256"
_ITERATIONS: Final = 4096
#: salts of users that don't exist are made of it: nobody can tell them from those that do
_SECRET: Final = os.urandom(32)


def _library() -> Any:
    """scramp, None when it isn't installed."""
    try:
        return import_module("scramp")
    except ModuleNotFoundError:
        return None


def failed() -> libvirtError:
    """All that a client learns, whatever was wrong."""
    return error(Code.AUTH_FAILED, "authentication failed", domain=From.RPC)


class Passwords:
    """The verifiers in a file, read anew for each client."""

    def __init__(self, path: str) -> None:
        self.path = path

    def available(self) -> bool:
        """Whether anybody could log in."""
        if _library() is None:
            LOG.warning("SASL needs the Python library scramp, which is not installed")
            return False
        return bool(self.path) and os.path.exists(self.path)

    def verifier(self, user: str) -> tuple[bytes, bytes, bytes, int]:
        """salt, stored key, server key, iterations; for an unknown user some that fit nothing."""
        found = self._read().get(user)
        if found is None:
            seed = hmac.digest(_SECRET, user.encode(), hashlib.sha256)
            return seed[:16], os.urandom(32), os.urandom(32), _ITERATIONS
        return found

    def _read(self) -> dict[str, tuple[bytes, bytes, bytes, int]]:
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as exc:
            LOG.warning("%s: %s", self.path, exc.strerror)
            return {}
        with os.fdopen(fd, encoding="utf-8") as file:
            if os.fstat(fd).st_mode & (stat.S_IRWXO | stat.S_IWGRP):
                LOG.warning("%s: others may read or write it: not used", self.path)
                return {}
            lines = [line.strip() for line in file]
        made = {}
        for line in lines:
            user, colon, text = line.partition(":")
            if colon and not line.startswith("#"):
                try:
                    made[user] = parse(text)
                except (ValueError, binascii.Error):
                    LOG.warning("%s: the line of %s is none of ours", self.path, user)
        return made


def parse(text: str) -> tuple[bytes, bytes, bytes, int]:
    """A verifier's parts; raises ValueError."""
    mechanism, middle, keys = text.split("$")
    count, salt = middle.split(":")
    stored, server = keys.split(":")
    if mechanism != MECHANISM:
        raise ValueError(mechanism)
    raw = [base64.b64decode(part, validate=True) for part in (salt, stored, server)]
    return raw[0], raw[1], raw[2], int(count)


def make(password: str, salt: bytes = b"", iterations: int = _ITERATIONS) -> str:
    """The verifier of a password; raises NO_SUPPORT without the library."""
    library = _library()
    if library is None:
        text = "SASL needs the Python library scramp"
        raise error(Code.CONFIG_UNSUPPORTED, text, domain=From.RPC)
    mechanism = library.ScramMechanism(MECHANISM)
    made = mechanism.make_auth_info(password, iterations, salt or os.urandom(18))
    words = [base64.b64encode(part).decode() for part in made[:3]]
    return f"{MECHANISM}${made[3]}:{words[0]}${words[1]}:{words[2]}"


class Exchange:
    """One client's login."""

    def __init__(self, passwords: Passwords) -> None:
        library = _library()
        self._passwords = passwords
        self._refused = library.ScramException
        self._server = library.ScramMechanism(MECHANISM).make_server(self._find)
        self._first = True
        #: who the client says he is
        self.user = ""

    def _find(self, user: str) -> tuple[bytes, bytes, bytes, int]:
        self.user = user
        return self._passwords.verifier(user)

    def step(self, data: bytes | None) -> tuple[bool, bytes | None]:
        """Takes what the client says: (it is over and good, what he gets).

        Raises AUTH_FAILED.
        """
        if data is None and self._first:
            return False, None
        try:
            text = (data or b"").decode("utf-8")
            if self._first:
                self._first = False
                self._server.set_client_first(text)
                return False, self._server.get_server_first().encode()
            self._server.set_client_final(text)
            return True, self._server.get_server_final().encode()
        except (self._refused, UnicodeDecodeError) as exc:
            LOG.info("login of %r refused: %s", self.user, exc)
            raise failed() from exc
