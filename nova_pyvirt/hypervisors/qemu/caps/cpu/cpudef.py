# SPDX-License-Identifier: Apache-2.0
"""A <cpu> element as the CPU calls take and give it (libvirt's virCPUDef)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.model.kinds import Kind, Natural, Positive, enum, missing, uint

#: how a feature of a guest CPU may be asked for
POLICIES = ("force", "require", "optional", "disable", "forbid")
MODES = ("custom", "host-model", "host-passthrough", "maximum")
_MATCHES = ("exact", "minimum", "strict")
_CHECKS = ("default", "none", "partial", "full")
#: what every architecture name of libvirt is (virarch.c)
ARCHES = (
    "alpha", "armv6l", "armv7l", "armv7b", "aarch64", "cris", "i686", "itanium", "lm32",
    "m68k", "microblaze", "microblazeel", "mips", "mipsel", "mips64", "mips64el", "or32",
    "parisc", "parisc64", "ppc", "ppcle", "ppc64", "ppc64le", "ppcemb", "riscv32", "riscv64",
    "s390", "s390x", "sh4", "sh4eb", "sparc", "sparc64", "unicore32", "x86_64", "xtensa",
    "xtensaeb",
)  # fmt: skip
_VENDOR_ID_LENGTH = 12
_UINT, _POSITIVE = uint(), Positive()
#: no CPU definition is as long; a longer text is not parsed
_MAX_XML = 4 << 20
_TAG = re.compile(r"<[^>]*>")


@dataclass
class CpuDef:
    """A host or guest CPU.

    :ivar kind: ``host`` or ``guest``
    :ivar features: name -> policy, None for a host CPU; in order
    :ivar signature: family, model, stepping; family 0 is none
    :ivar tsc: frequency in Hz, scaling ("yes", "no" or None)
    :ivar topology: sockets, dies, cores, threads
    :ivar cache: level or None, mode
    :ivar maxphysaddr: mode, bits or None
    """

    kind: str = "guest"
    mode: str | None = "custom"
    match: str = "exact"
    check: str | None = None
    migratable: str | None = None
    arch: str | None = None
    model: str | None = None
    vendor: str | None = None
    vendor_id: str | None = None
    fallback: str = "allow"
    features: dict[str, str | None] = field(default_factory=dict)
    microcode: int = 0
    signature: tuple[int, int, int] = (0, 0, 0)
    tsc: tuple[int, str | None] | None = None
    topology: tuple[int, int, int, int] | None = None
    cache: tuple[int | None, str] | None = None
    maxphysaddr: tuple[str, int | None] | None = None

    def update(self, name: str, policy: str | None) -> None:
        """Sets a feature's policy where it stands, or adds the feature."""
        self.features[name] = None if self.kind == "host" else policy

    def copy(self, keep: Callable[[str], bool] = lambda _name: True) -> "CpuDef":
        """A copy with the features that `keep` lets through."""
        fields = dict(vars(self))
        fields["features"] = {n: p for n, p in self.features.items() if keep(n)}
        return CpuDef(**fields)

    def children(self) -> list[etree._Element]:
        """What stands inside <cpu>, in libvirt's order."""
        guest = self.kind == "guest"
        found: list[etree._Element] = []
        if not guest and self.arch:
            found.append(_element("arch", text=self.arch))
        if self.mode in (None, "custom", "host-model"):
            found += self._model_children(guest)
        if not guest:
            found += self._host_children()
        if self.topology:
            names = ("sockets", "dies", "cores", "threads")
            values = dict(zip(names, self.topology, strict=True))
            found.append(_element("topology", values))
        if self.cache:
            found.append(_element("cache", {"level": self.cache[0], "mode": self.cache[1]}))
        if self.maxphysaddr:
            mode, bits = self.maxphysaddr
            found.append(_element("maxphysaddr", {"mode": mode, "bits": bits}))
        for name, policy in self.features.items():
            found.append(_element("feature", {"policy": policy if guest else None, "name": name}))
        return found

    def _model_children(self, guest: bool) -> list[etree._Element]:
        found = []
        if self.model or self.vendor_id:
            attributes = {
                "fallback": self.fallback if guest and self.model else None,
                "vendor_id": self.vendor_id if guest else None,
            }
            found.append(_element("model", attributes, text=self.model))
        if self.vendor:
            found.append(_element("vendor", text=self.vendor))
        return found

    def _host_children(self) -> list[etree._Element]:
        found = []
        if self.microcode:
            found.append(_element("microcode", {"version": self.microcode}))
        if self.signature[0]:
            names = ("family", "model", "stepping")
            found.append(_element("signature", dict(zip(names, self.signature, strict=True))))
        if self.tsc:
            attributes = {"name": "tsc", "frequency": self.tsc[0], "scaling": self.tsc[1]}
            found.append(_element("counter", attributes))
        return found

    def element(self) -> etree._Element:
        """The whole <cpu>."""
        cpu = etree.Element("cpu")
        if self.kind == "guest" and (self.mode != "custom" or self.model):
            cpu.set("mode", str(self.mode))
            if self.mode == "custom":
                cpu.set("match", self.match)
            if self.check and self.check != "default":
                cpu.set("check", self.check)
            if self.migratable and self.mode in ("host-passthrough", "maximum"):
                cpu.set("migratable", self.migratable)
        cpu.extend(self.children())
        return cpu


