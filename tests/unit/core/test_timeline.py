# SPDX-License-Identifier: Apache-2.0
"""Stages of a start: nesting, failures, the status file's element."""

from lxml import etree

from nova_pyvirt.core.timeline import Timeline
from tests.base import TestCase


class TimelineTest(TestCase):
    def test_stages_nest_in_order(self) -> None:
        timeline = Timeline()
        with timeline.stage("outer"), timeline.stage("inner"):
            pass
        with timeline.stage("next"):
            pass
        timeline.end()
        self.assertEqual(
            [("outer", 0), ("inner", 1), ("next", 0)],
            [(one.name, one.depth) for one in timeline.stages],
        )
        row = timeline.row()
        self.assertEqual(("done", ""), (row["outcome"], row["error"]))
        ends = [one["begin"] + one["seconds"] for one in row["stages"]]
        self.assertLessEqual(ends[1], ends[0])
        self.assertLessEqual(ends[0], row["stages"][2]["begin"])
        self.assertLessEqual(max(ends), row["seconds"])

    def test_a_failure_is_marked_where_it_was(self) -> None:
        timeline = Timeline()
        with self.assertRaises(ValueError), timeline.stage("outer"):
            with timeline.stage("fine"):
                pass
            with timeline.stage("bad"):
                raise ValueError
        timeline.end("no disk")
        failed = [one.name for one in timeline.stages if one.failed]
        self.assertEqual(["outer", "bad"], failed)
        row = timeline.row()
        self.assertEqual(("failed", "no disk"), (row["outcome"], row["error"]))

    def test_under_way(self) -> None:
        timeline = Timeline()
        with timeline.stage("now"):
            row = timeline.row()
        self.assertEqual("under way", row["outcome"])
        self.assertIsNone(row["stages"][0]["seconds"])

    def test_status_file(self) -> None:
        timeline = Timeline(begun=1234.5)
        with timeline.stage("a<b"), timeline.stage("inner"):
            pass
        with timeline.stage("status"):
            text = timeline.xml()
        again = Timeline.load([etree.fromstring("<libDir/>"), etree.fromstring(text)])
        self.assertEqual(1234.5, again.begun)
        self.assertEqual(
            [("a<b", 0), ("inner", 1)], [(one.name, one.depth) for one in again.stages]
        )
        self.assertEqual("done", again.row()["outcome"])

    def test_status_file_without_one(self) -> None:
        again = Timeline.load([])
        self.assertEqual(([], "done"), (again.stages, again.row()["outcome"]))
