# SPDX-License-Identifier: Apache-2.0
"""Jobs on a running guest's disks, with a real QEMU: ends, failures, another process in between."""

import json
import os
import subprocess
from typing import Any

from nova_pyvirt.core.states import EventID
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.monitor import Monitor
from nova_pyvirt.util.native import threading
from nova_pyvirt.util.typed import ULLong
from tests.functional.lifecycle_case import LifecycleCase

PIVOT, ASYNC = 2, 1
SHALLOW, REUSE, TRANSIENT = 1, 2, 4
ACTIVE, DELETE = 4, 2
PULL, COPY, COMMIT, ACTIVE_COMMIT = 1, 2, 3, 4
COMPLETED, FAILED, CANCELED, READY = 0, 1, 2, 3
DISK = (
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{}'/>"
    "<target dev='vdb' bus='virtio'/></disk>"
)
NEW = "<disk type='file'><source file='{}'/><driver type='{}'/></disk>"


class BlockJobCase(LifecycleCase):
    """A guest with a disk of three images: base.qcow2, mid.qcow2, top.qcow2."""

    def setUp(self) -> None:
        super().setUp()
        self.told: list[tuple[str, int, int]] = []
        self.watch()

    def watch(self) -> None:
        self.table.connect_domain_event_register_any(
            None, EventID.BLOCK_JOB_2, lambda _ref, *args: self.told.append(args)
        )

    def guest(self) -> Any:
        self.base = self.image("base.qcow2", "4M")
        for at, pattern in ((0, 7), (1, 8)):
            command = f"write -P {pattern} {at}M 512k"
            subprocess.run(["qemu-io", "-c", command, self.base], check=True, capture_output=True)
        self.mid = self.image("mid.qcow2", backing=self.base)
        self.top = self.image("top.qcow2", backing=self.mid)
        self.ref = self.table.domain_create(self.define(devices=DISK.format(self.top)))
        return self.ref

    def image(self, name: str, *size: str, backing: str = "") -> str:
        path = f"{self.root}/{name}"
        more = ["-b", backing, "-F", "qcow2"] if backing else []
        command = ["qemu-img", "create", "-q", "-f", "qcow2", *more, path, *size]
        subprocess.run(command, check=True)
        return path

    def chain(self) -> list[str]:
        vm = self.table.state.domains.find(self.ref)
        disk = next(d for d in vm.definition.devices.disks if d.target == "vdb")
        found, layer = [], disk
        while layer is not None and layer.source is not None:
            found.append(os.path.basename(layer.source.file))
            layer = layer.backing
        return found

    def nodes(self) -> set[str]:
        """The images that QEMU has open for the disk."""
        mon = self.table.state.domains.find(self.ref).private.mon
        rows = mon.command("query-named-block-nodes", {"flat": True}, kind="query")
        files = {os.path.basename(row["file"]) for row in rows if row["drv"] == "file"}
        return files - {"nano.img"}

    def owner(self, path: str) -> int:
        return os.stat(path).st_uid

    def await_told(self, *told: int) -> None:
        self.until(lambda: ("vdb", *told) in self.told)

    def refused(self, code: Code, words: str, call: Any, *args: Any) -> None:
        with self.assertRaisesRegex(libvirtError, words) as caught:
            call(self.ref, *args)
        self.assertEqual(code, caught.exception.get_error_code())


class TestPull(BlockJobCase):
    def test_everything(self) -> None:
        self.guest()
        self.table.domain_block_pull(self.ref, "vdb", 0, 0)
        self.await_told(PULL, COMPLETED)
        self.assertEqual(["top.qcow2"], self.chain())
        self.assertEqual({"top.qcow2"}, self.nodes())
        self.until(lambda: self.owner(self.base) == self.owner(self.root))
        self.assertEqual((0, 0, 0, 0, 0), self.table.domain_get_block_job_info(self.ref, "vdb", 0))

    def test_down_to_an_image(self) -> None:
        self.guest()
        self.table.domain_block_rebase(self.ref, self.top, self.base, 0, 0)
        self.await_told(PULL, COMPLETED)
        self.assertEqual(["top.qcow2", "base.qcow2"], self.chain())
        self.table.domain_destroy(self.ref)
        said = subprocess.run(
            ["qemu-img", "info", "--output=json", self.top], check=True, capture_output=True
        )
        self.assertEqual(self.base, json.loads(said.stdout)["backing-filename"])

    def test_canceled(self) -> None:
        self.guest()
        self.table.domain_block_pull(self.ref, "vdb", 1, 64)  # a byte a second
        _found, kind, speed, cur, end = self.table.domain_get_block_job_info(self.ref, "vdb", 1)
        self.assertEqual((PULL, 1), (kind, speed))
        self.assertLess(cur, end)
        self.refused(
            Code.OPERATION_UNSUPPORTED,
            "already in active",
            self.table.domain_block_pull,
            "vdb",
            0,
            0,
        )
        self.refused(
            Code.BLOCK_COPY_ACTIVE, "not ready for pivot", self.table.domain_block_job_abort,
            "vdb", PIVOT,
        )  # fmt: skip
        self.table.domain_block_job_abort(self.ref, "vdb", 0)
        self.assertIn(("vdb", PULL, CANCELED), self.told)
        self.assertEqual(["top.qcow2", "mid.qcow2", "base.qcow2"], self.chain())


