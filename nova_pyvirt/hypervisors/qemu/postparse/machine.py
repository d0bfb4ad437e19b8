# SPDX-License-Identifier: Apache-2.0
"""Which kind of machine a domain has."""

from nova_pyvirt.model.domain import Domain


def is_q35(domain: Domain) -> bool:
    """Is the machine a PCI Express one?"""
    machine: str = domain.os.machine
    return machine == "q35" or machine.startswith("pc-q35-")


def is_i440fx(domain: Domain) -> bool:
    """Is the machine a PC with conventional PCI?"""
    machine: str = domain.os.machine
    return machine == "pc" or machine.startswith(("pc-i440fx-", "pc-0.", "pc-1.", "rhel"))


def old_style_uefi(domain: Domain) -> bool:
    """Is a UEFI image named, as flash?"""
    loader = domain.os.loader
    return loader is not None and loader.type == "pflash" and bool(loader.path)


def read_only_uefi(domain: Domain) -> bool:
    """Is a UEFI image named whose variables are elsewhere?"""
    return old_style_uefi(domain) and domain.os.loader.readonly is True
