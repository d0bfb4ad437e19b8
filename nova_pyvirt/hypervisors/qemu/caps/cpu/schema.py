# SPDX-License-Identifier: Apache-2.0
"""VALIDATE_XML of the CPU calls: libvirt's schema where it is installed."""

from pathlib import Path

from lxml import etree

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.qemu.caps.cpu.cpudef import read_xml

_FOLDERS = ("/usr/share/nova-pyvirt/schemas", "/usr/share/libvirt/schemas")


def validate(xml: str | None) -> None:
    """Checks a <cpu> against cpu.rng.

    :raises libvirtError: XML_INVALID_SCHEMA; INTERNAL_ERROR when no schema is installed
    """
    if xml is None:
        raise error(Code.INVALID_ARG, "missing CPU definition", domain=From.CPU)
    path = next((p for p in (Path(f, "cpu.rng") for f in _FOLDERS) if p.exists()), None)
    if path is None:
        raise error(Code.INTERNAL_ERROR, "Unable to find schema cpu.rng", domain=From.XML)
    schema = etree.RelaxNG(etree.parse(path))
    if not schema.validate(read_xml(xml)):
        lines = "".join(f"{entry.message}\n" for entry in schema.error_log)
        detail = f"Unable to validate doc against {path}\n{lines}"
        raise error(Code.XML_INVALID_SCHEMA, detail, domain=From.XML)
