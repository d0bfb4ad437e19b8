# SPDX-License-Identifier: Apache-2.0
"""Shapes: every procedure's arguments and results convert both ways."""

from nova_pyvirt.core.refs import DomainRef, NodeDeviceRef, SnapshotRef
from nova_pyvirt.hypervisors.remote import special
from nova_pyvirt.hypervisors.remote.shapes import program, shape, squash
from nova_pyvirt.hypervisors.remote.table import _shapes
from nova_pyvirt.util.typed import Int, LLong, UInt, ULLong
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.xdr import XDRError
from tests.base import TestCase
from tests.unit.wire.test_xdr import Values

DOM = DomainRef("d", b"0123456789abcdef", 7)


def made(name: str):  # type: ignore[no-untyped-def]
    return shape(protocol.REMOTE, program(protocol.REMOTE).by_name[name].number)


class BothWaysTest(TestCase):
    def test_arguments_of_every_procedure(self) -> None:
        plain = protocol.program(protocol.REMOTE)
        for one in _shapes().values():
            if one.proc.program != protocol.REMOTE or one.proc.args is None:
                continue
            value = Values(plain.codec, 3).named(one.proc.args)
            args, hidden = one.load_args(plain.encode(one.proc.args, value))
            again, hidden_again = one.load_args(one.dump_args(tuple(args), **hidden))
            with self.subTest(one.slot):
                if one.flags_index is None:
                    self.assertEqual(args, again)
                self.assertEqual(hidden, hidden_again)

    def test_typed_parameters_keep_their_types(self) -> None:
        values = {
            "i": Int(-1),
            "u": UInt(2),
            "l": LLong(-3),
            "ul": ULLong(2**63),
            "d": 1.5,
            "b": True,
            "s": "text",
        }
        data = made("domain_set_memory_parameters").dump_args((DOM, values, 0))
        args, _ = made("domain_set_memory_parameters").load_args(data)
        self.assertEqual(values, args[1])
        self.assertEqual([type(v) for v in values.values()], [type(v) for v in args[1].values()])
        with self.assertRaises(XDRError):
            made("domain_set_memory_parameters").dump_args((DOM, {"x": None}, 0))

    def test_repeated_parameters_are_lists(self) -> None:
        one = made("domain_migrate_begin3_params")
        values = {"disk": ["vda", "vdb", "vdc"], "n": Int(1)}
        self.assertEqual([DOM, values, 0], one.load_args(one.dump_args((DOM, values, 0)))[0])
        plain = protocol.program(protocol.REMOTE).decode(
            one.proc.args, one.dump_args((DOM, values, 0))
        )
        self.assertEqual(["disk", "disk", "disk", "n"], [field for field, _ in plain[1]])

    def test_too_many_or_broken_parameters(self) -> None:
        one = made("domain_set_memory_parameters")
        with self.assertRaises(XDRError):
            one.dump_args((DOM, {f"p{i}": Int(i) for i in range(17)}, 0))
        good = one.dump_args((DOM, {"wxyz": Int(1)}, 0))
        at = good.index(b"wxyz")
        for bad in (
            good[: at - 8] + b"\0\0\0\x11" + good[at - 4 :],
            good[: at - 4] + b"\xff\xff\xff\xff" + good[at:],
            good.replace(b"wxyz", b"wx\0z"),
            good.replace(b"wxyz", b"\xff\xff\xff\xff"),
            good.replace(b"wxyz\0\0\0\1", b"wxyz\0\0\0\x09"),
            good[:-4],
        ):
            with self.assertRaises(XDRError):
                one.load_args(bad)

    def test_refs(self) -> None:
        snap = SnapshotRef(DOM, "s1")
        data = made("domain_snapshot_get_xml_desc").dump_args((snap, 0))
        self.assertEqual([snap, 0], made("domain_snapshot_get_xml_desc").load_args(data)[0])
        device = NodeDeviceRef("computer")
        data = made("node_device_get_xml_desc").dump_args((device, 0))
        self.assertEqual([device, 0], made("node_device_get_xml_desc").load_args(data)[0])

    def test_lists_hide_their_count(self) -> None:
        one = made("connect_list_all_domains")
        data = one.dump_ret([DOM, DOM], {"need_results": 1})
        self.assertEqual([DOM, DOM], one.load_ret(data))
        only_count = one.dump_ret([DOM, DOM], {"need_results": 0})
        plain = protocol.program(protocol.REMOTE)
        self.assertEqual(([], 2), plain.decode(one.proc.ret, only_count))

    def test_lists_of_domains_as_the_generic_codec_writes_them(self) -> None:
        one = made("connect_list_all_domains")
        refs = [DomainRef("n" * i, bytes([i]) * 16, i - 1) for i in (0, 1, 4, 200)]
        plain = protocol.program(protocol.REMOTE)
        generic = plain.encode(one.proc.ret, ([tuple(r) for r in refs], 4))
        for _ in range(2):  # made, then from memory
            self.assertEqual(generic, one.dump_ret(refs, {"need_results": 1}))
        self.assertEqual(refs, one.load_ret(generic))

    def test_statistics_as_the_generic_codec_writes_them(self) -> None:
        one = made("connect_get_all_domain_stats")
        records = [(DOM, {"a": ULLong(2), "s": "text"}), (DOM._replace(id=-1), {})]
        typed = [("a", (4, 2)), ("s", (7, "text"))]
        plain = protocol.program(protocol.REMOTE)
        generic = ([(tuple(DOM), typed), (tuple(DOM)[:2] + (-1,), [])],)
        data = plain.encode(one.proc.ret, generic)
        self.assertEqual(data, one.dump_ret(records, {}))
        self.assertEqual(records, one.load_ret(data))
        for bad in (data[:-1], data[:30], b"\0\0\0\3" + data[4:], b"\xff" + data[1:]):
            with self.assertRaises(XDRError):
                one.load_ret(bad)

    def test_broken_lists_of_domains(self) -> None:
        one = made("connect_list_all_domains")
        good = one.dump_ret([DOM], {"need_results": 1})
        name = DOM.name.encode()
        for bad in (
            good[:20],
            good[:3],
            b"\0\0\0\2" + good[4:],
            b"\xff" + good[1:],
            good[:4] + b"\0\xff\xff\xff" + good[8:],
            good.replace(name, name[:-1] + b"\0"),
            good.replace(name, name[:-1] + b"\xff"),
        ):
            with self.assertRaises(XDRError):
                one.load_ret(bad)
        for ref in (DOM._replace(name="a\0b"), DOM._replace(uuid=b"short")):
            with self.assertRaises(XDRError):
                one.dump_ret([ref], {"need_results": 1})
        with self.assertRaises(XDRError):
            one.dump_ret([DOM] * 16385, {"need_results": 1})

    def test_two_steps(self) -> None:
        one = made("domain_get_memory_parameters")
        plain = protocol.program(protocol.REMOTE)
        values = {"a": ULLong(1), "b": ULLong(2)}
        count = plain.decode(one.proc.ret, one.dump_ret(values, {"nparams": 0}))
        self.assertEqual(([], 2), count)
        self.assertEqual(values, one.load_ret(one.dump_ret(values, {"nparams": 2})))

    def test_every_special_call_stands_for_a_procedure(self) -> None:
        extra = {"connectisencrypted", "connectisalive", "connectsetkeepalive"}
        names = [n for n in vars(special) if n.startswith(("domain_", "node_", "storage_", "conn"))]
        known = set(_shapes()) | extra
        for name in names:
            self.assertIn(squash(name), known)
