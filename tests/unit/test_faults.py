# SPDX-License-Identifier: Apache-2.0
"""The list of faults names tests that there are."""

import re
from pathlib import Path
from pkgutil import resolve_name

from tests.base import TestCase

LIST = Path(__file__).parents[2] / "doc/source/contributor/faults.rst"


class TestList(TestCase):
    def test_each_is_there(self) -> None:
        names = re.findall("``(tests[.][^`]*)``", LIST.read_text())
        self.assertGreater(len(names), 50)
        for name in names:
            with self.subTest(name):
                resolve_name(name)
