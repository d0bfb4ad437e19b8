# SPDX-License-Identifier: Apache-2.0
"""<memory> among the devices: DIMMs and their likes. Sizes in KiB."""

from lxml import etree

from nova_pyvirt.model.devices.common import Device
from nova_pyvirt.model.kinds import CPUSET, MEMORY, YES_NO, enum, missing, uint
from nova_pyvirt.model.xmlbind import field, flag


class Memory(Device):
    """A memory device."""

    TAG = "memory"
    model = field("@model", enum("dimm", "nvdimm", "virtio-pmem", "virtio-mem", "sgx-epc"))
    access = field("@access", enum("default", "shared", "private"))
    discard = field("@discard", YES_NO)
    uuid = field("uuid")
    source_nodes = field("source/nodemask", CPUSET)
    page_size = field("source/pagesize", MEMORY)
    path = field("source/path")
    align_size = field("source/alignsize", MEMORY)
    pmem = flag("source/pmem")
    size = field("target/size", MEMORY)
    node = field("target/node", uint())
    label_size = field("target/label/size", MEMORY)
    readonly = flag("target/readonly")
    block = field("target/block", MEMORY)
    requested = field("target/requested", MEMORY)
    current = field("target/current", MEMORY, live=True)

    def after_parse(self, node: etree._Element) -> None:
        if self.model is None:
            raise missing("model", "memory")
