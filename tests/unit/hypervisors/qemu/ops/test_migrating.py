# SPDX-License-Identifier: Apache-2.0
"""What a migration may cost."""

from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.ops import migrating
from tests.unit.hypervisors.qemu.ops.case import OpsCase


class TestMigrating(OpsCase):
    def test_a_domain_that_is_off(self) -> None:
        self.refused(Code.OPERATION_INVALID, migrating.set_max_downtime, 100, 0)
        self.refused(Code.OPERATION_INVALID, migrating.get_max_downtime, 0)
        said = self.refused(Code.OPERATION_INVALID, migrating.start_post_copy, 0)
        self.assertIn("domain is not running", said)

    def test_downtime(self) -> None:
        monitor = self.start(query_migrate_parameters={"downtime-limit": 300})
        self.assertEqual(300, migrating.get_max_downtime(self.state, self.ref, 0))
        migrating.set_max_downtime(self.state, self.ref, 500, 0)
        self.assertEqual(("migrate-set-parameters", {"downtime-limit": 500}), monitor.asked[-1])

    def test_compression_cache(self) -> None:
        monitor = self.start(query_migrate_parameters={"xbzrle-cache-size": 1 << 26})
        self.assertEqual(1 << 26, migrating.get_compression_cache(self.state, self.ref, 0))
        migrating.set_compression_cache(self.state, self.ref, 4096, 0)
        self.assertEqual(("migrate-set-parameters", {"xbzrle-cache-size": 4096}), monitor.asked[-1])

    def test_speed(self) -> None:
        """It is kept while the domain is off, and told to QEMU when it runs."""
        self.state.migration_speeds = {}
        self.assertEqual(8796093022207, migrating.get_max_speed(self.state, self.ref, 0))
        migrating.set_max_speed(self.state, self.ref, 10, 0)
        self.refused(Code.OPERATION_INVALID, migrating.set_max_speed, 10, migrating.POSTCOPY)
        monitor = self.start(query_migrate_parameters={"max-postcopy-bandwidth": 5 << 20})
        self.assertEqual(10, migrating.get_max_speed(self.state, self.ref, 0))
        self.assertEqual(5, migrating.get_max_speed(self.state, self.ref, migrating.POSTCOPY))
        migrating.set_max_speed(self.state, self.ref, 20, 0)
        self.assertEqual(("migrate-set-parameters", {"max-bandwidth": 20 << 20}), monitor.asked[-1])
        self.assertEqual(20, migrating.get_max_speed(self.state, self.ref, 0))
        said = self.refused(Code.OVERFLOW, migrating.set_max_speed, 8796093022208, 0)
        self.assertIn("bandwidth must be less than 8796093022208", said)

    def test_no_migration(self) -> None:
        self.start()
        said = self.refused(Code.OPERATION_INVALID, migrating.start_post_copy, 0)
        self.assertIn("only be started while outgoing migration is in progress", said)
        self.refused(Code.INVALID_ARG, migrating.start_post_copy, 1)
