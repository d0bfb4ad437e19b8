# SPDX-License-Identifier: Apache-2.0
"""Refusals before the driver is asked, as libvirt-python 9.0.0 words them."""

import json
from pathlib import Path
from typing import Any

from nova_pyvirt import api, libvirt
from nova_pyvirt.libvirt.handle import Handle
from tests.base import TestCase
from tests.fixtures.libvirt.faketable import FakeTable, connect, domain

_FILE = Path(__file__).parents[2] / "fixtures" / "libvirt" / "errors.txt"
_VALUES: dict[str, Any] = {"b": b"0" * 16, "p": {"x": 1}, "Z": ["<cpu/>"], "o": None}
_BY_NAME: dict[str, Any] = {
    "cpumap": (True,),
    "keycodes": [1],
    "nkeycodes": 1,
    "mountpoints": None,
    "time": None,
    "files": [],
    "value": b"x",
    "total": 0,
    "maxCells": 1,
}


def _argument(row: api.Row, arg: api.Argument, mode: str) -> Any:
    if arg.name == "pages":
        return [4] if arg.default is None and row.function == "virNodeGetFreePages" else {4: 1}
    if arg.name in _BY_NAME and arg.kind not in "zs":
        return _BY_NAME[arg.name]
    if arg.name == "uuidstr" and mode != "null":
        return "6695eb01-f6a4-8304-79aa-97f2502e193f"
    if arg.kind in "zs":
        return None if mode == "null" else "x"
    return _VALUES.get(arg.kind, 0)


def _target(mode: str, kind: str) -> Any:
    answers = {"node_get_cpu_map": (1, b"\1", 1), "node_get_memory_parameters": {"x": 1}}
    conn = connect(FakeTable(readonly=mode == "ro", **answers))
    if kind == "virConnect":
        if mode == "closed":
            conn.close()
        return conn
    if kind == "virDomain":
        return domain(FakeTable(readonly=mode == "ro", **answers), conn)
    assert conn._o is not None
    return getattr(libvirt, kind)(conn, Handle(conn._o, None))


class OracleTest(TestCase):
    def setUp(self) -> None:
        libvirt.registerErrorHandler(lambda ctx, err: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)

    def test_refusals(self) -> None:
        rows = {row.python: row for row in api.rows()}
        lines = [x for x in _FILE.read_text().splitlines() if not x.startswith("#")]
        self.assertGreater(len(lines), 300)
        for line in lines:
            what, code, origin, message, str1, str2, int1 = line.split("|")
            mode, python = what.split()
            row = rows[python]
            with self.subTest(what):
                target = _target(mode, python.split(".")[0])
                args = [_argument(row, a, mode) for a in row.args]
                with self.assertRaises(libvirt.libvirtError) as caught:
                    getattr(target, python.split(".")[1])(*args)
                err = caught.exception.err
                assert err is not None
                shown = [*err[:3], err[4], err[5], err[7]]
                self.assertEqual([int(code), int(origin), message, str1, str2, int(int1)], shown)
                json.dumps(err)
