# SPDX-License-Identifier: Apache-2.0
"""What strangers and read-only clients of pyvirtd get: nothing secret, nothing for free."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

from nova_pyvirt.daemon.readable import READABLE
from nova_pyvirt.errors import Code
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.packet import Kind, Status, load_error, pack
from tests.functional.daemon_case import XML, DaemonProcessCase
from tests.functional.test_daemon_fuzz import NearlyRight
from tests.unit.daemon.base import Raw

CANARY = "cAnArY42"
VNC = f"<graphics type='vnc' autoport='yes' listen='127.0.0.1' passwd='{CANARY}'/>"
SUSPICIOUS = 4 * 1024 * 1024 - 1000
CONNECT = """
import os, sys
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.remote import RemoteTable
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    RemoteTable(sys.argv[1], int(sys.argv[2])).close()
    print("in")
except libvirtError as exc:
    print(exc)
"""


class DaemonSecurityTest(DaemonProcessCase):
    def guest(self) -> tuple[str, bytes, int]:
        xml = XML.format(name="secretive", disk=self.disk)
        table = self.open()
        xml = xml.replace("</devices>", f"{VNC}</devices>")
        table.domain_define_xml(xml)
        ref = table.domain_lookup_by_name("secretive")
        table.domain_create(ref)
        ref = table.domain_lookup_by_name("secretive")
        self.assertIn(CANARY, table.domain_get_xml_desc(ref, 1))
        return ref.name, ref.uuid, ref.id

    def read_only(self) -> Raw:
        raw = Raw(f"{self.root}/sock/libvirt-sock-ro")
        self.addCleanup(raw.sock.close)
        raw.sock.settimeout(60)
        raw.call("auth_list")
        raw.call("connect_open", None, 0)
        return raw

    def test_no_secret_gets_out(self) -> None:
        """Every call that read-only clients may make, the processes' arguments, the logs."""
        self.start()
        domain = self.guest()
        raw = self.read_only()
        program = protocol.program(protocol.REMOTE)
        register = program.by_name["connect_domain_event_callback_register_any"]
        for event in range(27):
            payload = program.encode(register.args, (event, None))
            raw.sock.sendall(pack(protocol.REMOTE, register.number, Kind.CALL, 1, 0, payload))
        seen = 0
        for name in sorted(READABLE):
            proc = program.by_name[name]
            if name.startswith(("auth_", "connect_open", "connect_close")):
                continue
            for seed in range(4):
                values = NearlyRight(program.codec, seed, domain)
                payload = program.encode(proc.args, proc.args and values.named(proc.args))
                raw.sock.sendall(pack(protocol.REMOTE, proc.number, Kind.CALL, 2, 0, payload))
                reply = raw.recv()
                assert reply is not None
                self.assertNotIn(CANARY.encode(), reply.payload, name)
                seen += 1
        self.assertGreater(seen, 300)
        self.open().domain_destroy(self.open().domain_lookup_by_name("secretive"))
        raw.sock.sendall(pack(protocol.REMOTE, 59, Kind.CALL, 3, 0, b""))
        while (packet := raw.recv()) is not None and packet.serial != 3:
            self.assertNotIn(CANARY.encode(), packet.payload)
        for found in Path(self.root).rglob("*.log"):
            self.assertNotIn(CANARY, found.read_text(errors="replace"), found)

    def test_no_secret_in_arguments_and_readable_files(self) -> None:
        self.start()
        self.guest()
        (found,) = self.running()
        self.assertNotIn(CANARY.encode(), Path(f"/proc/{found.pid}/cmdline").read_bytes())
        for path in Path(self.root).rglob("*"):
            if path.is_file() and CANARY.encode() in path.read_bytes():
                self.assertEqual(0, path.stat().st_mode & 0o077, path)

    def test_denied_before_the_document_is_looked_at(self) -> None:
        """4 MiB of XML from one who may not define anything cost next to nothing."""
        daemon = self.start()
        raw = self.read_only()
        program = protocol.program(protocol.REMOTE)
        proc = program.by_name["domain_define_xml"]
        payload = program.encode(proc.args, ("<a>" * (SUSPICIOUS // 3),))
        best = min(self.cost(daemon.pid, raw, proc.number, payload) for _ in range(5))
        # processor time of receiving it; a slow or busy host takes several times a fast one's
        self.assertLess(best, 0.05)

    def cost(self, pid: int, raw: Raw, number: int, payload: bytes) -> float:
        """Seconds of CPU that one denied call takes of the daemon."""
        before = self.cpu(pid)
        raw.sock.sendall(pack(protocol.REMOTE, number, Kind.CALL, 5, 0, payload))
        reply = raw.recv()
        assert reply is not None
        self.assertEqual(Status.ERROR, reply.status)
        self.assertEqual(Code.OPERATION_DENIED, load_error(reply.payload).get_error_code())
        return self.cpu(pid) - before

    @staticmethod
    def cpu(pid: int) -> float:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def as_nobody(self, name: str, flags: int = 0) -> str:
        uri = f"remote+unix:///?socket={self.root}/sock/{name}"
        argv = [sys.executable, "-c", CONNECT, uri, str(flags)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        return done.stdout.strip() or done.stderr

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_other_users(self) -> None:
        self.start()
        self.assertIn("Permission denied", self.as_nobody("libvirt-sock"))
        self.end_daemon()
        self.expect(b"STOPPING=1")
        self.write_config('unix_sock_rw_perms = "0777"\nunix_sock_ro_perms = "0777"\n')
        self.start()
        self.assertIn("authentication unavailable", self.as_nobody("libvirt-sock"))
        self.end_daemon()
        self.expect(b"STOPPING=1")
        self.write_config('unix_sock_ro_perms = "0777"\nauth_unix_ro = "none"\n')
        self.start()
        self.assertEqual("in", self.as_nobody("libvirt-sock-ro", 1))
