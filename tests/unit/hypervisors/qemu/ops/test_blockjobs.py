# SPDX-License-Identifier: Apache-2.0
"""Block jobs against a scripted QEMU: what it refuses, what it says late, what is written down."""

from typing import Any

from lxml import etree

from nova_pyvirt.core.states import EventID
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.blockjobs import ending, record
from nova_pyvirt.hypervisors.qemu.blockjobs.job import BlockJob, Kind
from nova_pyvirt.hypervisors.qemu.ops import blockjobs
from tests.unit.hypervisors.qemu.ops.case import OpsCase

DISK = """<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
<source file='/a.img' index='2'/><backingStore type='file' index='3'><format type='raw'/>
<source file='/b.img'/><backingStore/></backingStore><target dev='vda' bus='virtio'/></disk>"""
NAME = "pull-vda-libvirt-2-format"


class TestBlockJobs(OpsCase):
    DEVICES = DISK

    def setUp(self) -> None:
        super().setUp()
        self.events: list[Any] = []
        for event in (EventID.BLOCK_JOB, EventID.BLOCK_JOB_2):
            self.state.bus.register(self, None, event, lambda _ref, *args: self.events.append(args))

    def begin(self, **answers: Any) -> None:
        defaults: dict[str, Any] = {
            "block_stream": {}, "job_dismiss": {}, "blockdev_del": {},
            "query_jobs": [{"id": NAME, "status": "concluded"}],
        }  # fmt: skip
        self.start(**{**defaults, **answers})
        disk = self.vm.definition.devices.disks[0]
        disk.source.index, disk.backing.index = 2, 3

    def status(self, status: str, name: str = NAME) -> None:
        ending.on_job(self.state, self.vm, {"id": name, "status": status}, 0.0)

    def test_a_domain_that_is_off(self) -> None:
        self.refused(Code.OPERATION_INVALID, blockjobs.get_info, "vda", 0)
        self.refused(Code.OPERATION_INVALID, blockjobs.abort, "vda", 0)
        self.refused(Code.OPERATION_INVALID, blockjobs.pull, "vda", 0, 0)

    def test_none(self) -> None:
        self.begin()
        for disk in ("vda", "/a.img"):
            self.assertEqual((0, 0, 0, 0, 0), blockjobs.get_info(self.state, self.ref, disk, 0))
            said = self.refused(Code.INVALID_ARG, blockjobs.abort, disk, 0)
            self.assertIn("disk vda does not have an active block job", said)
        self.refused(Code.INVALID_ARG, blockjobs.set_speed, "vda", 1, 0)
        self.refused(Code.OVERFLOW, blockjobs.set_speed, "vda", 1 << 44, 0)
        said = self.refused(Code.INVALID_ARG, blockjobs.get_info, "vdz", 0)
        self.assertIn("disk 'vdz' not found in domain", said)

    def test_how_far(self) -> None:
        rows: list[dict[str, Any]] = []
        self.begin(query_block_jobs=lambda _args: rows)
        blockjobs.pull(self.state, self.ref, "vda", 0, 0)
        for row, expected in (
            ({}, (1, 1, 0, 0, 1)),  # QEMU has it no more: it is not to look as if it were done
            ({"offset": 0, "len": 0, "speed": 0}, (1, 1, 0, 0, 1)),
            ({"offset": 0, "len": 0, "speed": 0, "ready": True}, (1, 1, 0, 1, 1)),
            ({"offset": 9, "len": 9, "speed": 1, "ready": False}, (1, 1, 1, 8, 9)),
            ({"offset": 9, "len": 9, "speed": (1 << 20) + 1, "ready": True}, (1, 1, 2, 9, 9)),
        ):
            rows[:] = [{"device": NAME, **row}] if row else []
            self.assertEqual(expected, blockjobs.get_info(self.state, self.ref, "vda", 0))

    def test_qemu_refuses(self) -> None:
        def refuse(_args: Any) -> None:
            raise libvirtError("no")

        self.begin(block_stream=refuse)
        self.assertRaises(libvirtError, blockjobs.pull, self.state, self.ref, "vda", 0, 0)
        self.assertEqual({}, self.vm.private.blockjobs)
        self.assertNotIn("<blockjob ", record.element(self.vm.private.blockjobs))

    def test_it_fails(self) -> None:
        self.begin(query_jobs=[{"id": NAME, "status": "concluded", "error": "no space"}])
        blockjobs.pull(self.state, self.ref, "vda", 0, 0)
        job = self.vm.private.blockjobs[NAME]
        ending.conclude(self.state, self.vm, job)
        ending.conclude(self.state, self.vm, job)  # the second one finds nothing to do
        self.assertEqual([("/a.img", 1, 1), ("vda", 1, 1)], self.events)
        self.assertEqual(("no space", "failed"), (job.error, job.state))
        self.assertIsNotNone(self.vm.definition.devices.disks[0].backing.source)

    def test_ready_is_told_once_and_not_after_the_end_has_begun(self) -> None:
        self.begin()
        blockjobs.pull(self.state, self.ref, "vda", 0, 0)
        for status in ("running", "ready", "standby", "ready"):
            self.status(status)
        self.vm.private.blockjobs[NAME].state = "pivoting"
        self.status("ready")
        self.status("ready", "somebody-else-s")
        self.assertEqual([("/a.img", 1, 3), ("vda", 1, 3)], self.events)

    def test_written_down(self) -> None:
        jobs = [
            BlockJob("a'<", Kind.COPY, "vda", state="ready", flags=3, shallow_new=True),
            BlockJob("b", Kind.COMMIT, "vdb", "running", base=4, top=3, parent=2, delete=True),
            BlockJob("c", Kind.CREATE, ""),
        ]
        text = record.element({job.name: job for job in jobs})
        found = record.read([etree.fromstring(text)])
        self.assertEqual(["a'<", "b"], list(found))
        for job in jobs[:2]:
            job.concluded = found[job.name].concluded
            self.assertEqual(job, found[job.name])

    def test_what_another_manager_wrote_and_nobody_understands(self) -> None:
        text = (
            "<blockjobs><blockjob name='x' type='backup'><disk dst='vda'/></blockjob></blockjobs>"
        )
        with self.assertLogs(record.LOG, "WARNING"):
            self.assertEqual({}, record.read([etree.fromstring(text)]))
