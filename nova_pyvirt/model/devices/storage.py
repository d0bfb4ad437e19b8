# SPDX-License-Identifier: Apache-2.0
"""Where the data of a disk is: <source>, <auth>, <encryption>, <backingStore>."""

import uuid as uuids
from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import ULL, HostAddress, Reconnect, SecurityLabel
from nova_pyvirt.model.kinds import YES_NO, Kind, enum, to_bytes, uint
from nova_pyvirt.model.xmlbind import Context, Element, child, children, field

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

    def parse_node(self, node: etree._Element) -> int:
        return to_bytes(ULL.parse_node(node), node.get("unit", "bytes"))

    def format_attributes(self, value: int) -> list[tuple[str, str]]:
        return [("unit", "bytes")]


BYTES = Bytes()


class Secret(Element):
    """<secret>: which one, by uuid or usage."""

    TAG = "secret"
    type = field("@type")
    uuid = field("@uuid")
    usage = field("@usage")


class Auth(Element):
    """<auth>."""

    TAG = "auth"
    username = field("@username")
    secret = child("secret", Secret)

    def after_parse(self, node: etree._Element) -> None:
        if not self.username:
            detail = "missing username for auth"
            raise errors.error(Code.XML_ERROR, detail, domain=From.STORAGE)
        if self.secret is not None and self.secret.uuid is not None:
            self.secret.uuid = _uuid(self.secret.uuid, "invalid secret uuid '%s'")


def _uuid(text: str, detail: str) -> str:
    try:
        return str(uuids.UUID(text.strip()))
    except ValueError:
        raise errors.error(
            Code.XML_ERROR, detail.replace("%s", text), domain=From.STORAGE
        ) from None


class Cipher(Element):
    """<cipher> or <ivgen>."""

    name = field("@name")
    size = field("@size", uint())
    mode = field("@mode")
    hash = field("@hash")


class Encryption(Element):
    """<encryption>."""

    TAG = "encryption"
    format = field("@format", enum("default", "qcow", "luks", "luks2", "luks-any"))
    engine = field("@engine", enum("qemu", "librbd"))
    secrets = children("secret", Secret)
    cipher = child("cipher", Cipher)
    ivgen = child("ivgen", Cipher)

    def after_parse(self, node: etree._Element) -> None:
        for secret in self.secrets:
            if secret.uuid is not None:
                secret.uuid = _uuid(secret.uuid, "malformed volume encryption uuid '%s'")


class SourceHost(Element):
    """<host>."""

    TAG = "host"
    name = field("@name")
    port = field("@port")
    transport = field("@transport", enum("tcp", "unix", "rdma"))
    socket = field("@socket")

    def after_parse(self, node: etree._Element) -> None:
        if self.transport == "tcp":
            self.transport = None
        if self.transport == "unix" and not self.socket:
            detail = "missing socket for unix transport"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        if self.transport != "unix" and self.socket:
            detail = f"transport '{self.transport or 'tcp'}' does not support socket attribute"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        if self.transport != "unix" and not self.name:
            raise errors.error(Code.XML_ERROR, "missing name for host", domain=From.DOMAIN)


class Slice(Element):
    """<slice>: a part of the storage."""

    TAG = "slice"
    type = field("@type", enum("storage"))
    offset = field("@offset", ULL)
    size = field("@size", ULL)


class Cookie(Element):
    """<cookie>."""

    TAG = "cookie"
    name = field("@name")
    value = field(".")


class Reservations(Element):
    """<reservations>: SCSI persistent reservations through a helper."""

    TAG = "reservations"
    managed = field("@managed", YES_NO)
    type = field("source/@type", enum("unix"))
    path = field("source/@path")
    mode = field("source/@mode", enum("client"))


class DiskSource(Element):
    """<source>."""

    TAG = "source"
    type = field("@type")
    protocol = field("@protocol", PROTOCOLS)
    name = field("@name")
    file = field("@file")
    fdgroup = field("@fdgroup")
    dev = field("@dev")
    dir = field("@dir")
    pool = field("@pool")
    volume = field("@volume")
    mode = field("@mode")
    path = field("@path")
    managed = field("@managed", YES_NO)
    namespace = field("@namespace", ULL)
    query = field("@query")
    tls = field("@tls", YES_NO)
    tls_hostname = field("@tlsHostname")
    startup_policy = field("@startupPolicy", enum("mandatory", "requisite", "optional"))
    index = field("@index", uint(), live=True)
    address = child("address", HostAddress)
    hosts = children("host", SourceHost)
    nfs_user = field("identity/@user")
    nfs_group = field("identity/@group")
    snapshot = field("snapshot/@name")
    config_file = field("config/@file")
    initiator = field("initiator/iqn/@name")
    ssl_verify = field("ssl/@verify", YES_NO)
    cookies = children("cookies/cookie", Cookie, secret=True)
    readahead = field("readahead/@size", ULL)
    timeout = field("timeout/@seconds", ULL)
    reconnect = child("reconnect", Reconnect)
    slices = children("slices/slice", Slice)
    seclabels = children("seclabel", SecurityLabel)
    auth = child("auth", Auth)
    encryption = child("encryption", Encryption)
    reservations = child("reservations", Reservations)

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
    type = field("@type", TYPES)
    index = field("@index", uint(), live=True)
    format = field("format/@type", FORMATS)
    cache_max_size = field("format/metadata_cache/max_size", BYTES)
    source = child("source", DiskSource)
    backing: Any
    detected: bool = False


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
