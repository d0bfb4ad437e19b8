# SPDX-License-Identifier: Apache-2.0
"""<tpm>."""

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import Device
from nova_pyvirt.model.kinds import YES_NO, Refusal, Value, enum, uuid
from nova_pyvirt.model.xmlbind import field, flag


def _secret(text: str) -> str:
    found = uuid(text)
    if found is None:
        detail = f"Unable to parse secret uuid '{text}'"
        raise Refusal(detail, Code.INTERNAL_ERROR).error()
    return found


_EMULATOR = ("emulator",)


class TPM(Device):
    """A trusted platform module: the host's, or swtpm's."""

    TAG = "tpm"
    model = field("@model", enum("tpm-tis", "tpm-crb", "tpm-spapr", "spapr-tpm-proxy"))
    type = field(
        "backend/@type",
        enum("passthrough", "emulator", "external"),
        required=True,
        once=Refusal("only one TPM backend is supported"),
    )
    version = field("backend/@version", enum("1.2", "2.0"), of=_EMULATOR)
    persistent_state = field(
        "backend/@persistent_state",
        Value("Invalid persistent_state value, either 'yes' or 'no'", YES_NO, Code.INTERNAL_ERROR),
        of=_EMULATOR,
    )
    device = field("backend/device/@path", of=("passthrough",))
    encryption = field("backend/encryption/@secret", blank=True, of=_EMULATOR)
    pcr_sha1 = flag("backend/active_pcr_banks/sha1", of=_EMULATOR)
    pcr_sha256 = flag("backend/active_pcr_banks/sha256", of=_EMULATOR)
    pcr_sha384 = flag("backend/active_pcr_banks/sha384", of=_EMULATOR)
    pcr_sha512 = flag("backend/active_pcr_banks/sha512", of=_EMULATOR)
    source_type = field("backend/source/@type", of=("external",))
    source_mode = field("backend/source/@mode", of=("external",))
    source_path = field("backend/source/@path", of=("external",))

    def after_parse(self, node: etree._Element) -> None:
        if node.find("backend") is None:
            detail = "missing TPM device backend"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        if self.encryption is not None:
            self.encryption = _secret(self.encryption)
        if self.type == "external" and self.source_type is None:
            raise Refusal("missing external TPM backend type").error()

    @classmethod
    def kinds_of(cls, node: etree._Element) -> tuple[str | None, ...]:
        """The back-end's type."""
        backend = node.find("backend")
        return () if backend is None else (backend.get("type"),)
