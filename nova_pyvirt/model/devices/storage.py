# SPDX-License-Identifier: Apache-2.0
"""Where the data of a disk is: <source>, <auth>, <encryption>, <backingStore>."""

from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import (
    ULL,
    HostAddress,
    Reconnect,
    SecurityLabel,
    check_labels,
)
from nova_pyvirt.model.kinds import (
    YES_NO,
    Count,
    Kind,
    Refusal,
    Value,
    Word,
    enum,
    missing,
    scaled,
    to_bytes,
    uint,
    uuid,
)
from nova_pyvirt.model.xmlbind import Context, Element, child, children, field

#: ports of storage protocols
DEFAULT_PORTS = {
    "nbd": "10809", "iscsi": "3260", "ssh": "22", "http": "80", "https": "443", "ftp": "21",
    "ftps": "990", "tftp": "69", "gluster": "24007", "sheepdog": "7000",
}  # fmt: skip
PROTOCOLS = enum(
    "nbd", "rbd", "sheepdog", "gluster", "iscsi", "http", "https", "ftp", "ftps", "tftp", "ssh",
    "vxhs", "nfs",
)  # fmt: skip
FORMATS = enum(
    "raw", "dir", "bochs", "cloop", "dmg", "iso", "vpc", "vdi", "fat", "vhd", "ploop", "cow", "qcow",
    "qcow2", "qed", "vmdk", "luks", "none",
)  # fmt: skip
TYPES = enum("file", "block", "dir", "network", "volume", "nvme", "vhostuser")


class Bytes(Kind):
    """A text with a unit beside it; the value is bytes."""

    def parse_node(self, node: etree._Element) -> int | None:
        number = scaled(node.text or "", "./format/metadata_cache/max_size")
        return to_bytes(number, node.get("unit") or "bytes") or None

    def format_attributes(self, value: int) -> list[tuple[str, str]]:
        return [("unit", "bytes")]


BYTES = Bytes()


class Secret(Element):
    """<secret>: which one, by uuid or usage."""

    TAG = "secret"
    type = field("@type")
    uuid = field("@uuid")
    usage = field("@usage")

    def after_parse(self, node: etree._Element) -> None:
        if self.uuid is None and self.usage is None:
            raise Refusal("missing secret uuid or usage attribute", domain=From.NONE).error()
        if self.uuid is not None and self.usage is not None:
            raise Refusal("either secret uuid or usage expected", domain=From.NONE).error()
        if self.uuid is not None:
            found = uuid(self.uuid)
            if found is None:
                detail = f"invalid secret uuid '{self.uuid}'"
                raise Refusal(detail, domain=From.NONE).error()
            self.uuid = found


class EncryptionSecret(Secret):
    """<secret> of an <encryption>."""

    TAG = "secret"
    type = field(
        "@type",
        Word("unknown volume encryption secret type %s", "passphrase", domain=From.STORAGE),
        required=Refusal("unknown volume encryption secret type", domain=From.STORAGE),
        blank=True,
    )


class Auth(Element):
    """<auth>."""

    TAG = "auth"
    type = field(
        "@type", Word("unknown auth type '%s'", "none", "chap", "ceph", domain=From.STORAGE)
    )
    username = field("@username")
    secret = child("secret", Secret)

    def after_parse(self, node: etree._Element) -> None:
        if not self.username:
            detail = "missing username for auth"
            raise errors.error(Code.XML_ERROR, detail, domain=From.STORAGE)
        if self.type == "none":
            self.type = None
        if self.secret is None:
            raise Refusal("Missing <secret> element in auth", domain=From.STORAGE).error()


class Cipher(Element):
    """<cipher> or <ivgen>."""

    name = field("@name")
    size = field("@size", uint())
    mode = field("@mode")
    hash = field("@hash")


