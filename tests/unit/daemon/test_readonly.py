# SPDX-License-Identifier: Apache-2.0
"""Read-only connections: every procedure that is not marked readable is denied by the server."""

import json
import os
import tempfile

from nova_pyvirt.core.refs import StoragePoolRef
from nova_pyvirt.daemon.acl import Policy, Rule
from nova_pyvirt.daemon.readable import READABLE, denied
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.remote import RemoteTable
from nova_pyvirt.hypervisors.test import open_table
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.packet import load_error
from tests.unit.daemon.base import DaemonCase
from tests.unit.wire.test_xdr import Values

UUID = "6f0c3d1e-6f6e-4d2f-9c38-1a1f4a1f0b10"
#: verbs that change something: a readable procedure needs none of them
CHANGING = (
    "write start init_control suspend delete save migrate pm_control core_dump hibernate snapshot"
    " checkpoint fs_trim fs_freeze send_input send_signal open_device open_graphics block_write"
    " mem_read block_read format refresh create resize data_write detach interface_transaction"
    " reset screenshot inject_nmi set_password set_time read_secure"
).split()

#: libvirt lets read-only clients ask these
EXCEPTIONS = (
    "connect_set_identity",
    "domain_migrate_get_compression_cache",
    "domain_migrate_get_max_downtime",
)


class ReadOnlyTest(DaemonCase):
    def test_every_other_procedure_is_denied_whoever_made_the_packet(self) -> None:
        raw = self.raw(self.ro).open()
        denied = 0
        for number in (protocol.REMOTE, protocol.QEMU, protocol.LXC):
            program = protocol.program(number)
            for proc in program.procs.values():
                if proc.event or (number == protocol.REMOTE and proc.name in READABLE):
                    continue
                payload = b""
                if proc.args:
                    payload = program.encode(proc.args, Values(program.codec, 1).named(proc.args))
                raw.send(proc.number, payload, program=number)
                reply = raw.recv()
                assert reply is not None
                self.assertEqual(1, reply.status, proc.name)
                error = load_error(reply.payload)
                self.assertEqual(Code.OPERATION_DENIED, error.get_error_code(), proc.name)
                denied += 1
        self.assertGreater(denied, 200)

    def test_nothing_readable_needs_a_changing_permission(self) -> None:
        program = protocol.program(protocol.REMOTE)
        for name in READABLE:
            for entry in program.by_name[name].acl:
                parts = entry.split(":")
                if len(parts) == 2 and name not in EXCEPTIONS:
                    self.assertNotIn(parts[1], CHANGING, name)

    def test_arguments_that_make_a_readable_call_forbidden(self) -> None:
        far = self.table(1, self.ro)
        dom = far.domain_lookup_by_name("test")
        far.domain_get_xml_desc(dom, 0)
        for flags in (1, 8, 9):
            with self.assertRaises(libvirtError) as caught:
                far.domain_get_xml_desc(dom, flags)
            self.assertEqual(Code.OPERATION_DENIED, caught.exception.get_error_code())
            self.assertIn("virDomainGetXMLDesc with secure flag", str(caught.exception))

    def test_the_flag_alone_denies_too(self) -> None:
        far = self.table(1)
        with self.assertRaises(libvirtError) as caught:
            far.domain_destroy(far.domain_lookup_by_name("test"))
        self.assertEqual(
            "operation forbidden: read only access prevents virDomainDestroy",
            str(caught.exception),
        )

    def test_names_of_functions(self) -> None:
        for proc, name in (
            ("domain_create_xml", "virDomainCreateXML"),
            ("domain_inject_nmi", "virDomainInjectNMI"),
            ("domain_fstrim", "virDomainFSTrim"),
            ("nwfilter_define_xml", "virNWFilterDefineXML"),
            ("domain_pin_iothread", "virDomainPinIOThread"),
        ):
            self.assertIn(f"prevents {name}", str(denied(proc)))


