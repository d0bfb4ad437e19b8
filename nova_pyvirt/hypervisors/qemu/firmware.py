# SPDX-License-Identifier: Apache-2.0
"""Choosing firmware for a guest that starts (qemuFirmwareFillDomain)."""

from collections.abc import Sequence

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.caps.firmware import Firmware
from nova_pyvirt.hypervisors.qemu.postparse import read_only_uefi
from nova_pyvirt.model.boot import Loader, Nvram
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.features import Features

_SEV_ES = 1 << 2


def fill(
    domain: Domain,
    found: Sequence[Firmware],
    nvram_dir: str,
    loaders: Sequence[tuple[str, str]] = (),
) -> None:
    """Names the image, and the template of its variables, that the first fitting descriptor has.

    :param loaders: images and templates for images that no descriptor knows
    :raises libvirtError: OPERATION_FAILED when nothing fits; OPERATION_INVALID when the image needs
        what the definition switches off
    """
    os = domain.os
    if os.firmware is None:
        template_wanted = read_only_uefi(domain) and not (os.nvram and os.nvram.template)
        if not template_wanted or (os.nvram is not None and not os.nvram.file):
            return
    for firmware in found:
        if _fits(domain, firmware):
            _use(domain, firmware, nvram_dir)
            return
    if os.firmware is not None:
        detail = f"Unable to find any firmware to satisfy '{os.firmware}'"
        raise errors.error(Code.OPERATION_FAILED, detail)
    template = dict(loaders).get(os.loader.path)
    if template is not None and os.nvram is not None:
        os.nvram.template = template


def _fits(domain: Domain, firmware: Firmware) -> bool:
    os = domain.os
    want = {"efi": "uefi", "bios": "bios"}.get(os.firmware)
    if want is None:
        want = "uefi"
        if firmware.device != "flash" or firmware.executable != os.loader.path:
            return False
    if want not in firmware.interfaces or not firmware.serves(os.machine, os.arch):
        return False
    if domain.suspend_to_mem and "acpi-s3" not in firmware.features:
        return False
    if domain.suspend_to_disk and "acpi-s4" not in firmware.features:
        return False
    return _secure(domain, firmware) and _state(domain, firmware) and _encrypted(domain, firmware)


def _secure(domain: Domain, firmware: Firmware) -> bool:
    for feature in domain.os.firmware_features:
        if feature.enabled != (feature.name in firmware.features):
            return False
    loader = domain.os.loader
    return not (loader is not None and loader.secure and "requires-smm" not in firmware.features)


def _state(domain: Domain, firmware: Firmware) -> bool:
    if firmware.device != "flash":
        return True
    stateless = domain.os.loader is not None and domain.os.loader.stateless is True
    return firmware.mode == ("stateless" if stateless else "split")


def _encrypted(domain: Domain, firmware: Firmware) -> bool:
    security = domain.launch_security
    if security is None or security.type != "sev":
        return True
    if "amd-sev" not in firmware.features:
        return False
    return not security.policy & _SEV_ES or "amd-sev-es" in firmware.features


def _use(domain: Domain, firmware: Firmware, nvram_dir: str) -> None:
    os = domain.os
    if firmware.device == "flash":
        _flash(domain, firmware, nvram_dir)
    elif firmware.device == "kernel":
        os.kernel = firmware.executable
    elif firmware.device == "memory":
        os.loader = os.loader or Loader()
        os.loader.type, os.loader.path = "rom", firmware.executable
    if "requires-smm" in firmware.features:
        features = domain.features = domain.features or Features()
        if features.smm is False:
            detail = "domain has SMM turned off but chosen firmware requires it"
            raise errors.error(Code.OPERATION_INVALID, detail)
        features.smm = True
        os.loader = os.loader or Loader()
        os.loader.secure = True
    os.firmware, os.firmware_features = None, []


def _flash(domain: Domain, firmware: Firmware, nvram_dir: str) -> None:
    os = domain.os
    if firmware.executable_format != "raw":
        detail = f"unsupported flash format '{firmware.executable_format}'"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
    loader = os.loader = os.loader or Loader()
    loader.type, loader.readonly, loader.path = "pflash", True, firmware.executable
    if firmware.mode != "split":
        return
    if firmware.nvram_format != "raw":
        detail = f"unsupported nvram template format '{firmware.nvram_format}'"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
    nvram = os.nvram = os.nvram or Nvram()
    nvram.template = firmware.nvram_template
    if not nvram.path and nvram.source is None:
        nvram.path = f"{nvram_dir}/{domain.name}_VARS.fd"
