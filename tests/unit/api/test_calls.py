# SPDX-License-Identifier: Apache-2.0
"""The API as data: rows, constants, events."""

from nova_pyvirt import api
from nova_pyvirt.api.constants import flags
from tests.base import TestCase


class RowTest(TestCase):
    def test_a_row(self) -> None:
        row = api.row("virDomainCreateWithFlags")
        self.assertEqual("virDomain.createWithFlags", row.python)
        self.assertEqual("domain_create_with_flags", row.slot)
        self.assertEqual([("flags", "I", "0")], [(a.name, a.kind, a.default) for a in row.args])
        self.assertEqual((("remote", 196),), row.procs)
        self.assertEqual(("domain:start",), row.acls)
        self.assertFalse(row.readonly)

    def test_names_that_differ_from_c(self) -> None:
        (path, _) = api.row("virDomainGetBlockInfo").args
        self.assertEqual(("path", "disk"), (path.name, path.c_name))

    def test_checks_keep_their_order(self) -> None:
        define = [c.word for c in api.row("virDomainDefineXML").checks]
        create = [c.word for c in api.row("virDomainCreateXML").checks]
        self.assertEqual((["readonly", "nonnull"], ["nonnull", "readonly"]), (define, create))

    def test_every_flag_in_a_check_exists(self) -> None:
        for row in api.rows():
            for check in row.checks:
                for operand in check.operands:
                    self.assertGreaterEqual(flags(operand), 0, row.function)

    def test_all_procedures_of_a_program_are_different(self) -> None:
        seen: dict[tuple[str, int], str] = {}
        shared = {"domain_create_xml", "connect_get_all_domain_stats"}
        for row in api.rows():
            if len(row.procs) == 1 and row.slot and row.slot not in shared:
                other = seen.setdefault(row.procs[0], row.slot)
                if not row.slot.startswith("connect_is_"):  # both ask the server's isSecure
                    self.assertEqual(other, row.slot)

    def test_unknown_function(self) -> None:
        self.assertRaises(KeyError, api.row, "virDomainFly")


class ConstantTest(TestCase):
    def test_number_of_constants(self) -> None:
        self.assertEqual(1194, sum(n.startswith("VIR_") for n in api.BASE))

    def test_some_values(self) -> None:
        self.assertEqual(1, api.constant("VIR_DOMAIN_START_PAUSED"))
        self.assertEqual(16, api.constant("VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA"))
        self.assertEqual("migrate_uri", api.constant("VIR_MIGRATE_PARAM_URI"))

    def test_later_constants(self) -> None:
        self.assertNotIn("VIR_DOMAIN_EVENT_ID_NIC_MAC_CHANGE", api.BASE)
        self.assertEqual(27, api.constant("VIR_DOMAIN_EVENT_ID_NIC_MAC_CHANGE"))

    def test_flags_add_up(self) -> None:
        self.assertEqual(3, flags("VIR_DOMAIN_AFFECT_LIVE+VIR_DOMAIN_AFFECT_CONFIG"))


class EventTest(TestCase):
    def test_one_dispatcher_for_each_event_id(self) -> None:
        domain = api.FAMILIES["Domain"].dispatchers
        for name, value in {**api.BASE, **api.LATER}.items():
            if name.startswith("VIR_DOMAIN_EVENT_ID_") and not name.endswith("_LAST"):
                self.assertLess(int(value), len(domain), name)
        self.assertIn("RTCChange", domain[int(api.constant("VIR_DOMAIN_EVENT_ID_RTC_CHANGE"))])
        self.assertIn("BlockJob", domain[int(api.constant("VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2"))])
