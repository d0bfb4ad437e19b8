# SPDX-License-Identifier: Apache-2.0
"""The doctor on healthy and on ill hosts."""

import io
import json
import os
import shutil
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

from nova_pyvirt import conf
from nova_pyvirt.cmd import doctor, pyvirt
from nova_pyvirt.cmd.doctor import machine, programs, state
from nova_pyvirt.cmd.doctor.finding import Host
from nova_pyvirt.core.introspect import REPORTS, serve_unix
from nova_pyvirt.core.paths import Paths
from tests.base import TestCase
from tests.unit.cmd.test_operator import DOMAIN, JOB, MONITOR


class DoctorCase(TestCase):
    def setUp(self) -> None:
        super().setUp()
        conf.load()
        self.root = tempfile.mkdtemp(prefix="doc")
        os.chmod(self.root, 0o755)
        self.addCleanup(shutil.rmtree, self.root)
        self.host = Host(
            f"qemu:///embed?root={self.root}", Paths.embed(self.root), 54321, 54321, self.root
        )


class ReportTest(DoctorCase):
    def test_every_finding_says_what_to_do(self) -> None:
        findings = doctor.examine(f"qemu:///embed?root={self.root}")
        self.assertIn("QEMU", [one.check for one in findings])
        for one in findings:
            self.assertIn(one.status, (doctor.OK, doctor.WARN, doctor.FAIL))
            self.assertEqual(one.status == doctor.OK, not one.advice, one)

    def test_exit_status(self) -> None:
        for status, code in ((doctor.OK, 0), (doctor.WARN, 0), (doctor.FAIL, 1)):
            found = [doctor.Finding("x", status, "y")]
            out = io.StringIO()
            with (
                mock.patch.object(doctor.command, "examine", return_value=found),
                redirect_stdout(out),
                redirect_stderr(io.StringIO()),
            ):
                self.assertEqual(code, pyvirt.main(["doctor", "-f", "json"]))
            self.assertEqual(status, json.loads(out.getvalue())[0]["Status"])

    def test_settings_without_effect_are_findings(self) -> None:
        host = Host("qemu:///system", mock.Mock(), None, None, without_effect={"odd": "because"})
        found = list(state.configuration(host))
        self.assertEqual([doctor.OK, doctor.WARN], [one.status for one in found])
        self.assertEqual("odd has no effect: because", found[1].detail)

    def test_bad_configuration_is_a_finding(self) -> None:
        with mock.patch.dict(os.environ, NOVA_PYVIRT_PATHS="nonsense"):
            (found,) = doctor.examine()
        self.assertEqual(("configuration", doctor.FAIL), found[:2])


class ProgramsTest(DoctorCase):
    def test_versions_of_qemu(self) -> None:
        for said, status in (
            ("QEMU emulator version 8.2.2 (x)", doctor.OK),
            ("QEMU emulator version 6.2.0", doctor.OK),
            ("QEMU emulator version 5.2.0", doctor.FAIL),
            ("no such library", doctor.FAIL),
            (None, doctor.FAIL),
        ):
            with (
                mock.patch.object(programs, "output", return_value=said),
                mock.patch.object(programs.shutil, "which", return_value="/usr/bin/q"),
            ):
                self.assertEqual(status, next(programs.qemu(self.host)).status, said)

    def test_nothing_installed(self) -> None:
        with mock.patch.object(programs.shutil, "which", return_value=None):
            self.assertEqual([doctor.FAIL] * 2, [one.status for one in programs.qemu(self.host)])
            tools = list(programs.tools(self.host))[:3]
        self.assertEqual([doctor.WARN] * 3, [one.status for one in tools])

    def test_releases_of_nova(self) -> None:
        for version, status in (
            (None, doctor.WARN),
            ("30.1.0", doctor.FAIL),
            ("34.0.0", doctor.OK),
            ("99.0.0", doctor.WARN),
        ):
            with mock.patch.object(programs, "_installed", return_value=version):
                self.assertEqual(status, next(programs.nova(self.host)).status, version)


