# SPDX-License-Identifier: Apache-2.0
"""Lives of connections and of the objects made from them."""

import gc
import threading

from nova_pyvirt import libvirt
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.libvirt import closer
from tests.base import TestCase
from tests.fixtures.libvirt.faketable import DOMAIN, FakeTable, connect, domain


class HandleTest(TestCase):
    def setUp(self) -> None:
        libvirt.registerErrorHandler(lambda ctx, err: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)

    def test_close(self) -> None:
        table = FakeTable()
        conn = connect(table)
        self.assertEqual(0, conn.close())
        self.assertEqual(1, table.closed)
        with self.assertRaises(libvirt.libvirtError) as caught:
            conn.close()
        err = caught.exception.err
        assert err is not None
        self.assertEqual((6, 0, "invalid connection pointer in virConnectClose"), err[:3])

    def test_an_object_holds_the_connection(self) -> None:
        table = FakeTable(domain_is_active=1)
        conn = connect(table)
        dom = domain(table, conn)
        self.assertEqual(1, conn.close())
        self.assertEqual(("guest", 1, 0), (dom.name(), dom.isActive(), table.closed))
        del dom
        closer.drain()
        self.assertEqual(1, table.closed)

    def test_forgotten_connections_are_closed(self) -> None:
        table = FakeTable()
        connect(table)
        gc.collect()
        closer.drain()
        self.assertEqual(1, table.closed)

    def test_a_finalizer_waits_for_nobody(self) -> None:
        """It runs in any thread, whatever that has in its hands: here what closing needs."""
        table, guard = FakeTable(), threading.Lock()
        close = table.close
        table.close = lambda: guard.acquire() and close()
        with guard:
            connect(table)
            gc.collect()
            self.assertEqual(0, table.closed)
        closer.drain()
        self.assertEqual(1, table.closed)

    def test_with(self) -> None:
        table = FakeTable()
        with connect(table):
            self.assertEqual(0, table.closed)
        self.assertEqual(1, table.closed)

    def test_failing_constructor_frees_nothing(self) -> None:
        with self.assertRaisesRegex(Exception, "Expected a wrapped C Object"):
            libvirt.virDomain(connect(FakeTable()), "x")

    def test_identity(self) -> None:
        dom = domain(FakeTable())
        self.assertEqual(("guest", 7, bytes(range(16))), (dom.name(), dom.ID(), dom.UUID()))
        self.assertEqual("00010203-0405-0607-0809-0a0b0c0d0e0f", dom.UUIDString())
        self.assertIs(dom.connect(), dom._conn)

    def test_create_takes_over_the_new_id(self) -> None:
        table = FakeTable(domain_create=DOMAIN._replace(id=9))
        dom, other = domain(table), domain(table)
        dom.create()
        self.assertEqual((9, 7), (dom.ID(), other.ID()))

    def test_destroy_and_save_forget_the_id(self) -> None:
        table = FakeTable(domain_destroy=None, domain_save=None, domain_destroy_flags=None)
        for stop in (lambda d: d.destroy(), lambda d: d.save("/x")):
            dom = domain(table)
            stop(dom)
            self.assertEqual(-1, dom.ID())
        dom = domain(table)
        dom.destroyFlags(0)
        self.assertEqual(7, dom.ID())

    def test_create_looks_the_id_up(self) -> None:
        table = FakeTable(domain_create=None, domain_lookup_by_uuid=DOMAIN._replace(id=11))
        dom = domain(table)
        dom.create()
        self.assertEqual(11, dom.ID())


class LookupTest(TestCase):
    def setUp(self) -> None:
        libvirt.registerErrorHandler(lambda ctx, err: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)

    def test_uuid_text(self) -> None:
        table = FakeTable(domain_lookup_by_uuid=DOMAIN)
        conn = connect(table)
        text = "00010203-0405-0607-0809-0A0B0C0D0E0F"
        for spelled in (text, text.replace("-", ""), f"  {text} ", text.replace("-", " ")):
            self.assertEqual("guest", conn.lookupByUUIDString(spelled).name())
            self.assertEqual(bytes(range(16)), table.calls[-1][1])

    def test_bad_uuid_text(self) -> None:
        conn = connect(FakeTable(domain_lookup_by_uuid=DOMAIN))
        for text in ("zzz", "", "0001", "0-0010203-0405-0607-0809-0a0b0c0d0e0f", "00" * 17):
            with self.assertRaisesRegex(libvirt.libvirtError, "^Invalid UUID$"):
                conn.lookupByUUIDString(text)

    def test_uuid_bytes(self) -> None:
        conn = connect(FakeTable(domain_lookup_by_uuid=DOMAIN))
        self.assertEqual("guest", conn.lookupByUUID(bytes(16)).name())
        with self.assertRaises(libvirt.libvirtError) as caught:
            conn.lookupByUUID(b"short")
        self.assertIsNone(caught.exception.err)

    def test_lists_give_objects_of_this_connection(self) -> None:
        refs = [DOMAIN, DomainRef("other", bytes(16))]
        conn = connect(FakeTable(connect_list_all_domains=refs))
        found = conn.listAllDomains(0)
        self.assertEqual(["guest", "other"], [d.name() for d in found])
        self.assertIs(conn, found[0].connect())
