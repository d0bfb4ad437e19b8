# SPDX-License-Identifier: Apache-2.0
"""The client's part of migration."""

from typing import Any

from nova_pyvirt import libvirt
from nova_pyvirt.errors import Code, error
from tests.base import TestCase
from tests.fixtures.libvirt.faketable import DOMAIN, FakeTable, connect, domain

_ALL = {"connect_supports_feature": 1}
P2P = libvirt.VIR_MIGRATE_PEER2PEER
LIVE = libvirt.VIR_MIGRATE_LIVE


class MigrationTest(TestCase):
    def setUp(self) -> None:
        libvirt.registerErrorHandler(lambda ctx, err: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)

    def failing(self, call: Any, *args: Any) -> tuple[int, int, str]:
        with self.assertRaises(libvirt.libvirtError) as caught:
            call(*args)
        err = caught.exception.err
        assert err is not None
        return err[:3]

    def test_peer_to_peer(self) -> None:
        table = FakeTable(domain_migrate_perform3_params=b"", **_ALL)
        params = {"migrate_disks": ["vda", "vdb"], "bandwidth": 5}
        flags = P2P | LIVE
        self.assertEqual(0, domain(table).migrateToURI3("qemu+tcp://b/system", params, flags))
        expected = ("domain_migrate_perform3_params", DOMAIN, "qemu+tcp://b/system")
        self.assertEqual((*expected, params, b"", flags), table.calls[-1])
        self.assertEqual("ULLong", type(table.calls[-1][3]["bandwidth"]).__name__)

    def test_refusals(self) -> None:
        dom = domain(FakeTable(domain_migrate_perform3_params=b"", **_ALL))
        same = (8, 20, "Attempt to migrate guest to the same host")
        for uri in ("qemu:///system", "qemu+ssh://localhost/system"):
            self.assertEqual(same, self.failing(dom.migrateToURI3, uri, {}, P2P))
        null = (8, 20, "dconnuri in virDomainMigrateToURI3 must not be NULL")
        self.assertEqual(null, self.failing(dom.migrateToURI3, None, {}, P2P))
        both = libvirt.VIR_MIGRATE_NON_SHARED_DISK | libvirt.VIR_MIGRATE_NON_SHARED_INC
        found = self.failing(dom.migrateToURI3, "qemu+tcp://b/system", {}, P2P | both)
        self.assertIn("are mutually exclusive", found[2])
        self.assertRaises(TypeError, dom.migrateToURI3, "qemu+tcp://b/system", None, P2P)

    def test_source_that_cannot(self) -> None:
        dom = domain(FakeTable(connect_supports_feature=0))
        text = "argument unsupported: p2p migration is not supported by the source host"
        self.assertEqual((74, 20, text), self.failing(dom.migrateToURI3, "qemu+tcp://b/s", {}, P2P))

    def managed(self, **answers: Any) -> tuple[FakeTable, FakeTable, Any]:
        source = FakeTable(
            **{
                "domain_migrate_begin3_params": (b"c1", "<domain/>"),
                "domain_migrate_perform3_params": b"c3",
                "domain_migrate_confirm3_params": None,
                "domain_get_state": (1, 1),
                **_ALL,
                **{k: v for k, v in answers.items() if k in ("domain_migrate_perform3_params",)},
            }
        )
        dest = FakeTable(
            **{
                "domain_migrate_prepare3_params": (b"c2", "tcp:b:49152"),
                "domain_migrate_finish3_params": (DOMAIN._replace(id=3), b"c4"),
                **_ALL,
                **{
                    k: v
                    for k, v in answers.items()
                    if k.endswith(("prepare3_params", "finish3_params"))
                },
            }
        )
        return source, dest, domain(source)

    def steps(self, table: FakeTable) -> list[tuple[Any, ...]]:
        return [c for c in table.calls if c[0].startswith("domain_migrate")]

    def test_managed(self) -> None:
        source, dest, dom = self.managed()
        moved = dom.migrate3(connect(dest), {"destination_name": "there"}, LIVE)
        self.assertEqual(3, moved.ID())
        names = [c[0].split("_")[2] for c in self.steps(source)]
        self.assertEqual(["begin3", "perform3", "confirm3"], names)
        perform, confirm = self.steps(source)[1:]
        self.assertEqual((b"c2", "tcp:b:49152"), (perform[4], perform[3]["migrate_uri"]))
        self.assertEqual((b"c4", 0), (confirm[3], confirm[5]))
        finish = self.steps(dest)[1]
        self.assertEqual((b"c3", 0), (finish[2], finish[4]))

    def test_failing_perform_cancels_on_the_destination(self) -> None:
        wrong = error(Code.OPERATION_FAILED, "lost")
        gone = error(Code.OPERATION_FAILED, "migration ok")
        source, dest, dom = self.managed(
            domain_migrate_perform3_params=wrong, domain_migrate_finish3_params=gone
        )
        found = self.failing(dom.migrate3, connect(dest), {}, LIVE)
        self.assertEqual((9, 10, "operation failed: lost"), found)
        self.assertEqual(1, self.steps(dest)[-1][4])
        self.assertEqual("domain_migrate_perform3_params", self.steps(source)[-1][0])

    def test_failing_prepare_ends_the_sources_job(self) -> None:
        wrong = error(Code.OPERATION_FAILED, "no room")
        source, dest, dom = self.managed(domain_migrate_prepare3_params=wrong)
        self.assertEqual(
            "operation failed: no room", self.failing(dom.migrate3, connect(dest), {}, 0)[2]
        )
        self.assertEqual(("domain_migrate_confirm3_params", 1), self.steps(source)[-1][:6:5])
