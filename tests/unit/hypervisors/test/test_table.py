# SPDX-License-Identifier: Apache-2.0
"""The in-memory hypervisor itself."""

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.test import TestTable, open_table
from tests.base import TestCase

XML = "<domain type='test'><name>%s</name><memory>1024</memory><vcpu>2</vcpu><os/></domain>"


class TableTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.table: TestTable = open_table("test:///default", 0)
        self.addCleanup(self.table.close)
        self.events: list[tuple[str, int, int]] = []
        self.table.connect_domain_event_register_any(
            None, 0, lambda ref, event, detail: self.events.append((ref.name, event, detail))
        )

    def refused(self, code: Code, slot: str, *args: object) -> str:
        with self.assertRaises(libvirtError) as caught:
            getattr(self.table, slot)(*args)
        self.assertEqual(code, caught.exception.get_error_code())
        return str(caught.exception)

    def test_the_default_host(self) -> None:
        dom = self.table.domain_lookup_by_name("test")
        self.assertEqual("6695eb01f6a4830479aa97f2502e193f", dom.uuid.hex())
        self.assertEqual((1, 8388608, 2097152, 2), self.table.domain_get_info(dom)[:4])
        self.assertIn("<domain type='test' id='1'>", self.table.domain_get_xml_desc(dom, 0))
        self.assertNotIn(" id=", self.table.domain_get_xml_desc(dom, 2))
        self.assertEqual(
            "virbr0",
            self.table.network_get_bridge_name(self.table.network_lookup_by_name("default")),
        )

    def test_life(self) -> None:
        dom = self.table.domain_define_xml(XML % "a")
        self.assertEqual((5, 0), self.table.domain_get_state(dom, 0))
        self.refused(Code.OPERATION_INVALID, "domain_destroy", dom)
        self.table.domain_create_with_flags(dom, 1)
        self.assertEqual(3, self.table.domain_get_state(dom, 0)[0])
        self.table.domain_resume(dom)
        self.refused(Code.OPERATION_INVALID, "domain_create", dom)
        self.table.domain_managed_save(dom, 0)
        self.assertEqual(1, self.table.domain_has_managed_save_image(dom, 0))
        self.refused(Code.OPERATION_INVALID, "domain_undefine", dom)
        self.table.domain_create(dom)
        self.table.domain_destroy(dom)
        self.table.domain_undefine(dom)
        self.refused(Code.NO_DOMAIN, "domain_lookup_by_name", "a")
        self.assertEqual(
            [0, 2, 3, 4, 5, 2, 5, 1], [event for name, event, _ in self.events if name == "a"]
        )

    def test_transient_domains_vanish(self) -> None:
        dom = self.table.domain_create_xml(XML % "t", 0)
        self.assertEqual(0, self.table.domain_is_persistent(dom))
        self.table.domain_destroy(dom)
        self.refused(Code.NO_DOMAIN, "domain_lookup_by_uuid", dom.uuid)

    def test_live_and_config(self) -> None:
        dom = self.table.domain_define_xml(XML % "b")
        self.addCleanup(self.table.domain_undefine, dom)
        dom = self.table.domain_create(dom)
        self.table.domain_set_vcpus_flags(dom, 1, 1)
        self.assertEqual(1, self.table.domain_get_vcpus_flags(dom, 1))
        self.assertEqual(2, self.table.domain_get_vcpus_flags(dom, 2))
        self.table.domain_destroy(dom)
        self.assertEqual(2, self.table.domain_get_vcpus_flags(dom, 2))

    def test_bad_documents(self) -> None:
        for xml, code in (
            ("", Code.XML_DETAIL),
            ("<domain", Code.XML_DETAIL),
            ("<network/>", Code.XML_ERROR),
            ("<domain type='test'><memory>1</memory></domain>", Code.NO_NAME),
            ("<domain type='qemu'><name>x</name></domain>", Code.INTERNAL_ERROR),
            (XML % "..", Code.XML_ERROR),
            ((XML % "x").replace("<vcpu>2", "<vcpu>-5"), Code.XML_ERROR),
            ((XML % "x").replace("1024", "abc"), Code.XML_ERROR),
            (
                "<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>" + XML % "&e;",
                Code.XML_ERROR,
            ),
        ):
            with self.subTest(xml):
                self.refused(code, "domain_define_xml", xml)
        self.assertEqual([], self.table.connect_list_defined_domains())

    def test_the_host_is_forgotten_with_its_last_user(self) -> None:
        dom = self.table.domain_define_xml(XML % "gone")
        other = open_table("test:///default", 0)
        self.assertIn(dom, other.connect_list_all_domains(0))
        other.close()
        self.table.close()
        fresh = open_table("test:///default", 0)
        self.addCleanup(fresh.close)
        self.assertEqual([], fresh.connect_list_defined_domains())
