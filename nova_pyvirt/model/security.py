# SPDX-License-Identifier: Apache-2.0
"""Labels, key wrapping, launch security, id maps."""

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.kinds import ON_OFF, YES_NO, Hex, Refusal, Value, enum, uint
from nova_pyvirt.model.xmlbind import Context, Element, children, field


def _labelled(label: "SecLabel", ctx: Context) -> bool:
    return bool(label.type != "none")


def _live(label: "SecLabel", ctx: Context) -> bool:
    return label.type == "static" or (label.type == "dynamic" and not ctx.inactive)


class SecLabel(Element):
    """<seclabel>."""

    TAG = "seclabel"
    type = field("@type", enum("none", "dynamic", "static"))
    model = field("@model")
    relabel = field("@relabel", YES_NO, show=_labelled)
    label = field("label", show=_live)
    imagelabel = field("imagelabel", show=lambda label, ctx: not ctx.inactive and label.relabel)
    baselabel = field("baselabel", show=lambda label, ctx: label.type == "dynamic")

    def after_parse(self, node: etree._Element) -> None:
        self.type = self.type or "dynamic"
        if self.relabel is None:
            self.relabel = self.type == "dynamic"
        if self.type == "none" and self.relabel:
            detail = "resource relabeling is not compatible with 'none' label type"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)
        if self.type == "dynamic" and not self.relabel:
            detail = "dynamic label type must use resource relabeling"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)
        if self.type == "static" and not self.label:
            raise errors.error(Code.XML_ERROR, "security label is missing", domain=From.DOMAIN)


def check_models(labels: list[SecLabel]) -> None:
    """:raises libvirtError: XML_DETAIL for two labels of one model, XML_ERROR for one without"""
    seen: set[str | None] = set()
    for label in labels:
        if label.model is not None and label.model in seen:
            detail = f"seclabel for model {label.model} is already provided"
            raise Refusal(detail, Code.XML_DETAIL).error()
        seen.add(label.model)
    if len(labels) > 1 and None in seen:
        raise Refusal("missing security model when using multiple labels").error()


class Cipher(Element):
    """<keywrap><cipher>."""

    TAG = "cipher"
    name = field("@name", enum("aes", "dea"))
    state = field("@state", ON_OFF)


class KeyWrap(Element):
    """<keywrap>."""

    TAG = "keywrap"
    ciphers = children("cipher", Cipher)


class LaunchSecurity(Element):
    """<launchSecurity>: AMD SEV, or protected virtualization (s390)."""

    TAG = "launchSecurity"
    type = field("@type", enum("sev", "s390-pv"), required=True)
    kernel_hashes = field("@kernelHashes", YES_NO)
    cbitpos = field("cbitpos", uint())
    reduced_phys_bits = field("reducedPhysBits", uint())
    policy = field("policy", Hex(4))
    dh_cert = field("dhCert")
    session = field("session")

    def after_parse(self, node: etree._Element) -> None:
        if self.type == "sev" and self.policy is None:
            detail = "failed to get launch security policy for launch security type SEV"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)


_BAD = Refusal("invalid idmap start/target/count settings")
_NUMBER = Value(_BAD.detail, uint())


class IDMap(Element):
    """<uid> or <gid> of <idmap>."""

    TAG = "uid"
    start = field("@start", _NUMBER, required=_BAD, blank=True)
    target = field("@target", _NUMBER, required=_BAD, blank=True)
    count = field("@count", _NUMBER, required=_BAD, blank=True)
