# SPDX-License-Identifier: Apache-2.0
"""Codecs: every type round-trips, limits hold, no bytes crash a decoder."""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nova_pyvirt.wire import idl, protocol
from nova_pyvirt.wire.xdr import Codec, XDRError
from tests.base import TestCase

PROGRAMS = (protocol.REMOTE, protocol.QEMU, protocol.LXC, protocol.ADMIN)
_NUMBERS = {
    "int": (-(2**31), 2**31 - 1),
    "uint": (0, 2**32 - 1),
    "hyper": (-(2**63), 2**63 - 1),
    "uhyper": (0, 2**64 - 1),
    "char": (0, 127),
    "short": (-(2**15), 2**15 - 1),
    "uchar": (0, 255),
    "ushort": (0, 65535),
    "bool": (0, 1),
}


class Values:
    """Makes values of any type of a program."""

    def __init__(self, codec: Codec, seed: int) -> None:
        self.codec = codec
        self.random = random.Random(seed)

    def of(self, type_: idl.Type) -> Any:
        type_ = self.codec.resolve(type_)
        if type_.optional:
            inner = idl.Type(type_.name, False, type_.bound, type_.fixed)
            return None if self.random.random() < 0.3 else self.of(inner)
        if type_.name == "string":
            return "".join(self.random.choice("abcé雪'<>") for _ in range(self.size(type_)))
        if type_.name == "opaque" or (type_.name == "char" and type_.bound is not None):
            return self.random.randbytes(self.size(type_))
        if type_.bound is not None:
            return [self.of(idl.Type(type_.name)) for _ in range(self.size(type_))]
        if type_.name == "double":
            return self.random.uniform(-1e9, 1e9)
        if type_.name in _NUMBERS:
            return self.random.randint(*_NUMBERS[type_.name])
        return self.named(type_.name)

    def size(self, type_: idl.Type) -> int:
        bound = type_.bound or 0
        return bound if type_.fixed else min(self.random.randint(0, 5), bound)

    def named(self, name: str) -> Any:
        definition = self.codec.definition(name)
        if isinstance(definition, idl.Union):
            case, type_ = self.random.choice(definition.arms)
            return case, self.of(type_)
        assert isinstance(definition, idl.Struct)
        return tuple(self.of(t) for _, t in definition.members)


class RoundTripTest(TestCase):
    def test_every_argument_and_result_of_every_program(self) -> None:
        count = 0
        for number in PROGRAMS:
            program = protocol.program(number)
            for proc in program.procs.values():
                for name in filter(None, (proc.args, proc.ret)):
                    for seed in range(3):
                        value = Values(program.codec, seed).named(name)
                        data = program.encode(name, value)
                        self.assertEqual(0, len(data) % 4, name)
                        self.assertEqual(value, program.decode(name, data), name)
                    count += 1
        self.assertGreater(count, 700)

    def test_truncated_or_longer_bytes_are_refused(self) -> None:
        program = protocol.program(protocol.REMOTE)
        for proc in program.procs.values():
            if proc.args is None:
                continue
            data = program.encode(proc.args, Values(program.codec, 7).named(proc.args))
            with self.assertRaises(XDRError, msg=proc.name):
                program.decode(proc.args, data + b"\0\0\0\0")
            with self.assertRaises(XDRError, msg=proc.name):
                program.decode(proc.args, data[:-4])


class LimitsTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.codec = protocol.program(protocol.REMOTE).codec

    def refused(self, name: str, value: Any) -> None:
        with self.assertRaises(XDRError):
            self.codec.encode(name, value)

    def test_strings(self) -> None:
        name = "remote_domain_lookup_by_name_args"
        self.codec.encode(name, ("x" * 4194304,))
        self.refused(name, ("x" * 4194305,))
        self.refused(name, ("a\0b",))
        self.refused(name, (None,))
        self.refused(name, (b"bytes",))

    def test_announced_sizes_are_checked_before_anything_is_allocated(self) -> None:
        for size in (4194305, 0x7FFFFFFF, 0xFFFFFFFF):
            with self.assertRaises(XDRError):
                self.codec.decode("remote_domain_lookup_by_name_args", size.to_bytes(4, "big"))
        huge = (16384).to_bytes(4, "big") + (16384).to_bytes(4, "big")
        with self.assertRaises(XDRError):
            self.codec.decode("remote_connect_list_all_domains_ret", huge)

    def test_bad_text(self) -> None:
        for raw in (b"\xff\xfe\xfd\xfc", b"a\0b\0", b"\xed\xa0\x80\0"):
            with self.assertRaises(XDRError):
                data = len(raw).to_bytes(4, "big") + raw
                self.codec.decode("remote_domain_lookup_by_name_args", data)

    def test_lists(self) -> None:
        ref = ("n", b"u" * 16, 1)
        name = "remote_connect_list_all_domains_ret"
        self.codec.encode(name, ([ref] * 16384, 16384))
        self.refused(name, ([ref] * 16385, 16385))

    def test_uuid_has_sixteen_bytes(self) -> None:
        self.refused("remote_domain_lookup_by_uuid_args", (b"short",))

    def test_numbers_out_of_range(self) -> None:
        self.refused("remote_domain_lookup_by_id_args", (2**31,))
        self.refused("remote_domain_lookup_by_id_args", ("1",))

    def test_pointers_are_zero_or_one(self) -> None:
        with self.assertRaises(XDRError):
            self.codec.decode("remote_connect_get_max_vcpus_args", b"\0\0\0\2")

    def test_char_arrays_take_four_bytes_each(self) -> None:
        value = (b"x86_64".ljust(32, b"\0"), 1, 2, 3, 4, 5, 6, 7)
        data = self.codec.encode("remote_node_get_info_ret", value)
        self.assertEqual(4 * 32 + 8 + 4 * 6, len(data))
        self.assertEqual(value, self.codec.decode("remote_node_get_info_ret", data))


class FuzzTest(TestCase):
    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=200), st.integers(0, 10**6))
    def test_any_bytes_give_a_value_or_an_xdr_error(self, data: bytes, pick: int) -> None:
        program = protocol.program(protocol.REMOTE)
        procs = [p for p in program.procs.values() if p.args]
        proc = procs[pick % len(procs)]
        try:
            value = program.decode(proc.args, data)
        except XDRError:
            return
        self.assertEqual(value, program.decode(proc.args, program.encode(proc.args, value)))
