# SPDX-License-Identifier: Apache-2.0
"""The base of all test cases."""

import unittest


class TestCase(unittest.TestCase):
    """A test case; failures show whole differences."""

    maxDiff = None
