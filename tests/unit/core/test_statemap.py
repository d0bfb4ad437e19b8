# SPDX-License-Identifier: Apache-2.0
"""The table of transitions: whole, and the source of the documented diagram."""

import runpy
from pathlib import Path

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.statemap import STEPS, legal
from nova_pyvirt.core.states import REASONS, Paused, Running, Shutoff, State
from nova_pyvirt.model.domain import Domain
from tests.base import TestCase

TOP = Path(__file__).parents[3]


class TestStateMap(TestCase):
    def test_every_state_of_qemu_is_reached_and_left(self) -> None:
        used = set(State) - {State.NOSTATE, State.BLOCKED}
        self.assertEqual(used, {step.target for step in STEPS})
        self.assertEqual(used, {step.source for step in STEPS})

    def test_every_reason_is_reached(self) -> None:
        reached = {(step.target, int(step.reason)) for step in STEPS}
        for state, reasons in REASONS.items():
            for reason in reasons:
                if (state, reason) in reached or not reason:
                    continue
                # what nobody brings about with this QEMU driver
                self.assertEqual("USER", reason.name, (state, reason))

    def test_steps_are_legal_and_others_are_not(self) -> None:
        for step in STEPS:
            self.assertTrue(legal(step.source, step.target, step.reason), step)
        self.assertTrue(legal(State.PAUSED, State.PAUSED, Paused.IOERROR))
        for source, target, reason in (
            (State.SHUTDOWN, State.RUNNING, Running.UNPAUSED),
            (State.PMSUSPENDED, State.PAUSED, Paused.USER),
            (State.SHUTOFF, State.NOSTATE, 0),
            (State.RUNNING, State.PAUSED, 99),
        ):
            self.assertFalse(legal(source, target, reason), (source, target, reason))

    def test_an_illegal_step_is_told(self) -> None:
        vm = DomainObj(Domain.load("<domain type='qemu'><name>n</name><memory>1</memory></domain>"))
        vm.set_state(State.SHUTDOWN, 0)
        with self.assertLogs("nova_pyvirt.core.domain", "ERROR") as caught:
            vm.set_state(State.RUNNING, Running.UNPAUSED)
        self.assertIn("from SHUTDOWN to RUNNING", caught.output[0])
        self.assertIs(State.RUNNING, vm.state)
        vm.set_state(State.SHUTOFF, Shutoff.DESTROYED)

    def test_pages_are_up_to_date(self) -> None:
        made = runpy.run_path(str(TOP / "tools/gen_states.py"))
        for name, function in (("states", "text"), ("jobs", "jobs_text")):
            page = (TOP / f"doc/source/internals/{name}.rst").read_text()
            self.assertEqual(made[function](), page, "run tools/gen_states.py")
