# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import tempfile

from nova_pyvirt.util import procstat
from tests.base import TestCase


class ProcstatTest(TestCase):
    def test_name_with_brackets(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        os.makedirs(f"{folder}/7/task/8")
        for path, state in ((f"{folder}/7/stat", "S"), (f"{folder}/7/task/8/stat", "R")):
            with open(path, "w", encoding="ascii") as file:
                file.write(f"7 (a) b) {state} " + " ".join(str(n) for n in range(4, 53)))
        self.assertEqual(b"S", procstat.read(7, root=folder)[procstat.STATE])
        fields = procstat.read(7, 8, folder)
        self.assertEqual(b"R", fields[procstat.STATE])
        # numbers of proc(5)
        for field, number in (
            (procstat.USER, 14),
            (procstat.SYSTEM, 15),
            (procstat.START, 22),
            (procstat.RSS, 24),
            (procstat.PROCESSOR, 39),
        ):
            self.assertEqual(str(number).encode(), fields[field])

    def test_of_a_process(self) -> None:
        spent = procstat.processor_time(os.getpid())
        self.assertGreater(spent, 0)
        child = subprocess.Popen(["true"])
        child.wait()
        self.assertEqual(0, procstat.processor_time(child.pid))
        with self.assertRaises(OSError):
            procstat.read(child.pid)