class PolicyTest(DaemonCase):
    def setUp(self) -> None:
        path = tempfile.mkstemp(prefix="policy", suffix=".json")[1]
        self.addCleanup(os.unlink, path)
        rules = [
            {"object": ["domain:secret*"], "permission": ["*"], "effect": "deny"},
            {"object": ["domain:test"], "permission": ["stop", "suspend"], "effect": "deny"},
        ]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"default": "allow", "rules": rules}, file)
        self.policy = Policy.load(path)
        super().setUp()
        near = open_table("test:///default", 0)
        self.addCleanup(near.close)
        self.near = near
        xml = "<domain type='test'><name>secret1</name><memory>1024</memory><os><type>hvm</type></os></domain>"
        self.hidden = near.domain_define_xml(xml)

    def code(self, far: RemoteTable, slot: str, *args: object) -> int | None:
        with self.assertRaises(libvirtError) as caught:
            getattr(far, slot)(*args)
        return caught.exception.get_error_code()

    def test_a_hidden_domain_is_nowhere(self) -> None:
        far = self.table()
        self.assertEqual(["test"], [d.name for d in far.connect_list_all_domains(0)])
        self.assertEqual([], far.connect_list_defined_domains())
        self.assertEqual(0, far.connect_num_of_defined_domains())
        self.assertEqual(Code.NO_DOMAIN, self.code(far, "domain_lookup_by_name", "secret1"))
        self.assertEqual(["test"], [r[0].name for r in far.connect_get_all_domain_stats([], 0, 0)])
        self.assertEqual(Code.ACCESS_DENIED, self.code(far, "domain_create", self.hidden))

    def test_a_hidden_domain_causes_no_events(self) -> None:
        far = self.table()
        seen: list[str] = []
        far.connect_domain_event_register_any(None, 0, lambda ref, *_: seen.append(ref.name))
        self.near.domain_create(self.hidden)
        test = self.near.domain_lookup_by_name("test")
        self.near.domain_suspend(test)
        self.eventually(lambda: seen, "no event")
        self.assertEqual(["test"], seen)

    def test_a_borrowed_name_opens_nothing(self) -> None:
        """Drivers find domains by uuid; the name beside it is only the client's word."""
        far = self.table()
        borrowed = self.hidden._replace(name="innocent")
        self.assertEqual(Code.ACCESS_DENIED, self.code(far, "domain_create", borrowed))
        self.assertEqual(Code.ACCESS_DENIED, self.code(far, "domain_get_xml_desc", borrowed, 0))
        test = far.domain_lookup_by_name("test")._replace(name="innocent")
        self.assertEqual(Code.ACCESS_DENIED, self.code(far, "domain_suspend", test))

    def test_a_hidden_domain_looks_like_none(self) -> None:
        far = self.table()
        for slot, arg in (
            ("domain_lookup_by_name", self.hidden.name),
            ("domain_lookup_by_uuid", self.hidden.uuid),
        ):
            with self.assertRaises(libvirtError) as hidden:
                getattr(far, slot)(arg)
            none = "n" * len(arg) if isinstance(arg, str) else bytes(16)
            with self.assertRaises(libvirtError) as missing:
                getattr(far, slot)(none)
            self.assertEqual(
                missing.exception.get_error_code(), hidden.exception.get_error_code(), slot
            )

    def test_a_permission_is_denied_by_name(self) -> None:
        far = self.table()
        test = far.domain_lookup_by_name("test")
        self.assertEqual(Code.ACCESS_DENIED, self.code(far, "domain_suspend", test))
        far.domain_set_autostart(test, 1)

    def test_a_hidden_name_is_not_defined(self) -> None:
        far = self.table()
        for name in ("secret1", "secret2"):
            self.assertEqual(
                Code.ACCESS_DENIED, self.code(far, "domain_define_xml", document(name))
            )
            self.assertEqual(
                Code.ACCESS_DENIED, self.code(far, "domain_create_xml", document(name), 0)
            )
        far.domain_define_xml(document("open"))
        new = far.domain_lookup_by_name("open")
        self.assertEqual(Code.ACCESS_DENIED, self.code(far, "domain_rename", new, "secret3", 0))
        far.domain_rename(new, "open2", 0)


