# SPDX-License-Identifier: Apache-2.0
"""What test:///default starts with: libvirt's own default objects, so that users' tests find
them.
"""

from typing import Final

DOMAIN: Final = """\
<domain type='test'>
  <name>test</name>
  <uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid>
  <memory unit='KiB'>8388608</memory>
  <currentMemory unit='KiB'>2097152</currentMemory>
  <vcpu placement='static'>2</vcpu>
  <os>
    <type arch='i686'>hvm</type>
    <boot dev='hd'/>
  </os>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <disk type='file' device='disk'>
      <source file='/guest/diskimage1'/>
      <target dev='vda' bus='virtio'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </disk>
    <interface type='network'>
      <mac address='aa:bb:cc:dd:ee:ff'/>
      <source network='default'/>
      <target dev='testnet0'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0'/>
    </interface>
    <memballoon model='virtio'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0'/>
    </memballoon>
  </devices>
</domain>
"""
NETWORK: Final = """\
<network>
  <name>default</name>
  <uuid>dd8fe884-6c02-601e-7551-cca97df1c5df</uuid>
  <forward mode='nat'/>
  <bridge name='virbr0' stp='on' delay='0'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='192.168.122.2' end='192.168.122.254'/>
    </dhcp>
  </ip>
</network>
"""
POOL: Final = """\
<pool type='dir'>
  <name>default-pool</name>
  <uuid>dfe224cb-28fb-8dd0-c4b2-64eb3f0f4566</uuid>
  <capacity unit='bytes'>107374182400</capacity>
  <allocation unit='bytes'>0</allocation>
  <available unit='bytes'>107374182400</available>
  <source>
  </source>
  <target>
    <path>/default-pool</path>
  </target>
</pool>
"""
INTERFACE: Final = """\
<interface type='ethernet' name='eth1'>
  <start mode='onboot'/>
  <mtu size='1492'/>
  <protocol family='ipv4'>
    <ip address='192.168.0.5' prefix='24'/>
    <route gateway='192.168.0.1'/>
  </protocol>
  <mac address='aa:bb:cc:dd:ee:ff'/>
</interface>
"""
DEVICE: Final = """\
<device>
  <name>computer</name>
  <capability type='system'>
    <hardware>
      <vendor>Libvirt</vendor>
      <version>Test driver</version>
      <serial>123456</serial>
      <uuid>11111111-2222-3333-4444-555555555555</uuid>
    </hardware>
    <firmware>
      <vendor>Libvirt</vendor>
      <version>Test Driver</version>
      <release_date>01/22/2007</release_date>
    </firmware>
  </capability>
</device>
"""

SCSI_HOSTS: Final = (
    (11, "scsi_host1", 10, "2000000034563456", "1000000034563456", "2000000043214321"),
    (2, "computer", 1, "2000000056785678", "1000000056785678", "2000000087658765"),
    (1, "computer", 0, "2000000012341234", "1000000012341234", "2000000043214321"),
)


def scsi_host(row: tuple[int, str, int, str, str, str]) -> str:
    """A SCSI host's document; those of the computer's own can have virtual ones."""
    number, parent, unique, wwnn, wwpn, fabric = row
    ports = ""
    if parent == "computer":
        ports = (
            "<capability type='vport_ops'><max_vports>0</max_vports><vports>0</vports></capability>"
        )
    return (
        f"<device><name>scsi_host{number}</name><parent>{parent}</parent>"
        f"<capability type='scsi_host'><host>{number}</host><unique_id>{unique}</unique_id>"
        f"<capability type='fc_host'><wwnn>{wwnn}</wwnn><wwpn>{wwpn}</wwpn>"
        f"<fabric_wwn>{fabric}</fabric_wwn></capability>{ports}</capability></device>"
    )


LOGICAL_SOURCES: Final = """\
<sources>
  <source>
    <device path='/dev/sda20'/>
    <name>testvg1</name>
    <format type='lvm2'/>
  </source>
  <source>
    <device path='/dev/sda21'/>
    <name>testvg2</name>
    <format type='lvm2'/>
  </source>
</sources>
"""
NETFS_SOURCES: Final = """\
<sources>
  <source>
    <host name='{host}'/>
    <dir path='/testshare'/>
    <format type='nfs'/>
  </source>
</sources>
"""
SYSINFO: Final = """\
<sysinfo type='smbios'>
  <bios>
    <entry name='vendor'>LENOVO</entry>
    <entry name='version'>G4ETA1WW (2.61 )</entry>
    <entry name='date'>05/07/2014</entry>
    <entry name='release'>2.61</entry>
  </bios>
</sysinfo>
"""
#: capacity of every pool, bytes
POOL_CAPACITY: Final = 107374182400
#: of the host's CPUs, ns
CPU_STATS: Final = {
    "user": 9797400000, "kernel": 34678723400000, "idle": 87264900000, "iowait": 763600000,
}  # fmt: skip

HOSTNAME: Final = "vm"
#: KiB of each NUMA cell
CELLS: Final = (2097152, 4194304)
CPUS_PER_CELL: Final = 8
LIB_VERSION: Final = 9_000_000
HV_VERSION: Final = 2
MAX_VCPUS: Final = 32


def capabilities() -> str:
    """The host's capabilities document."""
    cells = []
    for cell, size in enumerate(CELLS):
        page = 4 if cell == 0 else 8
        first = cell * CPUS_PER_CELL
        cpus = "".join(
            f"            <cpu id='{first + i}' socket_id='{cell}' die_id='0' core_id='{i}'"
            f" siblings='{first + i}'/>\n"
            for i in range(CPUS_PER_CELL)
        )
        cells.append(
            f"        <cell id='{cell}'>\n          <memory unit='KiB'>{size}</memory>\n"
            f"          <pages unit='KiB' size='{page}'>524288</pages>\n"
            "          <pages unit='KiB' size='2048'>0</pages>\n"
            "          <pages unit='KiB' size='1048576'>0</pages>\n"
            f"          <cpus num='{CPUS_PER_CELL}'>\n{cpus}          </cpus>\n        </cell>\n"
        )
    pages = "".join(f"      <pages unit='KiB' size='{s}'/>\n" for s in (4, 8, 2048, 1048576))
    guests = "".join(_guest(os_type) for os_type in ("hvm", "xen"))
    return (
        "<capabilities>\n\n  <host>\n    <cpu>\n      <arch>i686</arch>\n      <features>\n"
        f"        <pae/>\n        <nonpae/>\n      </features>\n{pages}    </cpu>\n"
        "    <power_management/>\n    <iommu support='no'/>\n    <topology>\n"
        f"      <cells num='{len(CELLS)}'>\n{''.join(cells)}      </cells>\n    </topology>\n"
        "    <secmodel>\n      <model>testSecurity</model>\n      <doi></doi>\n    </secmodel>\n"
        f"  </host>\n\n{guests}</capabilities>\n"
    )


def _guest(os_type: str) -> str:
    return (
        f"  <guest>\n    <os_type>{os_type}</os_type>\n    <arch name='i686'>\n"
        "      <wordsize>32</wordsize>\n      <emulator>/usr/bin/test-hv</emulator>\n"
        "      <domain type='test'/>\n    </arch>\n    <features>\n      <pae/>\n"
        "      <nonpae/>\n    </features>\n  </guest>\n\n"
    )