class Encryption(Element):
    """<encryption>."""

    TAG = "encryption"
    format = field(
        "@format",
        Word(
            "unknown volume encryption format type %s",
            "default", "qcow", "luks", "luks2", "luks-any", domain=From.STORAGE,
        ),
        required=Refusal("unknown volume encryption format", domain=From.STORAGE),
        blank=True,
    )  # fmt: skip
    engine = field("@engine", enum("qemu", "librbd"))
    secrets = children("secret", EncryptionSecret)
    cipher = child("cipher", Cipher)
    ivgen = child("ivgen", Cipher)

    def after_parse(self, node: etree._Element) -> None:
        if self.format != "luks":
            self.cipher = self.ivgen = None
        if self.cipher is not None and self.cipher.name is None:
            raise Refusal("cipher info missing 'name' attribute", domain=From.STORAGE).error()
        if self.cipher is not None and self.cipher.size is None:
            raise missing("size", "cipher")
        if self.ivgen is not None and self.cipher is None:
            detail = "ivgen element found, but cipher is missing"
            raise Refusal(detail, domain=From.STORAGE).error()
        if self.ivgen is not None and self.ivgen.name is None:
            raise Refusal("missing ivgen info name string", domain=From.STORAGE).error()


def port_number(text: str) -> str:
    """A port as libvirt keeps it (virStringParsePort).

    :raises libvirtError: INVALID_ARG
    """
    try:
        number = uint().parse(text, "port", "host")
    except errors.libvirtError:
        detail = f"failed to parse port number '{text}'"
        raise errors.error(Code.INVALID_ARG, detail, domain=From.NONE) from None
    if number > 65535:
        detail = f"port '{text}' out of range"
        raise errors.error(Code.INVALID_ARG, detail, domain=From.NONE)
    return str(number)


class SourceHost(Element):
    """<host>."""

    TAG = "host"
    name = field("@name")
    port = field("@port")
    transport = field(
        "@transport", Word("unknown protocol transport type '%s'", "tcp", "unix", "rdma")
    )
    socket = field("@socket")

    def after_parse(self, node: etree._Element) -> None:
        if self.transport == "tcp":
            self.transport = None
        if self.transport == "unix" and self.socket is None:
            detail = "missing socket for unix transport"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        if self.transport != "unix" and self.socket is not None:
            detail = f"transport '{self.transport or 'tcp'}' does not support socket attribute"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        if self.transport != "unix" and self.name is None:
            raise errors.error(Code.XML_ERROR, "missing name for host", domain=From.DOMAIN)
        if self.transport != "unix" and self.port is not None:
            self.port = port_number(self.port)
            if self.port == "0":
                self.port = None


_UNSIZED = Refusal("missing offset or size attribute of slice")


def _slice(name: str) -> Value:
    return Value(f"malformed value '%s' of '{name}' attribute of slice", ULL)


class Slice(Element):
    """<slice>: a part of the storage."""

    TAG = "slice"
    type = field("@type")
    offset = field("@offset", _slice("offset"), blank=True, required=_UNSIZED)
    size = field("@size", _slice("size"), blank=True, required=_UNSIZED)


class Cookie(Element):
    """<cookie>."""

    TAG = "cookie"
    name = field("@name", blank=True, required=Refusal("missing cookie name"))
    value = field(".")

    def after_parse(self, node: etree._Element) -> None:
        if not self.value:
            raise Refusal(f"missing value for cookie '{self.name}'").error()


def _connection(what: str, word: str) -> Word:
    detail = f"unsupported connection {what} for <reservations/>: %s"
    return Word(detail, word, code=Code.XML_ERROR, domain=From.STORAGE)


class Reservations(Element):
    """<reservations>: SCSI persistent reservations through a helper."""

    TAG = "reservations"
    managed = field("@managed", YES_NO, required=True)
    type = field("source/@type", _connection("type", "unix"), blank=True)
    path = field("source/@path", blank=True)
    mode = field("source/@mode", _connection("mode", "client"), blank=True)

    def after_parse(self, node: etree._Element) -> None:
        if self.managed and not (self.type or self.path or self.mode):
            return
        for value, what in (
            (self.type, "connection type"),
            (self.path, "path"),
            (self.mode, "connection mode"),
        ):
            if value is None:
                detail = f"missing {what} for <reservations/>"
                raise Refusal(detail, domain=From.STORAGE).error()


