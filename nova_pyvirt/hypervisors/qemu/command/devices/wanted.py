# SPDX-License-Identifier: Apache-2.0
"""Which secrets a start must fetch before the command line can be built."""

from dataclasses import dataclass
from typing import Any

from nova_pyvirt.hypervisors.qemu.command.devices import blockdev
from nova_pyvirt.hypervisors.qemu.command.devices.secrets import secret_alias
from nova_pyvirt.model.domain import Domain


@dataclass(frozen=True, slots=True)
class Wanted:
    """A secret that must be in CommandContext.secrets.

    :ivar alias: of the object in QEMU
    :ivar kind: the secret's usage type: ceph, iscsi, volume, tls, vtpm
    """

    alias: str
    kind: str | None
    uuid: str | None
    usage: str | None


def wanted_secrets(domain: Domain) -> list[Wanted]:
    """The secrets of all disks, host devices and firmware variables.

    :param domain: with aliases
    """
    found: list[Wanted] = []
    numbers = blockdev.node_numbers(domain)
    for disk in domain.devices.disks:
        if disk.target in numbers:
            images: list[Any] = [disk, *blockdev.layers(disk)]
            for image, number in zip(
                images, blockdev.chain_numbers(disk, numbers[disk.target]), strict=True
            ):
                found += _of_image(image, number)
    for item in domain.devices.hostdevs:
        if item.type == "scsi" and item.source.auth is not None:
            node = f"libvirt-{item.alias}-backend"
            found.append(_wanted(secret_alias(node, "auth"), item.source.auth.secret))
    nvram = domain.os.nvram
    if nvram is not None and nvram.source is not None and nvram.source.auth is not None:
        alias = secret_alias("libvirt-pflash1-storage", "auth")
        found.append(_wanted(alias, nvram.source.auth.secret))
    return found


def _of_image(image: Any, number: int) -> list[Wanted]:
    found: list[Wanted] = []
    auth = image.source.auth or getattr(image, "auth", None)
    if auth is not None:
        alias = secret_alias(f"libvirt-{number}-storage", "auth")
        found.append(_wanted(alias, auth.secret))
    encryption = blockdev.encryption_of(image)
    if encryption is not None and encryption.secrets:
        alias = secret_alias(f"libvirt-{number}-format", "encryption")
        found.append(_wanted(alias, encryption.secrets[0], kind="volume"))
    return found


def _wanted(alias: str, secret: Any, *, kind: str | None = None) -> Wanted:
    if secret is None:
        return Wanted(alias, kind, None, None)
    return Wanted(alias, kind or secret.type, secret.uuid, secret.usage)
