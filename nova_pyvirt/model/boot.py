# SPDX-License-Identifier: Apache-2.0
"""What a domain boots: <os>, firmware, kernel, boot order."""

from typing import Self

from lxml import etree

from nova_pyvirt.errors import Code
from nova_pyvirt.model.devices.disk import DiskSource
from nova_pyvirt.model.kinds import YES_NO, Int, Value, Word, enum, uint
from nova_pyvirt.model.xmlbind import Context, Element, child, children, field


class BootDevice(Element):
    """<boot dev=>."""

    TAG = "boot"
    dev = field(
        "@dev",
        Word("unknown boot device '%s'", "fd", "hd", "cdrom", "network", code=Code.XML_ERROR),
    )


class Loader(Element):
    """<loader>: the firmware's code."""

    TAG = "loader"
    KEEP = False
    readonly = field("@readonly", YES_NO)
    secure = field("@secure", YES_NO)
    type = field("@type", enum("rom", "pflash"))
    stateless = field("@stateless", YES_NO)
    path = field(".")

    def after_parse(self, node: etree._Element) -> None:
        self.path = self.path or None


class Nvram(Element):
    """<nvram>: the guest's own UEFI variables, a path or (with a type) a source."""

    TAG = "nvram"
    KEEP = False
    template = field("@template")
    type = field("@type", enum("file", "block", "network"))
    path = field(".")
    source = child("source", DiskSource)

    def after_parse(self, node: etree._Element) -> None:
        if self.type is not None or not self.path:
            self.path = None

    @property
    def file(self) -> str | None:
        """Where the variables are on this host; None when they are elsewhere."""
        if self.path:
            return str(self.path)
        found: str | None = (self.source.file or self.source.dev) if self.source else None
        return found


class FirmwareFeature(Element):
    """<firmware><feature>: what an automatically chosen firmware must have."""

    TAG = "feature"
    enabled = field("@enabled", YES_NO)
    name = field("@name", enum("enrolled-keys", "secure-boot"))


class ACPITable(Element):
    """<acpi><table type='slic'>."""

    TAG = "table"
    type = field("@type", enum("slic"))
    path = field(".")


class OS(Element):
    """<os>."""

    TAG = "os"
    firmware = field("@firmware", enum("bios", "efi"))
    arch = field("type/@arch")
    machine = field("type/@machine")
    type = field("type")
    firmware_features = children("firmware/feature", FirmwareFeature)
    loader = child("loader", Loader)
    nvram = child("nvram", Nvram)
    kernel = field("kernel")
    initrd = field("initrd")
    cmdline = field("cmdline")
    dtb = field("dtb")
    acpi_tables = children("acpi/table", ACPITable)
    boots = children("boot", BootDevice)
    bootmenu = field("bootmenu/@enable", YES_NO)
    bootmenu_timeout = field("bootmenu/@timeout", uint())
    bios_useserial = field("bios/@useserial", YES_NO)
    reboot_timeout = field(
        "bios/@rebootTimeout",
        Value("invalid value for rebootTimeout, must be in range [-1,65535]", Int()),
    )
    smbios_mode = field("smbios/@mode", enum("emulate", "host", "sysinfo"))

    def after_parse(self, node: etree._Element) -> None:
        for name in ("kernel", "initrd", "cmdline", "dtb"):
            if self.__dict__.get(name) == "":
                self.__dict__[name] = None

    def before_format(self, ctx: Context) -> Self:
        """Firmware features come in libvirt's own order."""
        self.firmware_features.sort(key=lambda f: f.name or "")
        return self
