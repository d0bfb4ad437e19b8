# SPDX-License-Identifier: Apache-2.0
"""<filesystem> and <shmem>: what guest and host share."""

import re

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import VIRTIO_MODELS, Device
from nova_pyvirt.model.kinds import (
    MEMORY,
    ON_OFF,
    Count,
    Int,
    Kind,
    Refusal,
    Value,
    enum,
    invalid,
    scaled,
    to_bytes,
    uint,
)
from nova_pyvirt.model.xmlbind import field, flag

#: of 32 bits
_OCTAL = re.compile(r"\s*[+]?0*[0-7]{1,10}\Z")


class Octal(Kind):
    """Permission bits."""

    def parse(self, text: str, attribute: str, element: str) -> int:
        if _OCTAL.match(text) is None:
            raise invalid(text, attribute, element, " Expected non-negative integer value")
        return int(text, 8)

    def format(self, value: int) -> str:
        return f"{value:04o}"


class Filesystem(Device, virtio=True):
    """A directory of the host's in the guest."""

    TAG = "filesystem"
    type = field("@type", enum("mount", "block", "file", "template", "ram", "bind", "volume"))
    accessmode = field("@accessmode", enum("passthrough", "mapped", "squash"), blank=True)
    model = field("@model", enum(*VIRTIO_MODELS))
    multidevs = field("@multidevs", enum("default", "remap", "forbid", "warn"))
    fmode = field("@fmode", Octal())
    dmode = field("@dmode", Octal())
    driver_type = field(
        "driver/@type", enum("default", "path", "handle", "loop", "nbd", "ploop", "virtiofs")
    )
    driver_format = field("driver/@format")
    wrpolicy = field("driver/@wrpolicy", enum("default", "immediate"))
    queue = field(
        "driver/@queue", Value("cannot parse queue size '%s' for virtiofs", Count(64)), blank=True
    )
    binary = field("binary/@path", blank=True)
    xattr = field("binary/@xattr", ON_OFF)
    cache = field("binary/cache/@mode", enum("default", "none", "always"))
    sandbox = field("binary/sandbox/@mode", enum("default", "namespace", "chroot"))
    posix = field("binary/lock/@posix", ON_OFF)
    flock = field("binary/lock/@flock", ON_OFF)
    thread_pool = field(
        "binary/thread_pool/@size",
        Value("cannot parse thread pool size '%s' for virtiofs", Int()),
        blank=True,
    )
    source_dir = field("source/@dir")
    source_file = field("source/@file")
    source_dev = field("source/@dev")
    source_name = field("source/@name")
    source_pool = field("source/@pool")
    source_volume = field("source/@volume")
    source_socket = field("source/@socket")
    usage = field("source/@usage", uint(64))
    units = field("source/@units")
    target = field("target/@dir", blank=True)
    readonly = flag("readonly")
    hard_limit = field("space_hard_limit", MEMORY)
    soft_limit = field("space_soft_limit", MEMORY)

    def after_parse(self, node: etree._Element) -> None:
        for name in ("fmode", "dmode"):
            self.__dict__[name] = self.__dict__.get(name) or None
            if (self.__dict__.get(name) or 0) > 0o777:
                raise Refusal(f"invalid {name}: '0{self.__dict__[name]:o}'").error()
        if self.source_path is None and self.type not in ("ram", "volume"):
            if self.source_socket is None:
                raise errors.error(Code.NO_SOURCE, self.target, domain=From.DOMAIN)

    @property
    def source_path(self) -> str | None:
        """What of the host's it is, by type."""
        names = {"file": "file", "block": "dev", "template": "name"}
        found: str | None = getattr(self, f"source_{names.get(self.type, 'dir')}")
        return found


class MiB(Kind):
    """A text with a unit (bytes without one); the value is bytes, whole MiB are written unless there
    are none."""

    def parse_node(self, node: etree._Element) -> int:
        return to_bytes(scaled(node.text or "", "./size[1]"), node.get("unit") or "b")

    def format(self, value: int) -> str:
        return str(value >> 20 or value)

    def format_attributes(self, value: int) -> list[tuple[str, str]]:
        return [("unit", "M" if value >> 20 else "b")]


class Shmem(Device):
    """<shmem>: memory shared with other guests. Size in bytes."""

    TAG = "shmem"
    name = field("@name", required=Refusal("shmem element must contain 'name' attribute"))
    role = field("@role", enum("default", "master", "peer"))
    model = field("model/@type", enum("ivshmem", "ivshmem-plain", "ivshmem-doorbell"))
    size = field("size", MiB())
    server = flag("server")
    server_path = field("server/@path")
    msi = flag("msi")
    vectors = field("msi/@vectors", uint())
    ioeventfd = field("msi/@ioeventfd", ON_OFF)
