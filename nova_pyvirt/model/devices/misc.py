# SPDX-License-Identifier: Apache-2.0
"""Small devices: <rng>, <memballoon>, <watchdog>, <panic>, <iommu>, <vsock>, <crypto>, <nvram>."""

from lxml import etree

from nova_pyvirt.errors import Code
from nova_pyvirt.model.devices.chardev import Backend
from nova_pyvirt.model.devices.common import VIRTIO_MODELS, Device
from nova_pyvirt.model.kinds import (
    ON_OFF,
    YES_NO,
    Count,
    Int,
    Positive,
    Refusal,
    Value,
    Word,
    enum,
    uint,
)
from nova_pyvirt.model.xmlbind import child, field

_VIRTIO = enum(*VIRTIO_MODELS)


class RNGBackend(Backend):
    """<backend>: a file, a daemon, or QEMU itself."""

    TAG = "backend"
    FIRST = ("model",)
    model = field(
        "@model",
        Word("unknown RNG backend model '%s'", "random", "egd", "builtin"),
        required=Refusal("missing RNG device backend model"),
    )
    path = field(".")

    def after_parse(self, node: etree._Element) -> None:
        if self.model == "egd":
            self.path = None
            if self.type is None:
                raise Refusal("missing EGD backend type").error()
            self.backend_after_parse()
        else:
            self.type, self.sources = None, []
            self.protocol = self.log_file = self.log_append = None
        if self.model == "builtin":
            self.path = None


_ONE_BACKEND = Refusal("only one RNG backend is supported")


class RNG(Device, virtio=True):
    """<rng>. Period in milliseconds."""

    TAG = "rng"
    model = field(
        "@model",
        Word("unknown RNG model '%s'", *VIRTIO_MODELS),
        required=Refusal("missing RNG device model"),
    )
    rate_bytes = field("rate/@bytes", Value("invalid RNG rate bytes value", uint()), blank=True)
    rate_period = field("rate/@period", Value("invalid RNG rate period value", Count()), blank=True)
    backend = child("backend", RNGBackend, once=_ONE_BACKEND)

    def after_parse(self, node: etree._Element) -> None:
        if self.backend is None:
            raise _ONE_BACKEND.error()
        if not self.rate_bytes:
            self.rate_bytes = self.rate_period = None


class MemBalloon(Device, virtio=True, virtio_last=True):
    """<memballoon>. Period in seconds."""

    TAG = "memballoon"
    model = field("@model", enum("none", "xen", *VIRTIO_MODELS), required=True)
    autodeflate = field("@autodeflate", ON_OFF)
    free_page_reporting = field("@freePageReporting", ON_OFF)
    period = field("stats/@period", Int(base=0))

    def after_parse(self, node: etree._Element) -> None:
        self.period = max(self.period or 0, 0) or None
        if self.model == "none":
            self.alias = self.acpi_index = None


class Watchdog(Device):
    """<watchdog>."""

    TAG = "watchdog"
    model = field(
        "@model",
        Word("unknown watchdog model '%s'", "i6300esb", "ib700", "diag288", "itco"),
        required=Refusal("watchdog must contain model name", Code.INTERNAL_ERROR),
    )
    action = field(
        "@action",
        Word("unknown watchdog action '%s'", "reset", "shutdown", "poweroff", "pause", "dump",
             "none", "inject-nmi"),
    )  # fmt: skip


class Panic(Device):
    """<panic>."""

    TAG = "panic"
    model = field(
        "@model",
        Word("unknown panic model '%s'", "default", "isa", "pseries", "hyperv", "s390", "pvpanic"),
    )


class IOMMU(Device):
    """<iommu>."""

    TAG = "iommu"
    model = field("@model", enum("intel", "smmuv3", "virtio"), required=True)
    intremap = field("driver/@intremap", ON_OFF)
    caching_mode = field("driver/@caching_mode", ON_OFF)
    eim = field("driver/@eim", ON_OFF)
    iotlb = field("driver/@iotlb", ON_OFF)
    aw_bits = field("driver/@aw_bits", uint())


class Vsock(Device, virtio=True):
    """<vsock>."""

    TAG = "vsock"
    model = field("@model", _VIRTIO)
    cid_auto = field("cid/@auto", YES_NO)
    cid = field("cid/@address", Positive())


class Crypto(Device, virtio=True):
    """<crypto>."""

    TAG = "crypto"
    model = field("@model", enum("virtio"))
    type = field("@type", enum("qemu"))
    backend = field("backend/@model", enum("builtin", "lkcf"))
    queues = field("backend/@queues", uint())


class NVRAM(Device):
    """<nvram> among the devices."""

    TAG = "nvram"