def _element(
    tag: str,
    attributes: Mapping[str, object] | None = None,
    text: str | None = None,
) -> etree._Element:
    element = etree.Element(tag)
    for name, value in (attributes or {}).items():
        if value is not None:
            element.set(name, str(value))
    element.text = text
    return element


def pretty(root: etree._Element) -> str:
    """XML in libvirt's form: two spaces, single quotes, a new line at the end."""
    etree.indent(root, "  ")
    return quote_single(etree.tostring(root, encoding="unicode")) + "\n"


def quote_single(text: str) -> str:
    """lxml's double-quoted attributes as libvirt quotes them."""
    return _TAG.sub(_requote, text)


def _requote(tag: re.Match[str]) -> str:
    """Inside a tag a double quote only ever delimits a value: lxml escapes the others."""
    return tag.group().replace("'", "&apos;").replace('"', "'")


def _xml_error(detail: str) -> Exception:
    return error(Code.XML_ERROR, detail, domain=From.CPU)


def _unsupported(detail: str) -> Exception:
    return error(Code.CONFIG_UNSUPPORTED, detail, domain=From.CPU)


def _value(node: etree._Element, name: str, kind: Kind, *, required: bool = True) -> Any:
    """An attribute with libvirt's complaints; None when it isn't there."""
    text = node.get(name)
    if text is not None:
        return kind.parse(text, name, str(node.tag))
    if required:
        raise missing(name, str(node.tag))
    return None


def _choice(
    node: etree._Element, name: str, values: tuple[str, ...], *, required: bool = False
) -> str | None:
    found: str | None = _value(node, name, enum(*values), required=required)
    return found


def parse(xml: str | None, kind: str | None) -> CpuDef:
    """A CPU from its XML.

    :param kind: ``host``, ``guest``, or None: <arch> inside says it is a host's
    :raises libvirtError: as libvirt's parser does
    """
    if xml is None:
        raise error(Code.INVALID_ARG, "missing CPU definition", domain=From.CPU)
    node = read_xml(xml)
    if node.tag != "cpu":
        raise _xml_error("XML does not contain expected 'cpu' element")
    cpu = CpuDef(kind=kind or _guess_kind(node))
    _parse_attributes(node, cpu)
    if cpu.kind == "host":
        _parse_host(node, cpu)
    _parse_model(node, cpu)
    _parse_topology(node, cpu)
    _parse_features(node, cpu)
    _parse_extras(node, cpu)
    return cpu


