# SPDX-License-Identifier: Apache-2.0
"""Small devices: <rng>, <memballoon>, <watchdog>, <panic>, <iommu>, <vsock>, <crypto>, <nvram>."""

from lxml import etree

from nova_pyvirt.model.devices.chardev import Backend
from nova_pyvirt.model.devices.common import VIRTIO_MODELS, Device
from nova_pyvirt.model.kinds import ON_OFF, YES_NO, enum, missing, uint
from nova_pyvirt.model.xmlbind import child, field

_VIRTIO = enum(*VIRTIO_MODELS)


class RNGBackend(Backend):
    """<backend>: a file, a daemon, or QEMU itself."""

    TAG = "backend"
    model = field("@model", enum("random", "egd", "builtin"))
    path = field(".")

    def after_parse(self, node: etree._Element) -> None:
        self.path = (self.path or "").strip() or None
        if self.model == "egd":
            self.path = None
            self.backend_after_parse()


class RNG(Device, virtio=True):
    """<rng>. Period in milliseconds."""

    TAG = "rng"
    model = field("@model", _VIRTIO)
    rate_bytes = field("rate/@bytes", uint())
    rate_period = field("rate/@period", uint())
    backend = child("backend", RNGBackend)

    def after_parse(self, node: etree._Element) -> None:
        if self.model is None:
            raise missing("model", "rng")


class MemBalloon(Device, virtio=True):
    """<memballoon>. Period in seconds."""

    TAG = "memballoon"
    model = field("@model", enum("none", "xen", *VIRTIO_MODELS))
    autodeflate = field("@autodeflate", ON_OFF)
    free_page_reporting = field("@freePageReporting", ON_OFF)
    period = field("stats/@period", uint())

    def after_parse(self, node: etree._Element) -> None:
        if self.model is None:
            raise missing("model", "memballoon")


class Watchdog(Device):
    """<watchdog>."""

    TAG = "watchdog"
    model = field("@model", enum("i6300esb", "ib700", "diag288", "itco"))
    action = field(
        "@action",
        enum("reset", "shutdown", "poweroff", "pause", "dump", "none", "inject-nmi"),
    )


class Panic(Device):
    """<panic>."""

    TAG = "panic"
    model = field("@model", enum("default", "isa", "pseries", "hyperv", "s390", "pvpanic"))


class IOMMU(Device):
    """<iommu>."""

    TAG = "iommu"
    model = field("@model", enum("intel", "smmuv3", "virtio"))
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
    cid = field("cid/@address", uint())


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
