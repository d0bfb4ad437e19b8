# SPDX-License-Identifier: Apache-2.0
"""<disk>."""

from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import Device, address, alias
from nova_pyvirt.model.kinds import ON_OFF, YES_NO, UInt, enum, uint
from nova_pyvirt.model.xmlbind import Element, child, children, field, flag

ULL = UInt(64)


class SourceHost(Element):
    TAG = "host"
    name = field("@name")
    port = field("@port")
    transport = field("@transport", enum("tcp", "unix", "rdma"))
    socket = field("@socket")


class DiskSource(Element):
    """<source>."""

    TAG = "source"
    protocol = field("@protocol")
    name = field("@name")
    file = field("@file")
    dev = field("@dev")
    dir = field("@dir")
    pool = field("@pool")
    volume = field("@volume")
    query = field("@query")
    tls = field("@tls", YES_NO)
    startup_policy = field("@startupPolicy", enum("mandatory", "requisite", "optional"))
    index = field("@index", uint(), live=True)
    hosts = children("host", SourceHost)
    snapshot = field("snapshot/@name")
    config_file = field("config/@file")
    auth_username = field("auth/@username")
    auth_secret_type = field("auth/secret/@type")
    auth_secret_uuid = field("auth/secret/@uuid")
    auth_secret_usage = field("auth/secret/@usage")


class BackingStore(Element):
    """<backingStore>: empty at the end of a chain."""

    TAG = "backingStore"
    type = field("@type")
    index = field("@index", uint(), live=True)
    format = field("format/@type")
    source = child("source", DiskSource)
    backing: Any


BackingStore._root.add(_nested := child("backingStore", BackingStore))
_nested.name = "backing"
BackingStore._fields["backing"] = _nested
BackingStore.backing = None


class IOTune(Element):
    TAG = "iotune"
    total_bytes_sec = field("total_bytes_sec", ULL)
    read_bytes_sec = field("read_bytes_sec", ULL)
    write_bytes_sec = field("write_bytes_sec", ULL)
    total_iops_sec = field("total_iops_sec", ULL)
    read_iops_sec = field("read_iops_sec", ULL)
    write_iops_sec = field("write_iops_sec", ULL)
    total_bytes_sec_max = field("total_bytes_sec_max", ULL)
    read_bytes_sec_max = field("read_bytes_sec_max", ULL)
    write_bytes_sec_max = field("write_bytes_sec_max", ULL)
    total_iops_sec_max = field("total_iops_sec_max", ULL)
    read_iops_sec_max = field("read_iops_sec_max", ULL)
    write_iops_sec_max = field("write_iops_sec_max", ULL)
    size_iops_sec = field("size_iops_sec", ULL)
    group_name = field("group_name")


class Disk(Device):
    """A disk, CD-ROM or floppy."""

    TAG = "disk"
    type = field("@type", enum("file", "block", "dir", "network", "volume", "nvme", "vhostuser"))
    device = field("@device", enum("disk", "cdrom", "floppy", "lun"))
    sgio = field("@sgio", enum("filtered", "unfiltered"))
    driver_name = field("driver/@name")
    format = field("driver/@type")
    cache = field(
        "driver/@cache",
        enum("default", "none", "writethrough", "writeback", "directsync", "unsafe"),
    )
    error_policy = field("driver/@error_policy", enum("stop", "report", "ignore", "enospace"))
    rerror_policy = field("driver/@rerror_policy", enum("stop", "report", "ignore"))
    io = field("driver/@io", enum("native", "threads", "io_uring"))
    ioeventfd = field("driver/@ioeventfd", ON_OFF)
    event_idx = field("driver/@event_idx", ON_OFF)
    copy_on_read = field("driver/@copy_on_read", ON_OFF)
    discard = field("driver/@discard", enum("unmap", "ignore"))
    iothread = field("driver/@iothread", uint())
    detect_zeroes = field("driver/@detect_zeroes", enum("off", "on", "unmap"))
    queues = field("driver/@queues", uint())
    auth_username = field("auth/@username")
    auth_secret_type = field("auth/secret/@type")
    auth_secret_uuid = field("auth/secret/@uuid")
    auth_secret_usage = field("auth/secret/@usage")
    source = child("source", DiskSource)
    backing = child("backingStore", BackingStore, live=True)
    target = field("target/@dev")
    bus = field("target/@bus")
    tray = field("target/@tray", enum("open", "closed"))
    removable = field("target/@removable", ON_OFF)
    iotune = child("iotune", IOTune)
    readonly = flag("readonly")
    shareable = flag("shareable")
    transient = flag("transient")
    serial = field("serial")
    wwn = field("wwn")
    vendor = field("vendor")
    product = field("product")
    boot_order = field("boot/@order", uint())
    alias = alias()
    address = address()

    def after_parse(self, node: etree._Element) -> None:
        self.__dict__.setdefault("type", "file")
        self.__dict__.setdefault("device", "disk")
        if not self.target:
            raise errors.error(Code.NO_TARGET, self.path, domain=From.DOMAIN)

    @property
    def path(self) -> str | None:
        """Where the data is: a file, a device, a directory; None without a local source."""
        if self.source is None:
            return None
        found: str | None = self.source.file or self.source.dev or self.source.dir
        return found
