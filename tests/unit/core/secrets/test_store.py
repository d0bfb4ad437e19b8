# SPDX-License-Identifier: Apache-2.0
"""Secrets in memory and on disk, and in the next process."""

import os
import stat
import tempfile
import uuid
from pathlib import Path
from typing import Any
from unittest import mock

from nova_pyvirt.core.schemas import Schemas
from nova_pyvirt.core.secrets import Secret, SecretStore, Usage, store
from nova_pyvirt.core.secrets.document import parse
from nova_pyvirt.errors import Code, libvirtError
from tests.base import TestCase

ONE = "11111111-1111-4111-8111-111111111111"
TWO = "22222222-2222-4222-8222-222222222222"
XML = "<secret ephemeral='{}' private='{}'><uuid>{}</uuid>{}</secret>"
VOLUME = "<usage type='volume'><volume>/a&amp;b</volume></usage>"


class StoreCase(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory())) / "secrets"
        self.told: list[Any] = []
        self.store = self.open()

    def open(self) -> SecretStore:
        found = SecretStore(str(self.directory), Schemas("/nonexistent"))
        found.load()
        for event in store.Event:
            found.events.register(
                self, None, event, lambda ref, *args: self.told.append((ref.usage_id, *args))
            )
        return found

    def define(
        self, ident: str = ONE, *, eph: str = "no", priv: str = "no", use: str = ""
    ) -> Secret:
        return self.store.define(XML.format(eph, priv, ident, use))

    def refused(self, code: Code, words: str, call: Any, *args: Any) -> None:
        with self.assertRaisesRegex(libvirtError, words) as caught:
            call(*args)
        self.assertEqual(code, caught.exception.get_error_code())

    def files(self) -> list[str]:
        return sorted(os.listdir(self.directory)) if self.directory.exists() else []


def ident(text: str) -> bytes:
    return uuid.UUID(text).bytes


class TestLife(StoreCase):
    def test_kept(self) -> None:
        self.define(use=VOLUME)
        self.store.set_value(ident(ONE), b"\0secret\xff")
        self.assertEqual([f"{ONE}.base64", f"{ONE}.xml"], self.files())
        modes = {stat.S_IMODE((self.directory / name).stat().st_mode) for name in self.files()}
        self.assertEqual({0o600}, modes)
        again = self.open()
        self.assertEqual(b"\0secret\xff", again.value(ident(ONE)))
        self.assertEqual("/a&b", again.by_usage(Usage.VOLUME, "/a&b").usage_id)
        self.store.undefine(ident(ONE))
        self.assertEqual([], self.files())
        self.assertEqual([("/a&b", 0, 0), ("/a&b",), ("/a&b", 1, 0)], self.told)

    def test_ephemeral(self) -> None:
        self.define(eph="yes")
        self.store.set_value(ident(ONE), b"x")
        self.assertEqual([], self.files())
        self.define()  # to be kept from now on, with its value
        self.assertEqual([f"{ONE}.base64", f"{ONE}.xml"], self.files())
        self.define(eph="yes")
        self.assertEqual(([], b"x"), (self.files(), self.store.value(ident(ONE))))

    def test_private(self) -> None:
        self.define(priv="yes")
        self.store.set_value(ident(ONE), b"x")
        self.refused(Code.INVALID_SECRET, "secret is private", self.store.value, ident(ONE))
        self.assertEqual(b"x", self.store.use(ident(ONE)))
        with self.assertRaisesRegex(libvirtError, "cannot change private flag"):
            self.define()

    def test_lists(self) -> None:
        self.define(eph="yes")
        self.define(TWO, priv="yes")
        for flags, expected in (
            (0, [ONE, TWO]), (1, [ONE]), (2, [TWO]), (4, [TWO]), (8, [ONE]), (3, [ONE, TWO]),
            (1 | 4, []), (15, [ONE, TWO]),
        ):  # fmt: skip
            self.assertEqual(expected, [one.uuid for one in self.store.all(flags)], flags)


class TestRefusals(StoreCase):
    def test_none(self) -> None:
        self.refused(
            Code.NO_SECRET, f"no secret with matching uuid '{ONE}'", self.store.value, ident(ONE)
        )
        self.refused(Code.NO_SECRET, "matching usage 'x'", self.store.by_usage, 2, "x")
        self.define()
        self.refused(Code.NO_SECRET, "does not have a value", self.store.value, ident(ONE))

    def test_uses_are_unique(self) -> None:
        self.define(use=VOLUME)
        with self.assertRaisesRegex(libvirtError, f"{ONE} already defined for use with /a&b"):
            self.define(TWO, use=VOLUME)
        with self.assertRaisesRegex(libvirtError, f"{ONE} is already defined for use with /a&b"):
            self.define(use=VOLUME.replace("/a", "/c"))
        self.define(TWO)  # of no use: there may be many

    def test_documents(self) -> None:
        for code, xml in (
            (Code.INTERNAL_ERROR, "<secret><uuid>1-2</uuid></secret>"),
            (Code.XML_ERROR, "<secret private='maybe'/>"),
            (Code.XML_ERROR, "<secret><usage/></secret>"),
            (Code.CONFIG_UNSUPPORTED, "<secret><usage type='x'/></secret>"),
            (Code.INTERNAL_ERROR, "<secret><usage type='tls'/></secret>"),
            (Code.XML_ERROR, "<secrets/>"),
            (Code.XML_DETAIL, "<secret"),
        ):
            with self.subTest(xml):
                self.refused(code, "", self.store.define, xml)
        text = "<secret><description>a &lt; b</description><usage type='none'/></secret>"
        self.assertEqual("a < b", parse(parse(text).xml()).description)
        with self.assertRaisesRegex(libvirtError, "not installed"):
            self.store.define("<secret/>", validate=True)

    def test_a_full_disk(self) -> None:
        self.define()
        self.store.set_value(ident(ONE), b"old")
        with mock.patch.object(store, "write_atomic", side_effect=OSError(28, "full")):
            self.refused(Code.SYSTEM_ERROR, "", self.store.set_value, ident(ONE), b"new")
            self.refused(Code.SYSTEM_ERROR, "", self.store.define, XML.format("no", "no", TWO, ""))
        self.assertEqual(b"old", self.store.value(ident(ONE)))
        self.assertEqual([ONE], [one.uuid for one in self.store.all()])

    def test_what_is_damaged_is_left_there(self) -> None:
        self.define()
        self.store.set_value(ident(ONE), b"x")
        (self.directory / f"{ONE}.base64").write_text("*")
        (self.directory / f"{TWO}.xml").write_text(XML.format("no", "no", ONE, ""))
        with self.assertLogs(store.LOG, "ERROR") as logged:
            again = self.open()
        self.assertEqual(2, len(logged.output))
        self.assertEqual([ONE], [one.uuid for one in again.all()])
        self.refused(Code.NO_SECRET, "does not have a value", again.value, ident(ONE))
        self.assertEqual(3, len(self.files()))