def read_xml(xml: str) -> etree._Element:
    """The document of a CPU definition: no DTD, nothing from outside.

    :raises libvirtError: XML_DETAIL
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
    )
    if len(xml) > _MAX_XML:
        raise error(Code.XML_ERROR, "CPU definition is too long", domain=From.XML)
    try:
        root = etree.fromstring(xml.encode(), parser)
    except etree.XMLSyntaxError as exc:
        raise _syntax_error(xml, exc) from exc
    if root.getroottree().docinfo.internalDTD is not None:
        raise error(Code.XML_ERROR, "(CPU_definition): DTD is not allowed", domain=From.XML)
    return root


def _syntax_error(xml: str, exc: etree.XMLSyntaxError) -> Exception:
    """XML_DETAIL as libvirt words it: where, what, the line and a mark below the place."""
    line, column = exc.position
    message = re.sub(r", line \d+, column \d+( \(.*\))?$", "", exc.msg or "")
    lines = xml.split("\n")
    text = lines[line - 1] if xml and 0 < line <= len(lines) else "(null)"
    detail = f"(CPU_definition):{line}: {message}\n{text}\n{'-' * max(0, column - 1)}^"
    return error(Code.XML_DETAIL, detail, domain=From.CPU)


def _guess_kind(node: etree._Element) -> str:
    if node.find("arch") is None:
        return "guest"
    if node.get("match") is not None:
        raise _xml_error(
            "'arch' element cannot be used inside 'cpu' element with 'match' attribute'"
        )
    return "host"


def _parse_attributes(node: etree._Element, cpu: CpuDef) -> None:
    mode = node.get("mode")
    if mode is not None:
        if cpu.kind == "host":
            raise _unsupported("Attribute mode is only allowed for guest CPU")
        if mode not in MODES:
            raise _unsupported(f"Invalid mode attribute '{mode}'")
        cpu.mode = mode
    elif cpu.kind == "host":
        cpu.mode = None
    cpu.migratable = _choice(node, "migratable", ("on", "off"))
    if cpu.migratable and cpu.mode not in ("host-passthrough", "maximum"):
        raise _unsupported(
            "Attribute migratable is only allowed for 'host-passthrough' / 'maximum' CPU mode"
        )
    if cpu.kind == "guest":
        cpu.match = _choice(node, "match", _MATCHES) or "exact"
        cpu.check = _choice(node, "check", _CHECKS)


def _text(node: etree._Element, path: str) -> str | None:
    """The text of the first child with that name; None when it has none."""
    found = node.find(path)
    return ("".join(str(part) for part in found.itertext()) or None) if found is not None else None


def _parse_host(node: etree._Element, cpu: CpuDef) -> None:
    arch = _text(node, "arch")
    if not arch:
        raise _xml_error("Missing CPU architecture")
    if arch not in ARCHES:
        raise _unsupported(f"Unknown architecture {arch}")
    cpu.arch = arch
    microcode = node.find("microcode")
    version = microcode.get("version") if microcode is not None else None
    if version is not None:
        if not version.isdigit():
            raise _unsupported("invalid microcode version")
        cpu.microcode = int(version)
    signature = node.find("signature")
    if signature is not None:
        cpu.signature = (
            _value(signature, "family", _POSITIVE) or 0,
            _value(signature, "model", _UINT) or 0,
            _value(signature, "stepping", _UINT) or 0,
        )
    counter = node.find("counter[@name='tsc']")
    if counter is not None:
        scaling = _choice(counter, "scaling", ("yes", "no"))
        cpu.tsc = (_value(counter, "frequency", _UINT) or 0, scaling)


def _parse_model(node: etree._Element, cpu: CpuDef) -> None:
    cpu.model = _text(node, "model")
    if cpu.model is None and cpu.kind == "host":
        raise _xml_error("Missing CPU model name")
    model = node.find("model")
    if (
        model is not None
        and cpu.kind == "guest"
        and cpu.mode not in ("host-passthrough", "maximum")
    ):
        cpu.fallback = model.get("fallback") or "allow"
        if cpu.fallback not in ("allow", "forbid"):
            raise _unsupported("Invalid fallback attribute")
        vendor_id = model.get("vendor_id")
        if vendor_id:
            if len(vendor_id.encode()) != _VENDOR_ID_LENGTH:
                raise _xml_error(f"vendor_id must be exactly {_VENDOR_ID_LENGTH} characters long")
            if "," in vendor_id:
                raise _xml_error("vendor id is invalid")
            cpu.vendor_id = vendor_id
    cpu.vendor = _text(node, "vendor")
    if cpu.vendor and not cpu.model:
        raise _xml_error("CPU vendor specified without CPU model")


def _parse_topology(node: etree._Element, cpu: CpuDef) -> None:
    topology = node.find("topology")
    if topology is None:
        return
    sockets = _value(topology, "sockets", _POSITIVE) or 0
    dies = _value(topology, "dies", _POSITIVE, required=False) or 1
    cores = _value(topology, "cores", _POSITIVE) or 0
    threads = _value(topology, "threads", _POSITIVE) or 0
    cpu.topology = (sockets, dies, cores, threads)


def _parse_features(node: etree._Element, cpu: CpuDef) -> None:
    features = node.findall("feature")
    if features and not cpu.model and cpu.mode == "custom":
        raise _xml_error("Non-empty feature list specified without CPU model")
    for feature in features:
        policy: str | None = None
        if cpu.kind == "guest":
            policy = feature.get("policy", "require")
            if policy not in POLICIES:
                raise _unsupported("Invalid CPU feature policy")
        name = feature.get("name")
        if not name:
            raise _xml_error("Invalid CPU feature name")
        if name in cpu.features:
            raise _xml_error(f"CPU feature '{name}' specified more than once")
        cpu.features[name] = policy


def _parse_extras(node: etree._Element, cpu: CpuDef) -> None:
    caches = node.findall("cache")
    if len(caches) > 1:
        raise _xml_error("at most one CPU cache element may be specified")
    for cache in caches:
        level = _value(cache, "level", _UINT, required=False)
        if level is not None and not 1 <= level <= 3:
            raise _xml_error("invalid CPU cache level, must be in range [1,3]")
        mode = _choice(cache, "mode", ("emulate", "passthrough", "disable"), required=True)
        cpu.cache = (level, mode or "")
    address = node.find("maxphysaddr")
    if address is not None:
        mode = _choice(address, "mode", ("emulate", "passthrough"), required=True)
        cpu.maxphysaddr = (mode or "", _value(address, "bits", Natural(), required=False))