class TestCommit(BlockJobCase):
    def test_a_layer(self) -> None:
        self.guest()
        self.table.domain_block_commit(self.ref, "vdb", self.base, self.mid, 0, DELETE)
        self.await_told(COMMIT, COMPLETED)
        self.assertEqual(["top.qcow2", "base.qcow2"], self.chain())
        self.assertEqual({"top.qcow2", "base.qcow2"}, self.nodes())
        self.until(lambda: not os.path.exists(self.mid))

    def test_the_topmost(self) -> None:
        self.guest()
        self.table.domain_block_commit(self.ref, "vdb", "vdb[4]", None, 0, ACTIVE)
        self.await_told(ACTIVE_COMMIT, READY)
        self.assertIn("job='active-commit' ready='yes'", self.xml())
        self.table.domain_block_job_abort(self.ref, "vdb", PIVOT)
        self.assertIn(("vdb", ACTIVE_COMMIT, COMPLETED), self.told)
        self.assertEqual((["base.qcow2"], {"base.qcow2"}), (self.chain(), self.nodes()))
        self.assertIn(self.base, self.xml(2))
        self.table.domain_destroy(self.ref)
        self.table.domain_create(self.ref)  # with what the definition names now
        self.assertEqual(["base.qcow2"], self.chain())

    def xml(self, flags: int = 0) -> str:
        return str(self.table.domain_get_xml_desc(self.ref, flags))

    def test_refused(self) -> None:
        self.guest()
        commit = self.table.domain_block_commit
        for words, base, top, flags in (
            ("requires active flag", None, None, 0),
            ("'.*mid.qcow2' is not active", None, self.mid, ACTIVE),
            ("could not find base image", None, self.base, 0),
            ("is not immediately below", self.base, None, ACTIVE | 1),
            ("does not match target", None, "vdz[2]", 0),
            ("could not find backing store index '77'", "vdb[77]", self.mid, 0),
        ):
            with self.subTest(words):
                self.refused(Code.INVALID_ARG, words, commit, "vdb", base, top, 0, flags)
        self.assertEqual({}, self.table.state.domains.find(self.ref).private.blockjobs)


