# SPDX-License-Identifier: Apache-2.0
"""Firmware, boot menu and SMBIOS (virDomainDefOSValidate, qemuValidateDomainDefBoot)."""

import re

from nova_pyvirt.hypervisors.qemu.postparse.machine import is_q35
from nova_pyvirt.hypervisors.qemu.validate.common import (
    bad_detail,
    unsupported,
    unsupported_domain,
)
from nova_pyvirt.model.boot import OS
from nova_pyvirt.model.domain import Domain

_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\Z")
_AUTO = "cannot be specified when firmware autoselection is enabled"


def check_firmware(domain: Domain) -> None:
    """:raises libvirtError: XML_DETAIL for a firmware that contradicts itself"""
    os = domain.os
    loader = os.loader
    if os.firmware:
        _automatic(os)
    else:
        if os.firmware_features:
            raise bad_detail(
                "cannot use feature-based firmware autoselection when firmware autoselection is"
                " disabled"
            )
        if (loader is not None or os.nvram is not None) and not (loader and loader.path):
            raise bad_detail("no loader path specified and firmware auto selection disabled")
    if loader is not None:
        _stateless(os)


def _has_nvram(os: OS) -> bool:
    return os.nvram is not None and bool(os.nvram.path or os.nvram.source is not None)


def _automatic(os: OS) -> None:
    loader, nvram = os.loader, os.nvram
    if loader is not None:
        if loader.readonly is not None:
            raise bad_detail(f"loader attribute 'readonly' {_AUTO}")
        if loader.type is not None:
            raise bad_detail(f"loader attribute 'type' {_AUTO}")
        if loader.path:
            raise bad_detail(f"loader path {_AUTO}")
    if nvram is not None and nvram.template is not None:
        raise bad_detail(f"nvram attribute 'template' {_AUTO}")
    if loader is not None and loader.secure is False:
        raise bad_detail(f"loader attribute 'secure' {_AUTO}")
    if _has_nvram(os) and os.firmware != "efi":
        raise bad_detail(f"firmware type '{os.firmware}' does not support nvram")


def _stateless(os: OS) -> None:
    if os.loader.stateless is True:
        if os.nvram is not None and os.nvram.template is not None:
            raise bad_detail("NVRAM template is not permitted when loader is stateless")
        if _has_nvram(os):
            raise bad_detail("NVRAM is not permitted when loader is stateless")
    elif os.loader.stateless is False:
        if os.firmware is None and os.loader.type != "pflash":
            raise bad_detail("Only pflash loader type permits NVRAM")
        if os.firmware not in (None, "efi"):
            raise bad_detail("Only EFI firmware permits NVRAM")


def check(domain: Domain) -> None:
    """:raises libvirtError: CONFIG_UNSUPPORTED, XML_DETAIL"""
    os = domain.os
    if os.loader is not None and os.loader.secure:
        if not is_q35(domain):
            raise unsupported("Secure boot is supported with q35 machine types only")
        if os.arch != "x86_64":
            raise unsupported("Secure boot is supported for x86_64 architecture only")
        smm = domain.features is not None and domain.features.smm
        if os.firmware is None and not smm:
            raise unsupported("Secure boot requires SMM feature enabled")
    if os.bootmenu_timeout is not None and os.bootmenu_timeout > 65535:
        raise unsupported_domain("invalid value for boot menu timeout, must be in range [0,65535]")
    if os.reboot_timeout is not None and not -1 <= os.reboot_timeout <= 65535:
        raise unsupported_domain("invalid value for rebootTimeout, must be in range [-1,65535]")


def check_smbios(domain: Domain) -> None:
    """:raises libvirtError: XML_DETAIL for tables that contradict the domain"""
    for info in domain.sysinfos:
        if info.type == "fwcfg":
            for entry in info.entries:
                if not entry.name.startswith("opt/"):
                    raise unsupported("Invalid firmware name")
                if entry.name.startswith(("opt/ovmf/", "opt/org.qemu/")):
                    raise unsupported("That firmware name is reserved")
            continue
        date = info.value("bios", "date")
        if date is not None:
            _date(date)


def _date(text: str) -> None:
    """month/day/year, the year with two digits or four."""
    match = _DATE.match(text)
    if match is None:
        raise bad_detail("Invalid BIOS 'date' format")
    month, day, year = (int(part) for part in match.groups())
    if not (1 <= month <= 12 and 1 <= day <= 31 and (year < 100 or 1900 <= year)):
        raise bad_detail("Invalid BIOS 'date' format")
