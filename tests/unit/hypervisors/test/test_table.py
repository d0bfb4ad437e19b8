# SPDX-License-Identifier: Apache-2.0
"""The in-memory hypervisor itself; what libvirt's own test:///default answers is the measure."""

import os
import tempfile
from typing import Any

from nova_pyvirt.core.registry import AuthSpec
from nova_pyvirt.core.stream import Stream
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.test import TestTable, open_table
from tests.base import TestCase

XML = (
    "<domain type='test'><name>%s</name><memory>1024</memory><vcpu>2</vcpu>"
    "<os><type>hvm</type></os></domain>"
)
LIVE, CONFIG, MAXIMUM = 1, 2, 4


class Case(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.table: TestTable = open_table("test:///default", 0)
        self.addCleanup(self.table.close)
        self.dom = self.table.domain_lookup_by_name("test")
        self.events: list[tuple[str, int, int]] = []
        self.table.connect_domain_event_register_any(
            None, 0, lambda ref, event, detail: self.events.append((ref.name, event, detail))
        )

    def refused(self, code: Code, slot: str, *args: object) -> str:
        with self.assertRaises(libvirtError) as caught:
            getattr(self.table, slot)(*args)
        self.assertEqual(code, caught.exception.get_error_code())
        return str(caught.exception)

    def told(self, name: str) -> list[tuple[int, int]]:
        return [(event, detail) for who, event, detail in self.events if who == name]


class DomainTest(Case):
    def test_the_default_guest(self) -> None:
        self.assertEqual("6695eb01f6a4830479aa97f2502e193f", self.dom.uuid.hex())
        self.assertEqual((1, 8388608, 2097152, 2), self.table.domain_get_info(self.dom)[:4])
        self.assertIn("<domain type='test' id='1'>", self.table.domain_get_xml_desc(self.dom, 0))
        self.assertNotIn(" id=", self.table.domain_get_xml_desc(self.dom, 2))

    def test_life(self) -> None:
        dom = self.table.domain_define_xml(XML % "a")
        self.assertEqual((5, 0), self.table.domain_get_state(dom, 0))
        self.refused(Code.OPERATION_INVALID, "domain_destroy", dom)
        self.refused(Code.INVALID_ARG, "domain_create_with_flags", dom, 1)
        self.table.domain_create(dom)
        self.refused(Code.INTERNAL_ERROR, "domain_create", dom)
        self.table.domain_suspend(dom)
        self.assertEqual((3, 1), self.table.domain_get_state(dom, 0))
        self.refused(Code.INTERNAL_ERROR, "domain_suspend", dom)
        self.table.domain_resume(dom)
        self.table.domain_managed_save(dom, 0)
        self.assertEqual(1, self.table.domain_has_managed_save_image(dom, 0))
        self.refused(Code.OPERATION_INVALID, "domain_undefine", dom)
        self.table.domain_create(dom)
        self.table.domain_reboot(dom, 0)
        self.table.domain_shutdown(dom)
        self.table.domain_undefine(dom)
        self.refused(Code.NO_DOMAIN, "domain_lookup_by_name", "a")
        self.assertEqual(
            [(0, 0), (2, 0), (3, 0), (4, 0), (5, 4), (2, 0), (5, 0), (1, 0)], self.told("a")
        )

    def test_transient_domains_vanish(self) -> None:
        dom = self.table.domain_create_xml(XML % "t", 0)
        self.assertEqual(0, self.table.domain_is_persistent(dom))
        self.refused(Code.OPERATION_INVALID, "domain_managed_save", dom, 0)
        self.table.domain_destroy(dom)
        self.refused(Code.NO_DOMAIN, "domain_lookup_by_uuid", dom.uuid)

    def test_a_run_with_another_definition(self) -> None:
        dom = self.table.domain_define_xml(XML % "b")
        uuid = self.table.domain_get_xml_desc(dom, 0).split("<uuid>")[1][:36]
        other = (XML % "b").replace("<memory>1024", f"<uuid>{uuid}</uuid><memory>2048")
        run = self.table.domain_create_xml(other, 0)
        self.assertEqual(2048, self.table.domain_get_max_memory(run))
        self.refused(Code.OPERATION_INVALID, "domain_create_xml", other, 0)
        self.table.domain_destroy(run)
        self.assertEqual(1024, self.table.domain_get_max_memory(dom))

    def test_live_and_config(self) -> None:
        dom = self.table.domain_create(self.table.domain_define_xml(XML % "b"))
        self.table.domain_set_vcpus_flags(dom, 1, LIVE)
        self.assertEqual(1, self.table.domain_get_vcpus_flags(dom, LIVE))
        self.assertEqual(2, self.table.domain_get_vcpus_flags(dom, CONFIG))
        self.table.domain_set_vcpus_flags(dom, 4, CONFIG | MAXIMUM)
        self.assertEqual(2, self.table.domain_get_vcpus_flags(dom, CONFIG))
        self.refused(Code.OPERATION_INVALID, "domain_set_max_memory", dom, 4096)
        self.refused(Code.INVALID_ARG, "domain_get_vcpus_flags", dom, LIVE | CONFIG)
        self.refused(Code.INVALID_ARG, "domain_set_vcpus_flags", dom, 40, CONFIG | MAXIMUM)
        self.table.domain_destroy(dom)
        self.assertEqual(4, self.table.domain_get_vcpus_flags(dom, CONFIG | MAXIMUM))

    def test_defaults_that_libvirt_adds(self) -> None:
        devices = (
            "<devices><disk type='file' device='cdrom'><target dev='hdc'/></disk>"
            "<interface type='network'><source network='default'/></interface>"
            "<serial type='pty'/><graphics type='vnc'/></devices>"
        )
        dom = self.table.domain_define_xml((XML % "d").replace("</domain>", devices + "</domain>"))
        xml = self.table.domain_get_xml_desc(dom, 0)
        for part in (
            "<type arch='i686'>hvm</type>",
            "<target dev='hdc' bus='ide'/>\n      <readonly/>",
            "<controller type='ide' index='0'/>",
            "<target dev='testnet0'/>",
            "<target type='serial' port='0'/>",
            "<listen type='address'/>",
            "<clock offset='utc'/>",
        ):
            self.assertIn(part, xml)
        self.assertNotIn("driver", xml)

    def test_bad_documents(self) -> None:
        for xml, code in (
            ("", Code.XML_DETAIL),
            ("<domain", Code.XML_DETAIL),
            ("<network/>", Code.XML_ERROR),
            ("<domain type='test'><memory>1</memory></domain>", Code.NO_NAME),
            ("<domain type='test'><name>x</name></domain>", Code.XML_ERROR),
            (XML % "a/b", Code.XML_ERROR),
            ((XML % "x").replace("<vcpu>2", "<vcpu>-5"), Code.XML_ERROR),
            ((XML % "x").replace("1024", "abc"), Code.XML_ERROR),
            ("<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>" + XML % "&e;", Code.NO_NAME),
        ):
            with self.subTest(xml), self.assertRaises(libvirtError) as caught:
                self.table.domain_define_xml(xml)
            with self.subTest(xml):
                self.assertEqual(code, caught.exception.get_error_code())
        self.assertEqual([], self.table.connect_list_defined_domains())

    def test_rename(self) -> None:
        dom = self.table.domain_define_xml(XML % "old")
        self.refused(Code.OPERATION_INVALID, "domain_rename", self.dom, "x", 0)
        self.refused(Code.OPERATION_INVALID, "domain_rename", dom, "test", 0)
        self.table.domain_rename(dom, "new", 0)
        self.assertEqual(dom.uuid, self.table.domain_lookup_by_name("new").uuid)
        self.refused(Code.NO_DOMAIN, "domain_lookup_by_name", "old")
        self.assertEqual([(0, 2)], self.told("new"))

    def test_metadata(self) -> None:
        seen: list[Any] = []
        self.table.connect_domain_event_register_any(None, 23, lambda *args: seen.append(args[1:]))
        self.table.domain_set_metadata(self.dom, 1, "a title", None, None, 0)
        self.table.domain_set_metadata(self.dom, 2, "<a/>", "k", "http://x/y", 0)
        self.assertEqual("a title", self.table.domain_get_metadata(self.dom, 1, None, LIVE))
        self.assertEqual("<a/>", self.table.domain_get_metadata(self.dom, 2, "http://x/y", 0))
        self.refused(Code.NO_DOMAIN_METADATA, "domain_get_metadata", self.dom, 1, None, CONFIG)
        self.assertEqual([(1, None), (2, "http://x/y")], seen)

    def test_saved_to_a_file(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = f"{directory}/saved"
            self.table.domain_save(self.dom, path)
            self.assertEqual((5, 5), self.table.domain_get_state(self.dom, 0))
            self.assertIn("<name>test</name>", self.table.domain_save_image_get_xml_desc(path, 0))
            self.table.domain_restore(path)
            self.assertEqual((1, 3), self.table.domain_get_state(self.dom, 0))
            with open(path, "r+b") as file:
                file.write(b"x")
            self.refused(Code.INTERNAL_ERROR, "domain_restore", path)
            self.refused(Code.SYSTEM_ERROR, "domain_restore", f"{path}2")

    def test_tuning(self) -> None:
        table, dom = self.table, self.dom
        self.refused(
            Code.INVALID_ARG, "domain_set_memory_parameters", dom,
            {"hard_limit": 200, "swap_hard_limit": 100}, 0,
        )  # fmt: skip
        table.domain_set_memory_parameters(dom, {"hard_limit": 100}, 0)
        self.assertEqual(100, table.domain_get_memory_parameters(dom, 0)["hard_limit"])
        table.domain_set_numa_parameters(dom, {"numa_nodeset": "0,1"}, 0)
        self.assertEqual("0-1", table.domain_get_numa_parameters(dom, 0)["numa_nodeset"])
        table.domain_set_interface_parameters(dom, "testnet0", {"inbound.average": 5}, 0)
        got = table.domain_get_interface_parameters(dom, "testnet0", 0)
        self.assertEqual((5, 0), (got["inbound.average"], got["outbound.average"]))
        self.refused(Code.INVALID_ARG, "domain_get_block_io_tune", dom, "vdz", 0)
        limits = {"total_bytes_sec": 1, "read_bytes_sec": 1}
        self.refused(Code.INVALID_ARG, "domain_set_block_io_tune", dom, "vda", limits, 0)
        table.domain_set_perf_events(dom, {"cmt": True}, 0)
        self.assertIn("<event name='cmt' enabled='yes'/>", table.domain_get_xml_desc(dom, 0))
        table.domain_pin_vcpu(dom, 1, b"\x05")
        self.assertEqual([b"\xff\xff", b"\x05\x00"], table.domain_get_vcpu_pin_info(dom, 0))
        self.refused(Code.INVALID_ARG, "domain_pin_vcpu", dom, 2, b"\x01")
        self.assertIn("<vcpupin vcpu='1' cpuset='0,2'/>", table.domain_get_xml_desc(dom, 0))

    def test_io_threads(self) -> None:
        self.table.domain_add_io_thread(self.dom, 3, 0)
        self.refused(Code.INVALID_ARG, "domain_add_io_thread", self.dom, 3, 0)
        self.assertEqual([(3, b"\x03")], self.table.domain_get_io_thread_info(self.dom, 0))
        ((_, stats),) = self.table.connect_get_all_domain_stats([self.dom], 0, 0)
        self.assertEqual(1, stats["iothread.count"])
        self.table.domain_del_io_thread(self.dom, 3, 0)
        self.refused(Code.INVALID_ARG, "domain_del_io_thread", self.dom, 3, 0)

    def test_what_the_guest_tells(self) -> None:
        table, dom = self.table, self.dom
        self.assertEqual("testhost", table.domain_get_hostname(dom, 0))
        self.assertEqual(["/", "/boot"], [fs[0] for fs in table.domain_get_fs_info(dom, 0)])
        self.assertEqual(1, table.domain_fs_freeze(dom, ["/"], 0))
        self.assertEqual(1, table.domain_fs_freeze(dom, [], 0))
        self.assertEqual(2, table.domain_fs_thaw(dom, [], 0))
        self.refused(Code.OPERATION_INVALID, "domain_fs_trim", dom, "/nope", 0, 0)
        ((name, _, addresses),) = table.domain_interface_addresses(dom, 0, 0)
        self.assertEqual(("testnet0", [(0, "192.168.122.3", 24)]), (name, addresses))
        table.domain_set_time(dom, 20000, 5, 0)
        self.assertEqual((20000, 5), table.domain_get_time(dom, 0))
        self.assertEqual((2, 0, 10000), table.domain_get_control_info(dom, 0))
        stream = Stream()
        self.assertEqual("image/png", table.domain_screenshot(dom, stream, 0, 0))
        assert stream.driver is not None
        self.assertEqual(b"\x89PNG", stream.driver.recv(4))

    def test_the_host_is_forgotten_with_its_last_user(self) -> None:
        dom = self.table.domain_define_xml(XML % "gone")
        other = open_table("test:///default", 0)
        self.assertIn(dom, other.connect_list_all_domains(0))
        other.close()
        self.table.close()
        fresh = open_table("test:///default", 0)
        self.addCleanup(fresh.close)
        self.assertEqual([], fresh.connect_list_defined_domains())


class MomentTest(Case):
    """Snapshots and checkpoints."""

    def snap(self, name: str, flags: int = 0) -> Any:
        xml = f"<domainsnapshot><name>{name}</name></domainsnapshot>"
        return self.table.domain_snapshot_create_xml(self.dom, xml, flags)

    def test_tree(self) -> None:
        one, two = self.snap("one"), self.snap("two")
        self.refused(Code.OPERATION_FAILED, "domain_snapshot_create_xml", self.dom,
                     "<domainsnapshot><name>one</name></domainsnapshot>", 0)  # fmt: skip
        self.assertEqual(one, self.table.domain_snapshot_get_parent(two, 0))
        self.assertEqual(["two"], self.table.domain_snapshot_list_children_names(one, 0))
        self.assertEqual(["one"], self.table.domain_snapshot_list_names(self.dom, 1))
        self.assertEqual([two], self.table.domain_list_all_snapshots(self.dom, 4))
        self.refused(Code.NO_DOMAIN_SNAPSHOT, "domain_snapshot_get_parent", one, 0)
        self.table.domain_snapshot_delete(one, 0)
        self.refused(Code.NO_DOMAIN_SNAPSHOT, "domain_snapshot_get_parent", two, 0)
        self.assertEqual(two, self.table.domain_snapshot_current(self.dom, 0))
        self.table.domain_snapshot_delete(two, 0)
        self.refused(Code.NO_DOMAIN_SNAPSHOT, "domain_snapshot_current", self.dom, 0)

    def test_back_to_it(self) -> None:
        snap = self.snap("s")
        self.table.domain_set_memory(self.dom, 1024)
        self.table.domain_suspend(self.dom)
        self.events.clear()
        self.table.domain_revert_to_snapshot(snap, 0)
        self.assertEqual((1, 4), self.table.domain_get_state(self.dom, 0))
        self.assertEqual(2097152, self.table.domain_get_info(self.dom)[2])
        self.assertEqual([(5, 6), (2, 3)], self.told("test"))
        self.table.domain_revert_to_snapshot(snap, 2)
        self.assertEqual((3, 7), self.table.domain_get_state(self.dom, 0))

    def test_halt(self) -> None:
        self.snap("s", 8)
        self.assertEqual((5, 7), self.table.domain_get_state(self.dom, 0))
        self.refused(Code.OPERATION_INVALID, "domain_undefine", self.dom)
        self.table.domain_undefine_flags(self.dom, 2)

    def test_checkpoints(self) -> None:
        xml = "<domaincheckpoint><name>%s</name></domaincheckpoint>"
        one = self.table.domain_checkpoint_create_xml(self.dom, xml % "one", 0)
        two = self.table.domain_checkpoint_create_xml(self.dom, xml % "two", 0)
        self.refused(Code.OPERATION_UNSUPPORTED, "domain_snapshot_create_xml", self.dom,
                     "<domainsnapshot/>", 0)  # fmt: skip
        self.assertEqual([one, two], self.table.domain_list_all_checkpoints(self.dom, 0))
        text = self.table.domain_checkpoint_get_xml_desc(two, 2)
        self.assertIn("<disk name='vda' checkpoint='bitmap' bitmap='two'/>", text)
        self.assertNotIn("<domain ", text)
        self.table.domain_checkpoint_delete(one, 1)
        self.assertEqual([], self.table.domain_list_all_checkpoints(self.dom, 0))


class ObjectsTest(Case):
    """Networks, pools, interfaces, node devices."""

    def test_networks(self) -> None:
        net = self.table.network_lookup_by_name("default")
        self.assertEqual("virbr0", self.table.network_get_bridge_name(net))
        self.refused(Code.OPERATION_INVALID, "network_undefine", net)
        made = self.table.network_define_xml(
            "<network><name>n</name><bridge name='b'/><ip address='10.0.0.1' netmask='255.0.0.0'>"
            "<dhcp><host mac='52:54:00:00:00:01' ip='10.0.0.5'/></dhcp></ip></network>"
        )
        new = "<host mac='52:54:00:00:00:02' ip='10.0.0.6'/>"
        self.table.network_update(made, 3, 4, -1, new, 0)
        self.refused(Code.OPERATION_INVALID, "network_update", made, 3, 4, -1, new, 0)
        xml = self.table.network_get_xml_desc(made, 0)
        self.assertIn(f"{new}\n    </dhcp>", xml)
        self.assertIn("<bridge name='b' stp='on' delay='0'/>", xml)
        self.table.network_update(made, 2, 4, -1, new, 0)
        self.assertNotIn("10.0.0.6", self.table.network_get_xml_desc(made, 0))
        self.table.network_undefine(made)
        self.refused(Code.NO_NETWORK, "network_lookup_by_name", "n")

    def test_a_transient_network(self) -> None:
        made = self.table.network_create_xml("<network><name>t</name></network>")
        self.assertEqual(0, self.table.network_is_persistent(made))
        self.table.network_destroy(made)
        self.refused(Code.NO_NETWORK, "network_lookup_by_uuid", made.uuid)

    def test_volumes(self) -> None:
        pool = self.table.storage_pool_lookup_by_name("default-pool")
        xml = (
            "<volume><name>v</name><capacity unit='M'>2</capacity>"
            "<allocation unit='K'>1</allocation></volume>"
        )
        vol = self.table.storage_vol_create_xml(pool, xml, 0)
        self.assertEqual("/default-pool/v", vol.key)
        self.assertEqual((0, 2 << 20, 1024), self.table.storage_vol_get_info(vol))
        self.assertEqual(1024, self.table.storage_pool_get_info(pool)[2])
        self.assertEqual(vol, self.table.storage_vol_lookup_by_path("/default-pool/v"))
        self.refused(Code.OPERATION_FAILED, "storage_vol_create_xml", pool, xml, 0)
        large = xml.replace(">v<", ">w<").replace("unit='K'>1<", "unit='T'>1<")
        self.refused(Code.INTERNAL_ERROR, "storage_vol_create_xml", pool, large, 0)
        self.table.storage_pool_destroy(pool)
        self.refused(Code.OPERATION_INVALID, "storage_pool_list_volumes", pool)

    def test_pools(self) -> None:
        for xml, code in (
            ("<pool type='dir'><name>p</name></pool>", Code.XML_ERROR),
            ("<pool type='wat'><name>p</name></pool>", Code.XML_ERROR),
            ("<pool type='dir'><target><path>/x</path></target></pool>", Code.XML_ERROR),
        ):
            self.refused(code, "storage_pool_define_xml", xml, 0)
        source = "<source><device path='/dev/x'/><name>vg</name></source>"
        pool = self.table.storage_pool_define_xml(f"<pool type='logical'>{source}</pool>", 0)
        xml = self.table.storage_pool_get_xml_desc(pool, 0)
        self.assertIn("<path>/dev/vg</path>", xml)
        self.assertEqual("vg", pool.name)
        self.table.storage_pool_create(pool, 0)
        self.refused(Code.OPERATION_INVALID, "storage_pool_undefine", pool)

    def test_interfaces(self) -> None:
        iface = self.table.interface_lookup_by_name("eth1")
        self.assertEqual(iface, self.table.interface_lookup_by_mac_string("aa:bb:cc:dd:ee:ff"))
        self.table.interface_change_begin(0)
        self.refused(Code.OPERATION_INVALID, "interface_change_begin", 0)
        self.table.interface_undefine(iface)
        self.refused(Code.NO_INTERFACE, "interface_lookup_by_name", "eth1")
        self.table.interface_change_rollback(0)
        self.table.interface_lookup_by_name("eth1")
        self.refused(Code.OPERATION_INVALID, "interface_change_commit", 0)

    def test_node_devices(self) -> None:
        names = self.table.node_list_devices(None, 0)
        self.assertEqual({"computer", "scsi_host1", "scsi_host2", "scsi_host11"}, set(names))
        self.assertEqual(["computer"], self.table.node_list_devices("system", 0))
        xml = (
            "<device><parent>scsi_host1</parent><capability type='scsi_host'>"
            "<capability type='fc_host'>%s</capability></capability></device>"
        )
        self.refused(Code.INTERNAL_ERROR, "node_device_create_xml", xml % "", 0)
        ports = "<wwnn>2000000000000001</wwnn><wwpn>1000000000000001</wwpn>"
        made = self.table.node_device_create_xml(xml % ports, 0)
        self.assertEqual("scsi_host12", made.name)
        self.assertEqual("scsi_host1", self.table.node_device_get_parent(made))
        self.table.node_device_destroy(made)
        self.refused(Code.NO_NODE_DEVICE, "node_device_lookup_by_name", "scsi_host12")


NODE = """<node><cpu><mhz>6000</mhz><model>i986</model><nodes>4</nodes><sockets>4</sockets>
<cores>4</cores><threads>2</threads></cpu><memory>8192000</memory>
<auth><user password="pw">alice</user><user>bob</user></auth>
<domain file="dom.xml"/>
<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'><name>off</name>
<memory>1</memory><os><type>hvm</type></os><test:runstate>5</test:runstate></domain>
<network><name>n</name></network>
<pool type='dir'><name>p</name><target><path>/p</path></target>
<volume><name>v</name><capacity>5</capacity></volume></pool></node>"""


class FileTest(TestCase):
    """test:///path/to/node.xml"""

    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = f"{directory.name}/node.xml"
        for name, text in (("node.xml", NODE), ("dom.xml", XML % "filed")):
            with open(os.path.join(directory.name, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.asked: list[int] = []

    def open(self, user: str | None, password: str | None) -> TestTable:
        def answer(credentials: list[list[Any]], data: object) -> int:
            for one in credentials:
                self.asked.append(one[0])
                one[4] = user if one[0] == 2 else password
            return 0

        table = open_table(f"test://{self.path}", 0, AuthSpec((2, 5), answer, None))
        self.addCleanup(table.close)
        return table

    def test_the_host(self) -> None:
        table = self.open("alice", "pw")
        self.assertEqual(("i986", 8192000, 128, 6000, 4, 4, 4, 2), table.node_get_info())
        states = {
            ref.name: table.domain_get_state(ref, 0)[0] for ref in table.connect_list_all_domains(0)
        }
        self.assertEqual({"filed": 1, "off": 5}, states)
        self.assertEqual(["n"], table.connect_list_networks())
        pool = table.storage_pool_lookup_by_name("p")
        self.assertEqual(["v"], table.storage_pool_list_volumes(pool))

    def test_each_connection_has_its_own(self) -> None:
        first, second = self.open("bob", None), self.open("bob", None)
        first.domain_define_xml(XML % "extra")
        self.assertEqual(3, len(first.connect_list_all_domains(0)))
        self.assertEqual(2, len(second.connect_list_all_domains(0)))

    def test_who_may_connect(self) -> None:
        self.open("bob", None)
        self.assertEqual([2], self.asked)
        for user, password in (("alice", "no"), ("eve", "pw"), (None, None)):
            with self.assertRaises(libvirtError) as caught:
                self.open(user, password)
            self.assertEqual(Code.AUTH_FAILED, caught.exception.get_error_code())

    def test_bad_paths(self) -> None:
        for uri, code in (
            ("test:///", Code.INVALID_ARG),
            (f"test://{self.path}.not", Code.XML_ERROR),
        ):
            with self.assertRaises(libvirtError) as caught:
                open_table(uri, 0)
            self.assertEqual(code, caught.exception.get_error_code())
