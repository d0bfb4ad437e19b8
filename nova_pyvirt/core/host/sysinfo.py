# SPDX-License-Identifier: Apache-2.0
"""The host's SMBIOS tables as <sysinfo>, by way of dmidecode."""

import re

from lxml import etree

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.util.native import os, subprocess

_PROGRAMS = ("/usr/sbin/dmidecode", "/sbin/dmidecode", "/usr/bin/dmidecode")
_TYPES = "0,1,2,3,4,11,17"
_DEADLINE = 10.0
_BOARD = (
    ("manufacturer", "Manufacturer"), ("product", "Product Name"), ("version", "Version"),
    ("serial", "Serial Number"),
)  # fmt: skip
#: element, dmidecode's section, (entry name, dmidecode's field)...
_SECTIONS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("bios", "BIOS Information", (
        ("vendor", "Vendor"), ("version", "Version"), ("date", "Release Date"),
        ("release", "BIOS Revision"),
    )),
    ("system", "System Information", (
        *_BOARD, ("uuid", "UUID"), ("sku", "SKU Number"), ("family", "Family"),
    )),
    ("baseBoard", "Base Board Information", (
        *_BOARD, ("asset", "Asset Tag"), ("location", "Location In Chassis"),
    )),
    ("chassis", "Chassis Information", (
        ("manufacturer", "Manufacturer"), ("version", "Version"), ("serial", "Serial Number"),
        ("asset", "Asset Tag"), ("sku", "SKU Number"),
    )),
    ("processor", "Processor Information", (
        ("socket_destination", "Socket Designation"), ("type", "Type"), ("family", "Family"),
        ("manufacturer", "Manufacturer"), ("signature", "Signature"), ("version", "Version"),
        ("external_clock", "External Clock"), ("max_speed", "Max Speed"), ("status", "Status"),
        ("serial_number", "Serial Number"), ("part_number", "Part Number"),
    )),
    ("memory_device", "Memory Device", (
        ("size", "Size"), ("form_factor", "Form Factor"), ("locator", "Locator"),
        ("bank_locator", "Bank Locator"), ("type", "Type"), ("type_detail", "Type Detail"),
        ("speed", "Speed"), ("manufacturer", "Manufacturer"), ("serial_number", "Serial Number"),
        ("part_number", "Part Number"),
    )),
)  # fmt: skip


def read() -> etree._Element:
    """<sysinfo type='smbios'>.

    :raises libvirtError: CONFIG_UNSUPPORTED when the host has no SMBIOS or it can't be read
    """
    program = next((path for path in _PROGRAMS if os.access(path, os.X_OK)), None)
    if program is None:
        raise _missing()
    try:
        done = subprocess.run(
            [program, "-q", "-t", _TYPES],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_DEADLINE,
            check=True,
            env={"LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError) as exc:
        raise _missing() from exc
    return parse(done.stdout)


def _missing() -> Exception:
    return error(
        Code.CONFIG_UNSUPPORTED, "Host SMBIOS information is not available", domain=From.QEMU
    )


def parse(text: str) -> etree._Element:
    """What dmidecode printed as <sysinfo>."""
    root = etree.Element("sysinfo", {"type": "smbios"})
    blocks = [block for block in re.split(r"\n\s*\n", text.strip()) if block]
    for tag, title, fields in _SECTIONS:
        for block in blocks:
            head, _, rest = block.partition("\n")
            if head.strip() == title:
                _section(root, tag, fields, rest)
    strings = [
        value
        for block in blocks
        if block.startswith("OEM Strings")
        for value in re.findall(r"^\s*String \d+: (.*)$", block, re.MULTILINE)
    ]
    if strings:
        parent = etree.SubElement(root, "oemStrings")
        for value in strings:
            etree.SubElement(parent, "entry").text = value.strip()
    return root


def _section(
    root: etree._Element, tag: str, fields: tuple[tuple[str, str], ...], text: str
) -> None:
    values = {
        k.strip(): v.strip()
        for k, v in re.findall(r"^\s+([^:\n]+):[ \t]*(.*)$", text, re.MULTILINE)
    }
    if tag == "memory_device" and values.get("Size") == "No Module Installed":
        return
    found = [(name, values[field]) for name, field in fields if values.get(field)]
    if not found:
        return
    parent = etree.SubElement(root, tag)
    for name, value in found:
        etree.SubElement(parent, "entry", {"name": name}).text = value
