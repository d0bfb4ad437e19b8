# SPDX-License-Identifier: Apache-2.0
"""Secrets on their way to QEMU: looked up, and encrypted with the run's master key, so that neither
its command line nor the log shows them (qemuDomainSecretAESSetup).
"""

import base64
from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

from nova_pyvirt.core.secrets import SecretStore, Usage
from nova_pyvirt.errors import Code, From, error, system_error
from nova_pyvirt.model.devices.storage import Secret
from nova_pyvirt.util.files import read_private
from nova_pyvirt.util.native import os

#: <secret type=> -> what it is looked up as when it is named by its usage
_USAGES: Final = {"ceph": Usage.CEPH, "iscsi": Usage.ISCSI, "passphrase": Usage.VOLUME}
_BLOCK_BITS: Final = 128
_IV: Final = 16


def value(store: SecretStore, secret: Secret) -> bytes:
    """What a definition's <secret> stands for.

    :raises libvirtError: NO_SECRET, also when it has no value; INVALID_ARG for one of another use
    """
    usage = _USAGES.get(secret.type or "", Usage.VOLUME)
    if secret.uuid is None:
        return store.use(store.by_usage(usage, secret.usage or "").ref.uuid)
    return value_of(store, secret.uuid, usage)


def value_of(store: SecretStore, uuid: str, usage: Usage) -> bytes:
    """The value of a secret that is named by its uuid.

    :raises libvirtError: NO_SECRET, also when it has no value; INVALID_ARG for one of another use
    """
    found = store.find(UUID(uuid).bytes)
    if found.usage not in (usage, Usage.NONE):
        words = (found.usage.name.lower(), usage.name.lower())
        detail = (
            f"secret with uuid {found.uuid} is of type '{words[0]}' not expected '{words[1]}' type"
        )
        raise error(Code.INVALID_ARG, detail, domain=From.SECRET)
    return store.use(found.ref.uuid)


def sealer(store: SecretStore, key_file: str) -> Callable[[Secret | str], Mapping[str, str]]:
    """Makes properties of QEMU's secret objects.

    :param key_file: the run's master key, which QEMU has as masterKey0
    :returns: takes a <secret>, or a text that is one itself; raises libvirtError: NO_SECRET,
        SYSTEM_ERROR
    """

    def seal(secret: Secret | str) -> Mapping[str, str]:
        clear = secret.encode() if isinstance(secret, str) else value(store, secret)
        try:
            key = read_private(key_file)
        except OSError as exc:
            raise system_error(exc.errno or 0, f"cannot read the master key {key_file}") from exc
        iv = os.urandom(_IV)
        return {
            "data": _text(_encrypted(clear, key, iv)),
            "keyid": "masterKey0",
            "iv": _text(iv),
            "format": "base64",
        }

    return seal


def _encrypted(clear: bytes, key: bytes, iv: bytes) -> bytes:
    """AES-256-CBC, padded, as QEMU's crypto/secret_common.c reads it."""
    from cryptography.hazmat.primitives import padding  # only here: it takes long to load
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    pad = padding.PKCS7(_BLOCK_BITS).padder()
    encrypt = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encrypt.update(pad.update(clear) + pad.finalize()) + encrypt.finalize()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