def document(name: str, uuid: str = "") -> str:
    entity = "<!DOCTYPE domain [<!ENTITY n 'et'>]>" if "&n;" in name else ""
    return (
        f"{entity}<domain type='test'><name>{name}</name>{uuid}<memory>1024</memory>"
        "<os><type>hvm</type></os></domain>"
    )


class DefaultDenyTest(DaemonCase):
    """What is allowed by name can be made, and nothing else."""

    def setUp(self) -> None:
        path = tempfile.mkstemp(prefix="policy", suffix=".json")[1]
        self.addCleanup(os.unlink, path)
        uid = f"uid:{os.getuid()}"
        every = {"identity": [uid], "effect": "allow"}
        rules = [
            {**every, "object": ["connect"], "permission": ["*"]},
            {**every, "object": ["domain:web-*", "network:web"], "permission": ["*"]},
            {**every, "object": [f"domain:uuid:{UUID}"], "permission": ["write", "save"]},
            {**every, "object": ["storage_vol:default-pool/web*"], "permission": ["create"]},
        ]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"default": "deny", "rules": rules}, file)
        self.policy = Policy.load(path)
        super().setUp()

    def code(self, slot: str, *args: object) -> int | None:
        with self.assertRaises(libvirtError) as caught:
            getattr(self.table(), slot)(*args)
        return caught.exception.get_error_code()

    def test_definitions(self) -> None:
        far = self.table()
        ref = far.domain_define_xml(document("web-1"))
        self.assertEqual([ref], far.connect_list_all_domains(0))
        far.domain_create(ref)
        far.domain_create_xml(document("web-2"), 0)
        denied = Code.ACCESS_DENIED
        for name in ("db-1", "", " web-1", "w&n;b-1"):
            self.assertEqual(denied, self.code("domain_define_xml", document(name)), name)
            self.assertEqual(denied, self.code("domain_create_xml", document(name), 0), name)
        far.domain_define_xml(document("db-9", f"<uuid>{UUID}</uuid>"))
        far.network_define_xml("<network><name>web</name></network>")
        self.assertEqual(
            denied, self.code("network_define_xml", "<network><name>db</name></network>")
        )
        self.assertEqual(Code.XML_DETAIL, self.code("domain_define_xml", "<domain"))

    def test_volumes(self) -> None:
        pool = StoragePoolRef("default-pool", bytes(16))
        xml = "<volume><name>{}</name><capacity>1</capacity></volume>"
        far = self.table()
        try:
            far.storage_vol_create_xml(pool, xml.format("web.img"), 0)
        except libvirtError as exc:  # there may be no such pool: that is another matter
            self.assertNotEqual(Code.ACCESS_DENIED, exc.get_error_code())
        self.assertEqual(
            Code.ACCESS_DENIED, self.code("storage_vol_create_xml", pool, xml.format("db.img"), 0)
        )

    def test_images(self) -> None:
        far = self.table()
        directory = self.enterContext(tempfile.TemporaryDirectory())
        path = f"{directory}/image"
        ref = far.domain_create_xml(document("web-1"), 0)
        far.domain_save(ref, path)
        far.domain_restore(path)
        near = open_table("test:///default", 0)
        self.addCleanup(near.close)
        other = f"{directory}/other"
        near.domain_save(near.domain_create_xml(document("db-1"), 0), other)
        self.assertEqual(Code.ACCESS_DENIED, self.code("domain_restore", other))
        self.assertEqual(Code.ACCESS_DENIED, self.code("domain_restore_params", {"file": other}, 0))

    def test_nothing_is_read_for_those_who_may_nothing(self) -> None:
        """A document that is none: who may not define is told that, not what is wrong with it."""
        rules = [Rule(("uid:0",), ("connect",), ("*",), True)]
        self.dispatcher.policy = Policy(rules, default_allow=False)
        far = self.table()
        self.dispatcher.policy = Policy([], default_allow=False)
        with self.assertRaises(libvirtError) as caught:
            far.domain_define_xml("<domain")
        self.assertEqual(Code.ACCESS_DENIED, caught.exception.get_error_code())
