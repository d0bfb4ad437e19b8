# SPDX-License-Identifier: Apache-2.0
"""<sysinfo>: SMBIOS tables and fw_cfg entries."""

from typing import Self

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.kinds import enum
from nova_pyvirt.model.xmlbind import Context, Element, children, field

#: entries of each table in libvirt's order
BIOS = ("vendor", "version", "date", "release")
SYSTEM = ("manufacturer", "product", "version", "serial", "uuid", "sku", "family")
BASE_BOARD = ("manufacturer", "product", "version", "serial", "asset", "location")
CHASSIS = ("manufacturer", "version", "serial", "asset", "sku")


class SysinfoEntry(Element):
    """<entry>."""

    TAG = "entry"
    name = field("@name")
    file = field("@file")
    text = field(".", blank=False)

    def before_format(self, ctx: Context) -> Self:
        if self.text == "":
            shown = self.copy()
            shown.text = None
            return shown
        return self


class BaseBoard(Element):
    """<baseBoard>: there may be several."""

    TAG = "baseBoard"
    entries = children("entry", SysinfoEntry)

    def after_parse(self, node: etree._Element) -> None:
        self.entries = known(self.entries, BASE_BOARD)


def known(entries: list[SysinfoEntry], names: tuple[str, ...]) -> list[SysinfoEntry]:
    """The entries with these names, in their order; the first of each counts, empty ones don't."""
    found: dict[str, SysinfoEntry] = {}
    for entry in entries:
        if entry.name in names and entry.text:
            found.setdefault(entry.name, entry)
    return [found[name] for name in names if name in found]


class Sysinfo(Element):
    """<sysinfo>."""

    TAG = "sysinfo"
    type = field("@type", enum("smbios", "fwcfg"), required=True)
    bios = children("bios/entry", SysinfoEntry)
    system = children("system/entry", SysinfoEntry)
    base_boards = children("baseBoard", BaseBoard)
    chassis = children("chassis/entry", SysinfoEntry)
    oem_strings = children("oemStrings/entry", SysinfoEntry)
    entries = children("entry", SysinfoEntry)

    def after_parse(self, node: etree._Element) -> None:
        if self.type == "fwcfg":
            self._check_fwcfg()
            return
        self.entries = []
        self.bios = known(self.bios, BIOS)
        self.system = known(self.system, SYSTEM)
        self.chassis = known(self.chassis, CHASSIS)

    def _check_fwcfg(self) -> None:
        for entry in self.entries:
            if not entry.name:
                raise _refused("Firmware entry is missing 'name' attribute")
            if entry.text and entry.file:
                raise _refused(f"firmware entry '{entry.name}' can have either text or 'file'")
            if not entry.text and not entry.file:
                raise _refused("Firmware entry must have either value or 'file' attribute")

    def value(self, table: str, name: str) -> str | None:
        """The text of an entry, e.g. of table "system"."""
        for entry in self.__dict__[table]:
            if entry.name == name:
                return str(entry.text)
        return None


def _refused(detail: str) -> errors.libvirtError:
    return errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
