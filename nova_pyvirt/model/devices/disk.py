# SPDX-License-Identifier: Apache-2.0
"""<disk>."""

import string
from typing import Any

from lxml import etree

from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import ULL, VIRTIO_MODELS, Device
from nova_pyvirt.model.devices.storage import (
    BYTES,
    FORMATS,
    TYPES,
    Auth,
    BackingStore,
    DiskSource,
    Encryption,
    Mirror,
    PrivateData,
    in_status,
    shown_backing,
)
from nova_pyvirt.model.kinds import (
    ON_OFF,
    YES_NO,
    Count,
    Kind,
    Positive,
    Refusal,
    Value,
    Word,
    enum,
    uint,
)
from nova_pyvirt.model.xmlbind import Context, Element, child, field, flag

__all__ = ["BackingStore", "Disk", "DiskSource", "IOTune", "Mirror"]

BUSES = enum("ide", "fdc", "scsi", "virtio", "xen", "usb", "uml", "sata", "sd")


def _limit(name: str) -> Any:
    return field(name, Value(f"disk iotune field '{name}' must be an integer", ULL))


class IOTune(Element):
    """<iotune>: limits a second, bursts, and how long those may last (seconds)."""

    TAG = "iotune"
    total_bytes_sec = _limit("total_bytes_sec")
    read_bytes_sec = _limit("read_bytes_sec")
    write_bytes_sec = _limit("write_bytes_sec")
    total_iops_sec = _limit("total_iops_sec")
    read_iops_sec = _limit("read_iops_sec")
    write_iops_sec = _limit("write_iops_sec")
    total_bytes_sec_max = _limit("total_bytes_sec_max")
    read_bytes_sec_max = _limit("read_bytes_sec_max")
    write_bytes_sec_max = _limit("write_bytes_sec_max")
    total_iops_sec_max = _limit("total_iops_sec_max")
    read_iops_sec_max = _limit("read_iops_sec_max")
    write_iops_sec_max = _limit("write_iops_sec_max")
    size_iops_sec = _limit("size_iops_sec")
    group_name = field("group_name")
    total_bytes_sec_max_length = _limit("total_bytes_sec_max_length")
    read_bytes_sec_max_length = _limit("read_bytes_sec_max_length")
    write_bytes_sec_max_length = _limit("write_bytes_sec_max_length")
    total_iops_sec_max_length = _limit("total_iops_sec_max_length")
    read_iops_sec_max_length = _limit("read_iops_sec_max_length")
    write_iops_sec_max_length = _limit("write_iops_sec_max_length")

    def after_parse(self, node: etree._Element) -> None:
        for name in [n for n, value in self.__dict__.items() if value in (0, "")]:
            self.__dict__[name] = None


class _WWN(Kind):
    """Sixteen hexadecimal digits, "0x" before them or not."""

    def parse(self, text: str, attribute: str, element: str) -> str:
        digits = text.removeprefix("0x")
        if len(digits) != 16 or not set(digits) <= set(string.hexdigits):
            raise Refusal(f"Malformed wwn: {text}", Code.INTERNAL_ERROR, From.NONE).error()
        return text


_FORMAT = Word("unknown driver format value '%s'", *FORMATS.words - {"none", "luks"})


class Disk(Device, virtio=True):
    """A disk, CD-ROM or floppy."""

    TAG = "disk"
    type = field("@type", TYPES)
    device = field("@device", enum("disk", "cdrom", "floppy", "lun"))
    model = field("@model", enum(*VIRTIO_MODELS))
    rawio = field("@rawio", YES_NO)
    sgio = field("@sgio", enum("filtered", "unfiltered"))
    snapshot = field("@snapshot", enum("no", "internal", "external", "manual"))
    driver_name = field("driver/@name")
    format = field("driver/@type", _FORMAT)
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
    iothread = field("driver/@iothread", Positive())
    detect_zeroes = field("driver/@detect_zeroes", enum("off", "on", "unmap"))
    queues = field("driver/@queues", Count())
    queue_size = field("driver/@queue_size", Count())
    cache_max_size = field("driver/metadata_cache/max_size", BYTES)
    auth = child("auth", Auth)
    source = child("source", DiskSource, show=lambda disk, ctx: not disk.source.blank)
    backing = child("backingStore", BackingStore, show=shown_backing)
    backenddomain = field("backenddomain/@name")
    cylinders = field("geometry/@cyls", uint())
    heads = field("geometry/@heads", uint())
    sectors = field("geometry/@secs", uint())
    translation = field("geometry/@trans", enum("none", "auto", "lba"))
    logical_block_size = field("blockio/@logical_block_size", uint())
    physical_block_size = field("blockio/@physical_block_size", uint())
    mirror = child("mirror", Mirror, live=True)
    target = field("target/@dev")
    bus = field("target/@bus", BUSES)
    tray = field("target/@tray", enum("open", "closed"))
    removable = field("target/@removable", ON_OFF)
    rotation_rate = field("target/@rotation_rate", uint())
    iotune = child("iotune", IOTune)
    readonly = flag("readonly")
    shareable = flag("shareable")
    transient = flag("transient")
    share_backing = field("transient/@shareBacking", YES_NO)
    serial = field("serial")
    wwn = field("wwn", _WWN())
    vendor = field("vendor")
    product = field("product")
    encryption = child("encryption", Encryption)
    private = child("privateData", PrivateData, show=in_status)

    def after_parse(self, node: etree._Element) -> None:
        self.__dict__.setdefault("type", "file")
        self.__dict__.setdefault("device", "disk")
        if self.tray == "closed" and self.device not in ("cdrom", "floppy"):
            self.tray = None
        if not (self.cylinders and self.heads and self.sectors):
            self.cylinders = self.heads = self.sectors = self.translation = None

    def before_format(self, ctx: Context) -> "Disk":
        """Limits that limit nothing are left out; what goes to another host has a format."""
        changes: dict[str, Any] = {}
        if self.iotune is not None and all(v is None for v in self.iotune.__dict__.values()):
            changes["iotune"] = None
        if ctx.migratable and self.format is None and self.type != "volume":
            changes["format"] = "raw"
        if not changes:
            return self
        found = object.__new__(Disk)
        found.__dict__ = self.__dict__ | changes
        return found

    @property
    def path(self) -> str | None:
        """Where the data is: a file, a device, a directory; None without a local source."""
        return None if self.source is None else self.source.local_path

    @property
    def empty(self) -> bool:
        """Is there no medium?"""
        if self.source is None:
            return True
        return self.type in ("file", "block", "dir") and not self.source.local_path
