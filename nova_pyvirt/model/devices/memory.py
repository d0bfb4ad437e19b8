# SPDX-License-Identifier: Apache-2.0
"""<memory> among the devices: DIMMs and their likes. Sizes in KiB."""

from lxml import etree

from nova_pyvirt.model.devices.common import Device
from nova_pyvirt.model.kinds import PINSET, YES_NO, Refusal, Value, enum, lacking, uint
from nova_pyvirt.model.kinds import Memory as MemorySize
from nova_pyvirt.model.xmlbind import field, flag

_SIZE = MemorySize(place="./%s")


class Memory(Device):
    """A memory device."""

    TAG = "memory"
    BY = "model"
    model = field(
        "@model", enum("dimm", "nvdimm", "virtio-pmem", "virtio-mem", "sgx-epc"), required=True
    )
    access = field("@access", enum("shared", "private"))
    discard = field("@discard", YES_NO)
    uuid = field("uuid", of=("nvdimm",))
    source_nodes = field("source/nodemask", PINSET, of=("dimm", "virtio-mem", "sgx-epc"))
    page_size = field("source/pagesize", _SIZE, of=("dimm", "virtio-mem"))
    path = field("source/path", of=("nvdimm", "virtio-pmem"))
    align_size = field("source/alignsize", _SIZE, of=("nvdimm",))
    pmem = flag("source/pmem")
    size = field("target/size", _SIZE)
    node = field("target/node", Value("invalid value of memory device node", uint()))
    label_size = field("target/label/size", MemorySize(place="./label/size"), of=("nvdimm",))
    readonly = flag("target/readonly")
    block = field("target/block", _SIZE, of=("virtio-mem",))
    requested = field("target/requested", _SIZE, of=("virtio-mem",))
    current = field("target/current", _SIZE, live=True, of=("virtio-mem",))

    def after_parse(self, node: etree._Element) -> None:
        if node.find("target") is None:
            raise Refusal("missing <target> element for <memory> device").error()
        if self.size is None:
            raise lacking("./size")
        for name in ("page_size", "align_size", "label_size"):
            self.__dict__[name] = self.__dict__.get(name) or None
        if self.label_size and self.label_size < 128:
            raise Refusal("nvdimm label must be at least 128KiB").error()
        if self.model == "nvdimm" and (self.label_size or 0) >= self.size:
            raise Refusal("label size must be smaller than NVDIMM size").error()