_SECONDS = Value("invalid readahead size or timeout", Count(64))


class NodeName(Element):
    """One node of QEMU's block graph, in a status file."""

    TAG = "nodename"
    type = field("@type")
    name = field("@name")


class PrivateData(Element):
    """What only a status file tells of a disk or of its source, for libvirt to take over."""

    TAG = "privateData"
    nodenames = children("nodenames/nodename", NodeName)
    qom_name = field("qom/@name")


def in_status(_element: Any, ctx: Context) -> bool:
    """Shows it in a status file alone."""
    return ctx.status


_WEB = ("http", "https")
_CURL = (*_WEB, "ftp", "ftps")


#: types that another process provides
_TYPED = ("nvme", "vhostuser")


class DiskSource(Element):
    """<source>; what it says depends on the disk's type, and on the protocol."""

    TAG = "source"
    BY = "../type"
    type = field("@type", of=_TYPED)
    protocol = field("@protocol", PROTOCOLS, of=("network",))
    name = field("@name", of=("network",))
    file = field("@file", of=("file",))
    fdgroup = field("@fdgroup", of=("file",))
    dev = field("@dev", of=("block",))
    dir = field("@dir", of=("dir",))
    pool = field("@pool", of=("volume",))
    volume = field("@volume", of=("volume",))
    mode = field("@mode", of=("volume",))
    path = field("@path", of=("vhostuser",))
    managed = field("@managed", YES_NO, of=("nvme",))
    namespace = field("@namespace", Value("malformed namespace '%s'", ULL), of=("nvme",))
    query = field("@query", of=_WEB)
    tls = field("@tls", YES_NO, of=("network",))
    tls_hostname = field("@tlsHostname", of=("network",))
    startup_policy = field(
        "@startupPolicy", enum("mandatory", "requisite", "optional"), of=("disk",)
    )
    index = field("@index", uint(), live=True)
    address = child("address", HostAddress, of=("nvme",))
    hosts = children("host", SourceHost, of=("network",))
    nfs_user = field("identity/@user", of=("nfs",))
    nfs_group = field("identity/@group", of=("nfs",))
    snapshot = field("snapshot/@name", blank=True, of=("network",))
    config_file = field("config/@file", blank=True, of=("network",))
    initiator = field("initiator/iqn/@name", blank=True, of=("network",))
    ssl_verify = field("ssl/@verify", YES_NO, of=("https", "ftps"))
    cookies = children("cookies/cookie", Cookie, secret=True, of=_WEB)
    readahead = field("readahead/@size", _SECONDS, blank=True, of=_CURL)
    timeout = field("timeout/@seconds", _SECONDS, blank=True, of=_CURL)
    reconnect = child("reconnect", Reconnect, of=("vhostuser",))
    slices = children("slices/slice", Slice)
    seclabels = children("seclabel", SecurityLabel)
    auth = child("auth", Auth)
    encryption = child("encryption", Encryption)
    reservations = child("reservations", Reservations)
    private = child("privateData", PrivateData, show=in_status)

    def after_parse(self, node: etree._Element) -> None:
        check_labels(self.seclabels)
        self.slices = [item for item in self.slices if item.type == "storage"][:1]
        kind = self.kinds_of(node)[0]
        if kind == "network":
            self._check_network()
        elif kind == "volume":
            self._check_volume()
        elif kind == "nvme":
            self._check_nvme()
        elif kind == "vhostuser":
            self._check_vhost_user()
        for name in ("file", "dev", "dir"):
            self.__dict__[name] = self.__dict__.get(name) or None

    @classmethod
    def kinds_of(cls, node: etree._Element) -> tuple[str | None, ...]:
        """The type of the disk; for "network" the protocol too."""
        (kind,) = super().kinds_of(node) or (None,)
        owner = node.getparent()
        place = str(owner.tag) if owner is not None else None
        return (kind or "file", node.get("protocol") if kind == "network" else None, place)

    def _check_volume(self) -> None:
        if (self.pool is None) != (self.volume is None):
            detail = "'pool' and 'volume' must be specified together for 'pool' type source"
            raise Refusal(detail).error()
        if self.pool is None:
            self.mode = None
        if self.mode not in (None, "host", "direct"):
            detail = f"unknown source mode '{self.mode}' for volume type disk"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()

    def _check_nvme(self) -> None:
        if self.type is None:
            raise Refusal("missing 'type' attribute to disk source").error()
        if self.type != "pci":
            raise Refusal(f"unsupported source type '{self.type}'").error()
        if self.namespace is None:
            raise Refusal("missing 'namespace' attribute to disk source").error()
        if self.address is None:
            raise Refusal("NVMe disk source is missing address").error()
        self.address.check_pci()

    def _check_vhost_user(self) -> None:
        if self.type != "unix":
            word = "missing" if self.type is None else "invalid"
            raise Refusal(f"{word} 'type' attribute for vhostuser disk source").error()
        if self.path is None:
            raise Refusal("missing 'path' attribute for vhostuser disk source").error()

    def _check_network(self) -> None:
        if self.protocol is None:
            raise missing("protocol", "source")
        if self.name is None and self.protocol != "nbd":
            raise Refusal("missing name for disk source").error()
        if self.protocol in ("gluster", "rbd") and self.name.find("/") <= 0:
            detail = f"can't split path '{self.name}' into pool name and image name"
            raise Refusal(detail).error()
        self.name = self.name or None

    @property
    def blank(self) -> bool:
        """Does it say nothing?"""
        return all(value in (None, []) for value in self.__dict__.values())

    @property
    def local_path(self) -> str | None:
        """A file, a device or a directory of this host."""
        found: str | None = self.file or self.dev or self.dir
        return found


