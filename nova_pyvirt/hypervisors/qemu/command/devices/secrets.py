# SPDX-License-Identifier: Apache-2.0
"""Secrets that QEMU needs: never in clear on the command line."""

from collections.abc import Mapping

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args, Guest, object_
from nova_pyvirt.model.devices.storage import Secret


def secret_alias(node: str, purpose: str) -> str:
    """The id of a secret object: of a node or device, for a purpose."""
    return f"{node}-{purpose}-secret0"


def secret(guest: Guest, alias: str, which: Secret | str) -> Args:
    """-object of one secret, encrypted with the master key.

    :param which: as the definition names it, or a text that is one itself
    :raises libvirtError: NO_SECRET; INTERNAL_ERROR when nobody can look it up
    """
    if guest.ctx.standalone:
        values: Mapping[str, str] = {
            "data": "", "keyid": "masterKey0", "iv": "", "format": "base64",
        }  # fmt: skip
    elif guest.ctx.seal is None:
        detail = f"no secret was prepared for '{alias}'"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    else:
        values = guest.ctx.seal(which)
    return object_("secret", alias, **values)