class TestCopy(BlockJobCase):
    def copy(self, path: str, flags: int = TRANSIENT, kind: str = "qcow2", **params: int) -> None:
        values = {name.replace("_", "-"): ULLong(value) for name, value in params.items()}
        self.table.domain_block_copy(self.ref, "vdb", NEW.format(path, kind), values, flags)

    def test_to_a_new_image_and_on_it(self) -> None:
        self.guest()
        new = f"{self.root}/new.qcow2"
        self.copy(new)
        self.await_told(COPY, READY)
        self.refused(Code.OPERATION_INVALID, "active block job", self.table.domain_save, "/x")
        self.table.domain_block_job_abort(self.ref, "vdb", PIVOT)
        self.assertIn(("vdb", COPY, COMPLETED), self.told)
        self.assertEqual((["new.qcow2"], {"new.qcow2"}), (self.chain(), self.nodes()))
        self.assertEqual(self.owner(self.root), self.owner(self.top))
        self.table.domain_destroy(self.ref)
        self.assertEqual(self.owner(self.root), self.owner(new))
        said = subprocess.run(
            ["qemu-io", "-r", "-c", "read -P 8 1M 512k", new], capture_output=True, text=True
        )
        self.assertNotIn("failed", said.stdout + said.stderr)

    def test_shallow(self) -> None:
        self.guest()
        self.copy(f"{self.root}/new.qcow2", TRANSIENT | SHALLOW)
        self.await_told(COPY, READY)
        self.table.domain_block_job_abort(self.ref, "vdb", PIVOT)
        self.assertEqual(["new.qcow2", "mid.qcow2", "base.qcow2"], self.chain())
        self.assertEqual({"new.qcow2", "mid.qcow2", "base.qcow2"}, self.nodes())

    def test_raw(self) -> None:
        self.guest()
        new = f"{self.root}/new.raw"
        self.copy(new, kind="raw")
        self.await_told(COPY, READY)
        self.table.domain_block_job_abort(self.ref, "vdb", 0)
        self.assertIn(("vdb", COPY, CANCELED), self.told)
        self.assertEqual(["top.qcow2", "mid.qcow2", "base.qcow2"], self.chain())
        self.assertEqual({"top.qcow2", "mid.qcow2", "base.qcow2"}, self.nodes())
        self.assertEqual((4 << 20, self.owner(self.root)), (os.stat(new).st_size, self.owner(new)))

    def test_a_failure_leaves_nothing(self) -> None:
        self.guest()
        before = (self.nodes(), self.table.domain_get_xml_desc(self.ref, 0))
        exists = self.image("there.qcow2", "4M")
        for code, words, path, flags, kind in (
            (Code.CONFIG_UNSUPPORTED, "already exists", exists, TRANSIENT, "qcow2"),
            (Code.SYSTEM_ERROR, "failed to create copy", "/nonexistent/x", TRANSIENT, "qcow2"),
            (Code.SYSTEM_ERROR, "missing destination", "/nonexistent/x", TRANSIENT | REUSE, "raw"),
            (Code.OPERATION_UNSUPPORTED, "can't create", f"{self.root}/n", TRANSIENT, "vpc"),
            (Code.OPERATION_INVALID, "not transient", f"{self.root}/n", 0, "qcow2"),
        ):
            with self.subTest(words):
                self.refused(
                    code,
                    words,
                    self.table.domain_block_copy,
                    "vdb",
                    NEW.format(path, kind),
                    {},
                    flags,
                )
        self.assertEqual(before, (self.nodes(), self.table.domain_get_xml_desc(self.ref, 0)))
        self.assertFalse(os.path.exists(f"{self.root}/n"))

    def test_the_target_is_full(self) -> None:
        self.guest()
        small = f"{self.root}/small.raw"
        with open(small, "wb") as file:
            file.truncate(1 << 20)
        self.table.domain_block_copy(
            self.ref, "vdb", NEW.format(small, "raw"), {}, TRANSIENT | REUSE
        )
        self.await_told(COPY, FAILED)
        self.assertNotIn("<mirror", self.table.domain_get_xml_desc(self.ref, 0))
        self.until(lambda: self.owner(self.root) == self.owner(small))
        self.assertEqual({"top.qcow2", "mid.qcow2", "base.qcow2"}, self.nodes())


class TestAnotherProcess(BlockJobCase):
    """The manager ends while a job is under way."""

    def reopen(self) -> Any:
        super().reopen()
        self.watch()
        self.ref = self.table.domain_lookup_by_name("nano")
        return self.table

    def test_ready_then_pivot(self) -> None:
        self.guest()
        xml = NEW.format(f"{self.root}/new.qcow2", "qcow2")
        self.table.domain_block_copy(self.ref, "vdb", xml, {}, TRANSIENT | SHALLOW)
        self.await_told(COPY, READY)
        self.reopen()
        self.assertEqual(COPY, self.table.domain_get_block_job_info(self.ref, "vdb", 0)[1])
        self.table.domain_block_job_abort(self.ref, "vdb", PIVOT)
        self.assertEqual(["new.qcow2", "mid.qcow2", "base.qcow2"], self.chain())

    def test_it_ends_unseen(self) -> None:
        self.guest()
        self.table.domain_block_pull(self.ref, "vdb", 1, 64)
        monitor = self.table.state.domains.find(self.ref).private.monitor_path
        self.table.close()
        self.release(monitor)
        self.table = self.open()
        self.watch()
        self.ref = self.table.domain_lookup_by_name("nano")
        self.until(lambda: self.chain() == ["top.qcow2"])
        self.until(lambda: not self.table.state.domains.find(self.ref).private.blockjobs)

    def release(self, monitor: str) -> None:
        """Lets the job run to its end while nobody of ours looks."""
        over = threading.Event()

        def on_event(name: str, data: dict[str, Any], _when: float) -> None:
            if name == "JOB_STATUS_CHANGE" and data["status"] == "concluded":
                over.set()

        mon = Monitor.connect(
            monitor, name="nano", on_event=on_event, on_eof=lambda _why: None, deadline=10
        )
        rows = mon.command("query-block-jobs", kind="query")
        mon.command("block-job-set-speed", {"device": rows[0]["device"], "speed": 0})
        self.assertTrue(over.wait(10))
        mon.close()
