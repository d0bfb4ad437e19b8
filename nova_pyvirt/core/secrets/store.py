# SPDX-License-Identifier: Apache-2.0
"""The secrets of a host, in memory and on disk as libvirt has them (virsecretobj.c): UUID.xml, and
the value in UUID.base64, readable by nobody else.
"""

import base64
import binascii
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

from nova_pyvirt.core.eventbus import EventBus
from nova_pyvirt.core.schemas import Schemas
from nova_pyvirt.core.secrets.document import Secret, parse
from nova_pyvirt.errors import Code, From, error, libvirtError, system_error
from nova_pyvirt.util.files import read_private, unlink, write_atomic
from nova_pyvirt.util.native import os, threading

LOG = logging.getLogger(__name__)
EPHEMERAL, NO_EPHEMERAL, PRIVATE, NO_PRIVATE = 1, 2, 4, 8
_DEFINED: Final = (0, 0)
_UNDEFINED: Final = (1, 0)


class Event(IntEnum):
    """virSecretEventID."""

    LIFECYCLE = 0
    VALUE_CHANGED = 1


class SecretStore:
    """May be used from several threads at once.

    :param directory: where they are kept; read by load()
    :param schemas: what definitions are checked against when somebody asks for that
    """

    def __init__(self, directory: str, schemas: Schemas) -> None:
        self.events = EventBus()
        self._directory = directory
        self._schemas = schemas
        self._lock = threading.RLock()
        self._secrets: dict[str, Secret] = {}
        self._values: dict[str, bytes] = {}

    def load(self) -> None:
        """Reads what is on disk; what can't be understood is told in the log and left there."""
        try:
            names = sorted(os.listdir(self._directory))
        except FileNotFoundError:
            return
        except OSError as exc:
            LOG.error("secrets cannot be read: %s", exc)
            return
        with self._lock:
            for name in names:
                if name.endswith(".xml"):
                    self._load(name.removesuffix(".xml"))

    def _load(self, uuid: str) -> None:
        try:
            secret = parse(read_private(self._xml(uuid)))
            if secret.uuid != uuid:
                raise ValueError(f"it is of secret {secret.uuid}")
            self._secrets[uuid] = secret
            self._values[uuid] = base64.b64decode(read_private(self._value(uuid)), validate=True)
        except FileNotFoundError:
            return  # it has no value
        except (OSError, ValueError, libvirtError) as exc:
            kind = "value of secret" if uuid in self._secrets else "secret"
            LOG.error("the %s %s cannot be used: %s", kind, uuid, exc)

    def _xml(self, uuid: str) -> str:
        return f"{self._directory}/{uuid}.xml"

    def _value(self, uuid: str) -> str:
        return f"{self._directory}/{uuid}.base64"

    # --- which

    def find(self, uuid: bytes) -> Secret:
        """:raises libvirtError: NO_SECRET"""
        text = _dashed(uuid)
        with self._lock:
            secret = self._secrets.get(text)
        if secret is None:
            raise _none(f"no secret with matching uuid '{text}'")
        return secret

    def by_usage(self, usage: int, usage_id: str) -> Secret:
        """:raises libvirtError: NO_SECRET"""
        found = self._by_usage(usage, usage_id)
        if found is None:
            raise _none(f"no secret with matching usage '{usage_id}'")
        return found

    def _by_usage(self, usage: int, usage_id: str) -> Secret | None:
        with self._lock:
            return next(
                (s for s in self._secrets.values() if (s.usage, s.usage_id) == (usage, usage_id)),
                None,
            )

    def all(self, flags: int = 0) -> list[Secret]:
        """Those that virConnectListAllSecretsFlags want."""
        with self._lock:
            every = list(self._secrets.values())
        for yes, no, name in (
            (EPHEMERAL, NO_EPHEMERAL, "ephemeral"),
            (PRIVATE, NO_PRIVATE, "private"),
        ):
            asked = flags & (yes | no)
            if asked in (yes, no):
                every = [one for one in every if getattr(one, name) == (asked == yes)]
        return every

    # --- change

    def define(self, xml: str, *, validate: bool = False) -> Secret:
        """Adds a secret, or gives a known one another description; its value stays.

        :raises libvirtError: see document.parse(); INTERNAL_ERROR when uuid or usage are another
            secret's; SYSTEM_ERROR
        """
        secret = parse(xml, self._schemas if validate else None)
        with self._lock:
            before = self._secrets.get(secret.uuid)
            self._check(secret, before)
            with _writing():
                self._store(secret, before)
            self._secrets[secret.uuid] = secret
            self.events.emit(secret.ref, Event.LIFECYCLE, *_DEFINED)
        return secret

    def _check(self, secret: Secret, before: Secret | None) -> None:
        detail = ""
        if before is None:
            other = self._by_usage(secret.usage, secret.usage_id) if secret.usage else None
            if other is not None:
                detail = (
                    f"a secret with UUID {other.uuid} already defined for use with"
                    f" {secret.usage_id}"
                )
        elif before.usage_id != secret.usage_id:
            detail = (
                f"a secret with UUID {secret.uuid} is already defined for use with"
                f" {before.usage_id}"
            )
        elif before.private and not secret.private:
            detail = "cannot change private flag on existing secret"
        if detail:
            raise error(Code.INTERNAL_ERROR, detail, domain=From.SECRET)

    def _store(self, secret: Secret, before: Secret | None) -> None:
        if secret.ephemeral:
            if before is not None and not before.ephemeral:
                self._remove(secret.uuid)
            return
        os.makedirs(self._directory, 0o700, exist_ok=True)
        new_on_disk = before is None or before.ephemeral
        try:
            if new_on_disk:
                self._store_value(secret.uuid, self._values.get(secret.uuid))
            write_atomic(self._xml(secret.uuid), secret.xml().encode())
        except OSError:
            if new_on_disk:
                self._remove(secret.uuid)
            raise

    def _store_value(self, uuid: str, value: bytes | None) -> None:
        if value is not None:
            write_atomic(self._value(uuid), base64.b64encode(value))

    def _remove(self, uuid: str) -> None:
        """The value first: what is left of it would be nobody's."""
        unlink(self._value(uuid))
        unlink(self._xml(uuid))

    def set_value(self, uuid: bytes, value: bytes) -> None:
        """:raises libvirtError: NO_SECRET, SYSTEM_ERROR: the old value stays"""
        with self._lock:
            secret = self.find(uuid)
            if not secret.ephemeral:
                with _writing():
                    os.makedirs(self._directory, 0o700, exist_ok=True)
                    self._store_value(secret.uuid, value)
            self._values[secret.uuid] = value
            self.events.emit(secret.ref, Event.VALUE_CHANGED)

    def value(self, uuid: bytes) -> bytes:
        """The value as a client may have it.

        :raises libvirtError: NO_SECRET, INVALID_SECRET for a private one
        """
        with self._lock:
            secret = self.find(uuid)
            if secret.private:
                raise error(Code.INVALID_SECRET, "secret is private", domain=From.SECRET)
            return self.use(uuid)

    def use(self, uuid: bytes) -> bytes:
        """The value for a guest.

        :raises libvirtError: NO_SECRET
        """
        with self._lock:
            secret = self.find(uuid)
            if secret.uuid not in self._values:
                raise _none(f"secret '{secret.uuid}' does not have a value")
            return self._values[secret.uuid]

    def undefine(self, uuid: bytes) -> None:
        """:raises libvirtError: NO_SECRET"""
        with self._lock:
            secret = self.find(uuid)
            self._remove(secret.uuid)
            del self._secrets[secret.uuid]
            self._values.pop(secret.uuid, None)
            self.events.emit(secret.ref, Event.LIFECYCLE, *_UNDEFINED)


def _dashed(uuid: bytes) -> str:
    text = binascii.hexlify(uuid).decode()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _none(detail: str) -> libvirtError:
    return error(Code.NO_SECRET, detail, domain=From.SECRET)


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise system_error(exc.errno or 0, "cannot write a secret", domain=From.SECRET) from exc
