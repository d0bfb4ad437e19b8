# SPDX-License-Identifier: Apache-2.0
"""The public functions' checks of arguments, made by the daemon for whoever sends what."""

from typing import Any, NamedTuple

from nova_pyvirt import api
from nova_pyvirt.daemon import checks
from nova_pyvirt.daemon.readable import public
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.remote.shapes import slot_of
from nova_pyvirt.wire import protocol
from tests.unit.daemon.base import DaemonCase

PROGRAMS = (protocol.REMOTE, protocol.QEMU, protocol.LXC)


class Asker(NamedTuple):
    readonly: bool


def calls() -> list[tuple[int, int, api.Row]]:
    found = []
    for program in PROGRAMS:
        for proc in protocol.program(program).procs.values():
            row = None if proc.event else public(slot_of(proc))
            if row is not None:
                found.append((program, proc.number, row))
    return found


class TestCompiled(DaemonCase):
    def test_every_procedure(self) -> None:
        """Rows fit the protocol; nothing that protects is lost on the way."""
        kept = 0
        for program, number, row in calls():
            _skip, tests = checks._tests(program, number)
            wanted = [c for c in row.checks if c.word != "readonly"]
            self.assertLessEqual(bool(tests), bool(wanted) or row.function in checks_of_their_own())
            kept += len(tests)
        self.assertGreater(kept, 150)

    def test_read_only_clients(self) -> None:
        words = {"secure", "readonlyif", "readonlyis"}
        seen = set()
        for program, number, row in calls():
            if any(c.word == "readonly" for c in row.checks):
                continue  # denied before
            for check in row.checks:
                if check.word in words:
                    seen.add(row.function)
                    self.refused(program, number, row, check)
        self.assertEqual(6, len(seen))

    def refused(self, program: int, number: int, row: api.Row, check: api.Check) -> None:
        from nova_pyvirt.api.constants import flags

        args: list[Any] = [0] * len(row.args)
        at = [a.c_name for a in row.args].index(check.argument)
        args[at] = flags(check.operands[0])
        checks.check(Asker(False), program, number, ["object", *args])
        with self.assertRaises(libvirtError) as caught:
            checks.check(Asker(True), program, number, ["object", *args])
        self.assertEqual(Code.OPERATION_DENIED, caught.exception.get_error_code())


def checks_of_their_own() -> set[str]:
    from nova_pyvirt.api.rules import RULES

    return set(RULES)


class TestOverTheSocket(DaemonCase):
    def refused(self, text: str, call: Any, *args: Any, code: Code = Code.INVALID_ARG) -> None:
        with self.assertRaises(libvirtError) as caught:
            call(*args)
        self.assertEqual((code, text), (caught.exception.get_error_code(), str(caught.exception)))

    def test_arguments(self) -> None:
        far = self.table()
        dom = far.domain_lookup_by_name("test")
        self.refused(
            "xmlCPUs in virConnectBaselineCPU must not be NULL", far.connect_baseline_cpu, [], 0
        )
        self.refused(
            "string new_name in virDomainRename must not be empty", far.domain_rename, dom, "", 0
        )
        self.refused(
            "Flags 'VIR_DOMAIN_AFFECT_LIVE' and 'VIR_DOMAIN_AFFECT_CONFIG' are mutually exclusive",
            far.domain_get_vcpus_flags, dom, 3,
        )  # fmt: skip
        self.refused(
            "nvcpus in virDomainSetVcpusFlags must not be zero",
            far.domain_set_vcpus_flags, dom, 0, 0,
        )  # fmt: skip

    def test_the_number_of_limits_needs_no_disk(self) -> None:
        program, number = checks._NEEDS_NO_DISK
        checks.check(Asker(False), program, number, ["object", None, 0], 0)
        with self.assertRaisesRegex(libvirtError, "must not be NULL"):
            checks.check(Asker(False), program, number, ["object", None, 0], 20)

    def test_rules_of_one_function(self) -> None:
        far = self.table()
        dom = far.domain_lookup_by_name("test")
        self.refused(
            "metadata title can't contain newlines",
            far.domain_set_metadata, dom, 1, "a\nb", None, None, 0,
        )  # fmt: skip
        self.refused(
            "uri in virDomainGetMetadata must not be NULL", far.domain_get_metadata, dom, 2, None, 0
        )
        self.refused("Unsupported codeset '99'", far.domain_send_key, dom, 99, 0, [1], 0)
        self.refused(
            "cpuNum in virNodeGetCPUStats only accepts -1 as a negative value",
            far.node_get_cpu_stats, -2, 0,
        )  # fmt: skip
        self.refused(
            f"numerical overflow: input too large: {1 << 62}",
            far.domain_set_memory, dom, 1 << 62,
            code=Code.OVERFLOW,
        )  # fmt: skip
