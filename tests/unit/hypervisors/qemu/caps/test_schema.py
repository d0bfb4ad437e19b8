# SPDX-License-Identifier: Apache-2.0
from nova_pyvirt.hypervisors.qemu.caps.schema import Schema
from tests.base import TestCase

SCHEMA = Schema(
    [
        {
            "name": "add",
            "meta-type": "command",
            "arg-type": "1",
            "ret-type": "4",
            "features": ["hot"],
        },
        {
            "name": "1",
            "meta-type": "object",
            "members": [
                {"name": "kind", "type": "2"},
                {"name": "opt", "type": "str", "default": None},
            ],
            "variants": [{"case": "file", "type": "3"}],
        },
        {"name": "2", "meta-type": "enum", "members": [{"name": "file", "features": ["f"]}]},
        {"name": "3", "meta-type": "object", "members": [{"name": "more", "type": "5"}]},
        {"name": "4", "meta-type": "array", "element-type": "3"},
        {"name": "5", "meta-type": "alternate", "members": [{"type": "str"}, {"type": "3"}]},
        {"name": "old", "meta-type": "enum", "values": ["a"]},
        {"name": "str", "meta-type": "builtin", "json-type": "string"},
    ]
)


class PathTest(TestCase):
    def test_there(self) -> None:
        for path in (
            "add", "add/$hot", "add/arg-type/kind", "add/arg-type/kind/^file",
            "add/arg-type/kind/^file/$f", "add/arg-type/*opt", "add/arg-type/+file/more",
            "add/ret-type/more", "add/ret-type/more/!string", "add/ret-type/more/more", "old/^a",
        ):  # fmt: skip
            self.assertTrue(SCHEMA.has(path), path)

    def test_not_there(self) -> None:
        for path in (
            "del", "add/$cold", "add/arg-type/none", "add/arg-type/kind/^dir", "add/arg-type/*kind",
            "add/arg-type/kind/^file/$g", "add/arg-type/+dir", "add/ret-type/kind", "old/^a/$f",
            "add/ret-type/more/!number", "add/$hot/x",
        ):  # fmt: skip
            self.assertFalse(SCHEMA.has(path), path)

    def test_commands(self) -> None:
        self.assertEqual(["add"], SCHEMA.commands())