class BackingStore(Element):
    """<backingStore>: empty at the end of a chain.

    :ivar detected: found in an image's header; not part of the definition
    """

    TAG = "backingStore"
    type = field(
        "@type", Word("unknown storage source type '%s'", *TYPES.words, code=Code.XML_ERROR)
    )
    index = field("@index", uint(), live=True)
    format = field(
        "format/@type",
        Word(
            "unknown storage source format '%s'",
            *FORMATS.words - {"none", "luks"},
            code=Code.XML_ERROR,
        ),
        blank=True,
    )
    cache_max_size = field("format/metadata_cache/max_size", BYTES)
    source = child("source", DiskSource)
    backing: Any
    detected: bool = False

    def after_parse(self, node: etree._Element) -> None:
        if self.type is None:
            self.__dict__.clear()
        elif self.format is None:
            raise Refusal("missing disk backing store format").error()
        elif self.source is None:
            raise Refusal("missing disk backing store source").error()


def shown_backing(owner: Any, ctx: Context) -> bool:
    """Layers that were found in images belong to running guests only."""
    return not (ctx.inactive and owner.backing.detected)


BackingStore._root.add(_nested := child("backingStore", BackingStore, show=shown_backing))
_nested.name = "backing"
BackingStore._fields["backing"] = _nested
BackingStore.backing = None


class Mirror(Element):
    """<mirror>: where a running block job writes to."""

    TAG = "mirror"
    type = field("@type", TYPES)
    file = field("@file")
    format_attr = field("@format")
    job = field("@job", enum("copy", "active-commit"))
    ready = field("@ready", enum("yes", "abort", "pivot"))
    format = field("format/@type", FORMATS)
    source = child("source", DiskSource)
    backing = child("backingStore", BackingStore)
