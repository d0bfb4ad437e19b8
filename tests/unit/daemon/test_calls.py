# SPDX-License-Identifier: Apache-2.0
"""The in-memory hypervisor through our daemon and our client: the same as asked directly."""

import queue
import threading
from typing import Any

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.test import open_table
from tests.unit.daemon.base import DaemonCase

XML = "<domain type='test'><name>%s</name><memory>1024</memory><os><type>hvm</type></os></domain>"


class CallsTest(DaemonCase):
    def test_same_answers_as_the_table_itself(self) -> None:
        far = self.table()
        near = open_table("test:///default", 0)
        self.addCleanup(near.close)
        dom = near.domain_lookup_by_name("test")
        for slot, args in (
            ("connect_get_hostname", ()),
            ("connect_get_type", ()),
            ("connect_get_version", ()),
            ("connect_get_capabilities", ()),
            ("node_get_info", ()),
            ("node_get_cpu_map", (0,)),
            ("node_get_cells_free_memory", (0, 5)),
            ("node_get_security_model", ()),
            ("connect_list_all_domains", (0,)),
            ("connect_list_domains", ()),
            ("connect_list_all_networks", (0,)),
            ("connect_list_all_storage_pools", (0,)),
            ("connect_list_all_interfaces", (0,)),
            ("connect_list_all_node_devices", (0,)),
            ("domain_get_xml_desc", (dom, 0)),
            ("domain_get_state", (dom, 0)),
            ("domain_get_max_memory", (dom,)),
            ("domain_lookup_by_uuid", (dom.uuid,)),
            ("domain_get_vcpus_flags", (dom, 5)),
            ("domain_is_active", (dom,)),
        ):
            with self.subTest(slot):
                self.assertEqual(getattr(near, slot)(*args), getattr(far, slot)(*args))
        self.assertEqual(f"test+unix:///default?socket={self.rw}", far.uri)
        self.assertEqual("test:///default", far.conn.call("connect_get_uri"))

    def test_errors_arrive_whole(self) -> None:
        far, near = self.table(), open_table("test:///default", 0)
        self.addCleanup(near.close)
        with self.assertRaises(libvirtError) as there:
            far.domain_lookup_by_name("nope")
        with self.assertRaises(libvirtError) as here:
            near.domain_lookup_by_name("nope")
        self.assertEqual(here.exception.err, there.exception.err)

    def test_a_slot_that_the_driver_lacks(self) -> None:
        with self.assertRaises(libvirtError) as caught:
            self.table().domain_abort_job(self.table().domain_lookup_by_name("test"))
        self.assertEqual(Code.NO_SUPPORT, caught.exception.get_error_code())
        self.assertIn("virDomainAbortJob", str(caught.exception))

    def test_events_in_order_and_filtered(self) -> None:
        far = self.table()
        everything: queue.Queue[Any] = queue.Queue()
        only_b: queue.Queue[Any] = queue.Queue()
        number = far.connect_domain_event_register_any(None, 0, lambda *a: everything.put(a))
        first = far.domain_define_xml(XML % "a")
        second = far.domain_define_xml(XML % "b")
        far.connect_domain_event_register_any(second, 0, lambda *a: only_b.put(a))
        for dom in (first, second):
            started = far.domain_create_with_flags(dom, 0)
            self.assertGreater(started.id, 0)
            far.domain_destroy(started)
            far.domain_undefine(dom)
        got = [everything.get(timeout=5) for _ in range(8)]
        names = [(ref.name, event, detail) for ref, event, detail in got]
        self.assertEqual(
            [("a", 0, 0), ("b", 0, 0), ("a", 2, 0), ("a", 5, 1), ("a", 1, 0)], names[:5]
        )
        self.assertEqual([2, 5, 1], [only_b.get(timeout=5)[1] for _ in range(3)])
        self.assertEqual(-1, got[-1][0].id)
        far.connect_domain_event_deregister_any(number)
        with self.assertRaises(libvirtError):
            far.connect_domain_event_deregister_any(number)

    def test_an_unknown_event(self) -> None:
        raw = self.raw().open()
        reply = raw.call("connect_domain_event_callback_register_any", 99, None)
        assert reply is not None
        self.assertEqual(1, reply.status)

    def test_many_threads_on_one_connection(self) -> None:
        far = self.table()
        dom = far.domain_lookup_by_name("test")
        wrong: list[Any] = []

        def work(number: int) -> None:
            for i in range(100):
                if (number + i) % 2:
                    ok = far.domain_get_state(dom, 0)[0] == 1
                else:
                    ok = far.domain_lookup_by_name("test") == dom
                if not ok:
                    wrong.append(number)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
            self.assertFalse(thread.is_alive())
        self.assertEqual([], wrong)

    def test_close_callback_when_the_daemon_goes(self) -> None:
        far = self.table()
        reasons: queue.Queue[int] = queue.Queue()
        far.connect_register_close_callback(reasons.put)
        for session in self.server.sessions():
            session.drop("test")
        self.assertEqual(1, reasons.get(timeout=5))  # end of file
        self.assertEqual(0, far.connect_is_alive())
        with self.assertRaises(libvirtError) as caught:
            far.connect_get_hostname()
        self.assertIn(caught.exception.get_error_code(), (Code.SYSTEM_ERROR, Code.INTERNAL_ERROR))

    def test_closing_ends_the_table(self) -> None:
        far = self.table()
        far.close()
        self.eventually(lambda: not self.server.sessions(), "the session stays")
