# SPDX-License-Identifier: Apache-2.0
"""SMBIOS tables, fw_cfg entries, the generation id."""

from collections.abc import Sequence

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.context import CommandContext, escape, props
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.sysinfo import Sysinfo, SysinfoEntry

Args = list[str]


def smbios(domain: Domain, ctx: CommandContext) -> Args:
    """-smbios types 0, 1, 2, 3 and 11.

    :raises libvirtError: CONFIG_UNSUPPORTED when the host has none to show
    """
    mode = domain.os.smbios_mode
    if mode == "host":
        source = ctx.host_sysinfo
        if source is None:
            detail = "Host SMBIOS information is not available"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
        return _tables(source, skip_uuid=True)
    if mode == "sysinfo":
        source = next((info for info in domain.sysinfos if info.type == "smbios"), None)
        if source is None:
            detail = f"Domain '{domain.name}' sysinfo are not available"
            raise errors.error(Code.XML_ERROR, detail)
        return _tables(source, skip_uuid=False)
    return []


def _tables(info: Sysinfo, *, skip_uuid: bool) -> Args:
    if len(info.base_boards) > 1:
        detail = "qemu does not support more than one entry to Type 2 in SMBIOS table"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    system = [e for e in info.system if not (skip_uuid and e.name == "uuid")]
    args = _table(0, info.bios) + _table(1, system)
    for board in info.base_boards:
        args += _table(2, board.entries)
    args += _table(3, info.chassis)
    if info.oem_strings:
        words = ["type=11"] + [f"value={escape(e.text)}" for e in info.oem_strings]
        args += ["-smbios", ",".join(words)]
    return args


def _table(number: int, entries: Sequence[SysinfoEntry]) -> Args:
    if not entries:
        return []
    words = [f"type={number}"] + [f"{e.name}={escape(e.text)}" for e in entries]
    return ["-smbios", ",".join(words)]


def fw_cfg(domain: Domain) -> Args:
    """-fw_cfg."""
    args: Args = []
    for info in domain.sysinfos:
        for entry in info.entries if info.type == "fwcfg" else []:
            what = f"string={escape(entry.text)}" if entry.text else f"file={escape(entry.file)}"
            args += ["-fw_cfg", f"name={escape(entry.name)},{what}"]
    return args


def generation_id(domain: Domain) -> Args:
    """-device vmgenid."""
    if domain.genid is None:
        return []
    return ["-device", props(driver="vmgenid", guid=domain.genid, id="vmgenid0")]