class MachineTest(DoctorCase):
    def test_no_kvm(self) -> None:
        (found,) = machine.kvm(self.host)
        self.assertEqual(doctor.WARN, found.status)

    def test_a_kvm_that_is_none(self) -> None:
        os.mkdir(f"{self.root}/dev")
        with open(f"{self.root}/dev/kvm", "w", encoding="utf-8"):
            os.chmod(f"{self.root}/dev/kvm", 0o600)
        found = list(machine.kvm(self.host))
        self.assertEqual(
            [("KVM", doctor.FAIL), ("KVM for QEMU", doctor.FAIL)], [one[:2] for one in found]
        )

    def test_control_groups(self) -> None:
        base = f"{self.root}/sys/fs/cgroup"
        (found,) = machine.cgroups(self.host)
        self.assertEqual(doctor.WARN, found.status)
        os.makedirs(base)
        for names, status in (("cpu cpuset memory io", doctor.OK), ("cpu memory", doctor.WARN)):
            with open(f"{base}/cgroup.controllers", "w", encoding="utf-8") as file:
                file.write(names)
            (found,) = machine.cgroups(self.host)
            self.assertEqual(status, found.status, names)

    def test_permission_bits(self) -> None:
        info = os.stat_result((0o100640, 1, 1, 1, 10, 20, 0, 0, 0, 0))
        for uid, gid, bits, allowed in (
            (10, 99, 6, True), (10, 99, 1, False), (11, 20, 4, True), (11, 20, 2, False),
            (11, 99, 4, False), (0, 0, 6, True),
        ):  # fmt: skip
            self.assertEqual(allowed, machine.may(info, uid, gid, bits), (uid, gid, bits))

    @mock.patch.object(machine.os, "geteuid", return_value=0)
    def test_images_out_of_reach(self, _geteuid: object) -> None:
        os.makedirs(f"{self.root}/lib/images")
        (found,) = [o for o in machine.images(self.host) if o.check.startswith(self.root)]
        self.assertEqual(doctor.OK, found.status)
        os.chmod(f"{self.root}/lib", 0o700)
        (found,) = [o for o in machine.images(self.host) if o.check.startswith(self.root)]
        self.assertEqual(doctor.FAIL, found.status)
        self.assertIn(f"{self.root}/lib ", found.detail + " ")


class StateTest(DoctorCase):
    def test_directories(self) -> None:
        self.assertEqual({doctor.OK}, {one.status for one in state.directories(self.host)})
        with open(f"{self.root}/etc", "w", encoding="utf-8"):
            pass
        bad = [one.check for one in state.directories(self.host) if one.status == doctor.FAIL]
        self.assertEqual([f"{self.root}/etc"], bad)

    def test_no_room(self) -> None:
        with mock.patch.object(state, "_room", return_value=1 << 20):
            found = list(state.directories(self.host))
        self.assertEqual({doctor.WARN}, {one.status for one in found})

    def test_another_daemon(self) -> None:
        for profile, status in (("own", doctor.WARN), ("libvirt", doctor.FAIL)):
            paths = Paths(*[f"{self.root}/x"] * 5, profile)
            with mock.patch.object(state, "_others", return_value=["libvirtd (pid 1)"]):
                found = list(state.manager(self.host._replace(paths=paths)))
            self.assertEqual(status, found[-1].status, profile)

    def findings(self, **tables: list[dict[str, object]]) -> list[doctor.Finding]:
        os.makedirs(f"{self.root}/run/qemu", exist_ok=True)
        os.makedirs(f"{self.root}/lib/qemu", exist_ok=True)
        removes = [REPORTS.add({name: lambda rows=rows: rows}) for name, rows in tables.items()]
        close = serve_unix(f"{self.root}/run/pyvirt-qemu-sock")
        try:
            return list(state.guests(self.host))
        finally:
            close()
            for remove in removes:
                remove()

    def test_healthy_guests(self) -> None:
        well = MONITOR | {"command_age": 0.1}
        (found,) = self.findings(domains=[DOMAIN], monitors=[well], jobs=[JOB | {"age": 2.0}])
        self.assertEqual(("guests", doctor.OK, "1 of 1 run"), found[:3])

    def test_ill_guests(self) -> None:
        lost = MONITOR | {"state": "none", "command_age": 0.0}
        for tables, word in (
            ({"monitors": [lost]}, "monitor none"),
            ({"monitors": [MONITOR]}, "owes the answer to stop"),
            ({"jobs": [JOB | {"age": 99.0}]}, "virDomainSuspend holds it"),
        ):
            (found,) = self.findings(domains=[DOMAIN], **tables)
            self.assertEqual(("guest g1", doctor.FAIL), found[:2])
            self.assertIn(word, found.detail)
