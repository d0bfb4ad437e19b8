# SPDX-License-Identifier: Apache-2.0
import copy
import inspect
import pickle

from nova_pyvirt import errors
from tests.base import TestCase


class ErrorTest(TestCase):
    def tearDown(self) -> None:
        errors.set_last_error(None)
        super().tearDown()

    def test_made_by_a_user_takes_the_last_error(self) -> None:
        """As libvirt-python's: one argument, the fields from the thread."""
        self.assertEqual(
            ["self", "defmsg"], list(inspect.signature(errors.libvirtError.__init__).parameters)
        )
        made = errors.libvirtError("mine")
        self.assertEqual(("mine", None), (str(made), made.get_error_code()))
        last = errors.fields(errors.Code.NO_DOMAIN, "gone")
        errors.set_last_error(last)
        made = errors.libvirtError("mine")
        self.assertEqual(("Domain not found: gone", 42), (str(made), made.get_error_code()))

    def test_fields_survive_copy_and_pickle(self) -> None:
        made = errors.error(errors.Code.NO_DOMAIN, "gone")
        for again in (copy.copy(made), pickle.loads(pickle.dumps(made))):
            self.assertEqual((str(made), made.err), (str(again), again.err))
