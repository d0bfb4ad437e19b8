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

    def test_no_migration(self) -> None:
        self.start()
        said = self.refused(Code.OPERATION_INVALID, migrating.start_post_copy, 0)
        self.assertIn("only be started while outgoing migration is in progress", said)
        self.refused(Code.INVALID_ARG, migrating.start_post_copy, 1)
