# SPDX-License-Identifier: Apache-2.0
"""Secrets that QEMU needs: never in clear on the command line."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args, Guest, object_


def secret_alias(node: str, purpose: str) -> str:
    """The id of a secret object: of a node or device, for a purpose."""
    return f"{node}-{purpose}-secret0"


def secret(guest: Guest, alias: str) -> Args:
    """-object of one secret, encrypted with the master key or in a file.

    :raises libvirtError: INTERNAL_ERROR when nobody gave it
    """
    values = guest.ctx.secrets.get(alias)
    if values is None and not guest.ctx.standalone:
        detail = f"no secret was prepared for '{alias}'"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    if values is None:
        values = {"data": "", "keyid": "masterKey0", "iv": "", "format": "base64"}
    return object_("secret", alias, **values)
