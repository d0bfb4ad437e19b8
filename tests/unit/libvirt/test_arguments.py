# SPDX-License-Identifier: Apache-2.0
"""Every method with arguments of every wrong kind: a typed error, nothing else."""

import contextlib
import inspect
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, Final

from nova_pyvirt import api, libvirt
from tests.base import TestCase

#: what nobody may pass where something else is wanted
_ODD: Final[tuple[Any, ...]] = (
    None, "x", "", "\0", "a\0b", "\ud800", b"\xff", -1, 1 << 31, 1 << 64, -(1 << 64), 1.5, [], [None],
    {}, {"x": None}, object(), libvirt,
)  # fmt: skip
#: what they may raise; LookupError and AttributeError where libvirt-python does
_TYPED: Final = (TypeError, OverflowError, ValueError, LookupError, libvirt.libvirtError)
_NO_OBJECT: Final = "has no attribute '_o'"
#: these wait for something by intent, or end what the others need
_LEFT_OUT: Final = frozenset(("close", "virEventRunDefaultImpl", "free", "destroy", "undefine"))


class TestArguments(TestCase):
    def setUp(self) -> None:
        super().setUp()
        libvirt.registerErrorHandler(lambda _context, _error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        self.conn = libvirt.open("test:///default")
        self.addCleanup(self.conn.close)
        self.tried = 0
        folder = tempfile.TemporaryDirectory()  # some take "x" for the name of a file to write
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)

    def objects(self) -> Iterator[Any]:
        """One of each class that the test driver has."""
        yield self.conn
        yield self.conn.lookupByName("test")
        yield self.conn.networkLookupByName("default")
        yield self.conn.storagePoolLookupByName("default-pool")
        yield self.conn.newStream()
        yield from self.conn.listAllDevices()[:1]
        yield from self.conn.listAllInterfaces()[:1]

    def attempt(self, call: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.tried += 1
        try:
            call(*args)
        except _TYPED:
            return
        except AttributeError as exc:
            if not str(exc).endswith(_NO_OBJECT):
                self.fail(f"{call.__qualname__}{args!r}: {exc!r}")

    def test_all(self) -> None:
        methods = {row.python.partition(".")[2] for row in api.rows()} - _LEFT_OUT
        with contextlib.redirect_stderr(io.StringIO()):
            for one in self.objects():
                for name in sorted(methods & set(dir(one))):
                    with self.subTest(f"{type(one).__name__}.{name}"):
                        self.each(getattr(one, name))
        self.assertGreater(self.tried, 5000)

    def each(self, call: Callable[..., Any]) -> None:
        """One wrong argument at a time, the others of the right kind as far as that can be known."""
        parameters = list(inspect.signature(call).parameters.values())
        right = [
            0 if p.default is p.empty and p.name in ("flags", "count") else
            "x" if p.default is p.empty else p.default
            for p in parameters
        ]  # fmt: skip
        for place in range(len(parameters)):
            for odd in _ODD:
                self.attempt(call, (*right[:place], odd, *right[place + 1 :]))
        self.attempt(call, tuple(right) + (None,) * 20)
