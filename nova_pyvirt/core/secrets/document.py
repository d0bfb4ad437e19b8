# SPDX-License-Identifier: Apache-2.0
"""<secret>: what a secret is for (secret_conf.c)."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final
from uuid import uuid4

from lxml import etree

from nova_pyvirt.core.refs import SecretRef
from nova_pyvirt.core.schemas import Schemas
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.model import document, kinds
from nova_pyvirt.model.writer import Writer


class Usage(IntEnum):
    """virSecretUsageType."""

    NONE = 0
    VOLUME = 1
    CEPH = 2
    ISCSI = 3
    TLS = 4
    VTPM = 5


#: the element that says what of its kind the secret is for
_ELEMENTS: Final = {
    Usage.VOLUME: "volume",
    Usage.CEPH: "name",
    Usage.ISCSI: "target",
    Usage.TLS: "name",
    Usage.VTPM: "name",
}
_MISSING: Final = {
    Usage.VOLUME: "volume usage specified, but volume path is missing",
    Usage.CEPH: "Ceph usage specified, but name is missing",
    Usage.ISCSI: "iSCSI usage specified, but target is missing",
    Usage.TLS: "TLS usage specified, but name is missing",
    Usage.VTPM: "vTPM usage specified, but name is missing",
}


@dataclass(frozen=True, slots=True)
class Secret:
    """A definition; the value is not part of it.

    :ivar uuid: with dashes
    :ivar ephemeral: never on disk
    :ivar private: its value is given to nobody, but used
    :ivar usage_id: what it is for, "" for Usage.NONE
    """

    uuid: str
    ephemeral: bool = False
    private: bool = False
    description: str = ""
    usage: Usage = Usage.NONE
    usage_id: str = ""

    @property
    def ref(self) -> SecretRef:
        return SecretRef(bytes.fromhex(self.uuid.replace("-", "")), int(self.usage), self.usage_id)

    def xml(self) -> str:
        """The document."""
        out = Writer()
        words = {True: "yes", False: "no"}
        head = f" ephemeral='{words[self.ephemeral]}' private='{words[self.private]}'"
        mark = out.open("secret", head, None)
        _leaf(out, "uuid", self.uuid)
        if self.description:
            _leaf(out, "description", self.description)
        if self.usage is not Usage.NONE:
            inner = out.open("usage", f" type='{self.usage.name.lower()}'", None)
            _leaf(out, _ELEMENTS[self.usage], self.usage_id)
            out.close(inner, "usage", keep=True)
        out.close(mark, "secret", keep=True)
        return out.text()


def _leaf(out: Writer, tag: str, text: str) -> None:
    out.close(out.open(tag, "", text), tag, keep=True)


def parse(xml: str | bytes, schemas: Schemas | None = None) -> Secret:
    """A definition; without a uuid it gets one.

    :param schemas: check it against secret.rng of these first
    :raises libvirtError: XML_DETAIL, XML_ERROR, XML_INVALID_SCHEMA, INTERNAL_ERROR,
        CONFIG_UNSUPPORTED
    """
    root = document.load(xml, "secret", name="(definition_of_secret)", domain=From.SECRET)
    if schemas is not None:
        schemas.check("secret.rng", root)
    usage, usage_id = _usage(root.find("usage"))
    return Secret(
        _uuid(root.findtext("uuid")),
        _flag(root, "ephemeral"),
        _flag(root, "private"),
        root.findtext("description") or "",
        usage,
        usage_id,
    )


def _uuid(text: str | None) -> str:
    if not text:
        return str(uuid4())
    found = kinds.uuid(text)
    if found is None:
        raise error(Code.INTERNAL_ERROR, "malformed uuid element", domain=From.SECRET)
    return found


def _flag(root: etree._Element, name: str) -> bool:
    word = root.get(name)
    if word not in (None, "", "yes", "no"):
        raise error(Code.XML_ERROR, f"invalid value of '{name}'", domain=From.SECRET)
    return word == "yes"


def _usage(node: etree._Element | None) -> tuple[Usage, str]:
    if node is None:
        return Usage.NONE, ""
    word = node.get("type")
    if not word:
        raise error(Code.XML_ERROR, "unknown secret usage type", domain=From.SECRET)
    usage = next((one for one in Usage if one.name.lower() == word), None)
    if usage is None:
        detail = f"unknown secret usage type {word}"
        raise error(Code.CONFIG_UNSUPPORTED, detail, domain=From.SECRET)
    if usage is Usage.NONE:
        return usage, ""
    usage_id = node.findtext(_ELEMENTS[usage])
    if not usage_id:
        raise error(Code.INTERNAL_ERROR, _MISSING[usage], domain=From.SECRET)
    return usage, usage_id
