# SPDX-License-Identifier: Apache-2.0
"""What a domain boots: <os>, firmware, kernel, boot order."""

from typing import Self

from lxml import etree

from nova_pyvirt.errors import Code
from nova_pyvirt.model.devices.disk import DiskSource
from nova_pyvirt.model.kinds import YES_NO, Int, Refusal, Word, enum, uint
from nova_pyvirt.model.xmlbind import Context, Element, child, children, field


class BootDevice(Element):
    """<boot dev=>."""

    TAG = "boot"
    dev = field("@dev", enum("fd", "hd", "cdrom", "network"), required=True)


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
        if self.type is not None and self.source is None:
            raise Refusal("missing 'source' element of nvram").error()
        if self.type is None:
            self.source = None
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
    enabled = field("@enabled", YES_NO, required=True)
    name = field("@name", enum("enrolled-keys", "secure-boot"), required=True)


class ACPITable(Element):
    """<acpi><table type='slic'>."""

    TAG = "table"
    type = field(
        "@type",
        Word("Unknown acpi table type: %s", "slic", code=Code.XML_ERROR),
        required=Refusal("Missing acpi table type"),
    )
    path = field(".", blank=False)


#: libvirt's names of architectures
_ARCHES = (
    "alpha armv6l armv7l armv7b aarch64 cris i686 ia64 lm32 m68k microblaze microblazeel mips mipsel"
    " mips64 mips64el or32 parisc parisc64 ppc ppc64 ppc64le ppcemb riscv32 riscv64 s390 s390x sh4"
    " sh4eb sparc sparc64 unicore32 x86_64 xtensa xtensaeb loongarch64".split()
)
_TYPES = ("hvm", "xen", "linux", "exe", "uml", "xenpvh")


class OS(Element):
    """<os>."""

    TAG = "os"
    firmware = field(
        "@firmware",
        Word("unknown firmware value %s", "bios", "efi", code=Code.XML_ERROR),
        blank=True,
    )
    arch = field("type/@arch", Word("Unknown architecture %s", *_ARCHES), blank=True)
    machine = field("type/@machine", blank=True)
    type = field("type", Word("unknown OS type '%s'", *_TYPES))
    firmware_features = children("firmware/feature", FirmwareFeature)
    loader = child("loader", Loader)
    nvram = child("nvram", Nvram)
    kernel = field("kernel")
    initrd = field("initrd")
    cmdline = field("cmdline")
    dtb = field("dtb")
    acpi_tables = children(
        "acpi/table", ACPITable, once=Refusal("Only one acpi table is supported")
    )
    boots = children("boot", BootDevice)
    bootmenu = field("bootmenu/@enable", YES_NO)
    bootmenu_timeout = field("bootmenu/@timeout")
    bios_useserial = field("bios/@useserial", YES_NO)
    reboot_timeout = field("bios/@rebootTimeout", Int())
    smbios_mode = field(
        "smbios/@mode",
        Word("unknown smbios mode '%s'", "none", "emulate", "host", "sysinfo"),
        blank=True,
    )

    def after_parse(self, node: etree._Element) -> None:
        if len(self.acpi_tables) > 1:
            raise Refusal("Only one acpi table is supported").error()
        if self.bootmenu is not True:
            self.bootmenu_timeout = None
        elif self.bootmenu_timeout is not None:
            self.bootmenu_timeout = uint().parse(self.bootmenu_timeout, "timeout", "bootmenu")

    def before_format(self, ctx: Context) -> Self:
        """Firmware features come in libvirt's own order."""
        self.firmware_features.sort(key=lambda f: f.name or "")
        return self
