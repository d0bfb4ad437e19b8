# SPDX-License-Identifier: Apache-2.0
"""The guest's CPU (qemuValidateDomainDefCpu, virCPUDefParseXML)."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.validate.common import unsupported
from nova_pyvirt.model.cpu import CPU
from nova_pyvirt.model.domain import Domain


def check(domain: Domain) -> None:
    """:raises libvirtError: CONFIG_UNSUPPORTED, XML_ERROR"""
    cpu = domain.cpu
    if cpu is None:
        return
    vendor = cpu.model_vendor_id
    if vendor is not None and len(vendor.encode()) != 12:
        detail = "vendor_id must be exactly 12 characters long"
        raise errors.error(Code.XML_ERROR, detail, domain=From.CPU)
    if vendor is not None and "," in vendor:
        raise errors.error(Code.XML_ERROR, "vendor id is invalid", domain=From.CPU)
    if any("," in f.name or "=" in f.name for f in cpu.features):
        raise errors.error(Code.XML_ERROR, "Invalid CPU feature name", domain=From.CPU)
    if cpu.model is not None and "," in cpu.model:
        detail = f"Unknown CPU model {cpu.model}"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.CPU)
    _address_bits(cpu)
    _cache(cpu)


def _address_bits(cpu: CPU) -> None:
    mode, bits = cpu.maxphysaddr_mode, cpu.maxphysaddr_bits
    if mode == "passthrough" and bits is not None:
        raise unsupported(
            "CPU maximum physical address bits number specification cannot be used with"
            " mode='passthrough'"
        )
    if mode == "emulate" and bits is None:
        raise unsupported(
            "if using CPU maximum physical address mode='emulate', bits= must be specified too"
        )


def _cache(cpu: CPU) -> None:
    mode, level = cpu.cache_mode, cpu.cache_level
    if mode == "emulate" and level != 3:
        raise unsupported("CPU cache mode 'emulate' can only be used with level='3'")
    if mode == "passthrough" and cpu.mode not in ("host-passthrough", "maximum"):
        raise unsupported(
            "CPU cache mode 'passthrough' can only be used with 'host-passthrough' / 'maximum' CPUs"
        )
    if mode in ("passthrough", "disable") and level is not None:
        raise unsupported(f"unsupported CPU cache level for mode '{mode}'")
