# SPDX-License-Identifier: Apache-2.0
"""The daemon as a process: READY, inherited sockets, reload, TLS, the end."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.remote import RemoteTable
from tests.base import TestCase

PROGRAM = """
import os, sys
from nova_pyvirt.daemon.main import Daemon, serve
from nova_pyvirt.hypervisors.test import open_table
if "LISTEN_FDS" in os.environ:
    os.environ["LISTEN_PID"] = str(os.getpid())
opener = lambda name, flags: open_table(name or "test:///default", flags)
serve(Daemon(opener, sys.argv[1], sys.argv[2]))
"""
PKI = """
set -e
openssl req -x509 -newkey rsa:2048 -nodes -keyout cakey.pem -out cacert.pem -days 3 -subj /CN=ca \
    -addext basicConstraints=critical,CA:TRUE
printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n' > extensions
for who in server client; do
    openssl req -newkey rsa:2048 -nodes -keyout ${who}key.pem -out $who.csr -subj /CN=localhost
    openssl x509 -req -in $who.csr -CA cacert.pem -CAkey cakey.pem -CAcreateserial \
        -out ${who}cert.pem -days 3 -extfile extensions
done
"""


class PyvirtdTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = tempfile.mkdtemp(prefix="pyvirtd")
        self.addCleanup(shutil.rmtree, self.directory)
        self.config = f"{self.directory}/pyvirtd.conf"
        self.run_dir = f"{self.directory}/run"
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.settimeout(20)
        self.manager.bind(f"{self.directory}/notify")
        self.daemon: subprocess.Popen[bytes] | None = None

    def write(self, text: str) -> None:
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def start(self, **more: Any) -> None:
        env = dict(os.environ, NOTIFY_SOCKET=f"{self.directory}/notify", **more.pop("env", {}))
        argv = [sys.executable, "-c", PROGRAM, self.config, self.run_dir]
        self.daemon = subprocess.Popen(argv, env=env, **more)
        self.addCleanup(self.end)
        self.assertEqual(b"READY=1", self.manager.recv(100))

    def end(self) -> None:
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(10)

    def open(self, uri: str | None = None) -> RemoteTable:
        table = RemoteTable(uri or f"test+unix:///default?socket={self.run_dir}/libvirt-sock")
        self.addCleanup(table.close)
        return table

    def test_life(self) -> None:
        self.write("")
        self.start()
        table = self.open()
        reasons: list[int] = []
        table.connect_register_close_callback(reasons.append)
        self.assertEqual("vm", table.connect_get_hostname())
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        self.assertEqual(0, self.daemon.wait(10))
        self.assertEqual(b"STOPPING=1", self.manager.recv(100))
        end = time.monotonic() + 5
        while not reasons and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual([1], reasons)
        self.assertEqual([], os.listdir(self.run_dir))

    def test_kill_and_start_again(self) -> None:
        self.write("")
        self.start()
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait(10)
        self.start()
        self.assertEqual("vm", self.open().connect_get_hostname())

    def test_reload_reads_the_policy(self) -> None:
        policy = f"{self.directory}/policy.json"
        self.write(f'access_policy = "{policy}"\n')
        with open(policy, "w", encoding="utf-8") as file:
            file.write('{"default": "allow"}')
        self.start()
        table = self.open()
        dom = table.domain_lookup_by_name("test")
        table.domain_suspend(dom)
        with open(policy, "w", encoding="utf-8") as file:
            file.write(
                '{"rules": [{"permission": ["suspend"], "effect": "deny"}], "default": "allow"}'
            )
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGHUP)
        self.assertEqual(b"RELOADING=1", self.manager.recv(100))
        self.assertEqual(b"READY=1", self.manager.recv(100))
        with self.assertRaises(libvirtError):
            table.domain_suspend(dom)

    def test_inherited_socket(self) -> None:
        self.write("")
        path = f"{self.directory}/libvirt-sock"
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        sock.bind(path)
        sock.listen(10)

        def arrange() -> None:
            os.dup2(sock.fileno(), 3)

        self.start(
            env={"LISTEN_FDS": "1", "LISTEN_FDNAMES": "libvirt-sock"},
            pass_fds=(3, sock.fileno()),
            preexec_fn=arrange,
        )
        self.assertEqual(
            "vm", self.open(f"test+unix:///default?socket={path}").connect_get_hostname()
        )
        self.assertFalse(os.path.exists(self.run_dir))

    def test_tls_wants_a_certificate(self) -> None:
        if shutil.which("openssl") is None:
            self.skipTest("no openssl")
        subprocess.run(["sh", "-c", PKI], cwd=self.directory, check=True, capture_output=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        names = {"ca_file": "cacert", "cert_file": "servercert", "key_file": "serverkey"}
        lines = [f'{k} = "{self.directory}/{v}.pem"' for k, v in names.items()]
        self.write("\n".join([*lines, "listen_tls = 1", f'tls_port = "{port}"', ""]))
        self.start()
        uri = f"test+tls://localhost:{port}/default?pkipath="
        table = self.open(uri + self.directory)
        self.assertEqual("vm", table.connect_get_hostname())
        self.assertEqual(1, table.connect_is_encrypted())
        os.mkdir(f"{self.directory}/stranger")
        shutil.copy(f"{self.directory}/cacert.pem", f"{self.directory}/stranger")
        with self.assertRaises(libvirtError):
            RemoteTable(f"{uri}{self.directory}/stranger")

    def test_tcp_without_authentication_is_refused(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.write(f'listen_tcp = 1\ntcp_port = "{port}"\n')
        self.start()
        with self.assertRaises(libvirtError) as caught:
            RemoteTable(f"test+tcp://127.0.0.1:{port}/default")
        self.assertIn("authentication unavailable", str(caught.exception))

    def test_over_a_command(self) -> None:
        """ssh's way: the connection is a child's standard input and output."""
        self.write("")
        self.start()
        script = f"{self.directory}/ssh"
        with open(script, "w", encoding="utf-8") as file:
            file.write(
                f"#!{sys.executable}\n"
                "import os, select, socket\n"
                "s = socket.socket(socket.AF_UNIX)\n"
                f"s.connect('{self.run_dir}/libvirt-sock')\n"
                "while True:\n"
                "    for f in select.select([0, s], [], [])[0]:\n"
                "        data = os.read(0, 65536) if f == 0 else s.recv(65536)\n"
                "        if not data:\n"
                "            raise SystemExit\n"
                "        s.sendall(data) if f == 0 else os.write(1, data)\n"
            )
        os.chmod(script, 0o755)
        table = self.open(f"test+ssh://host/default?command={script}")
        self.assertEqual("vm", table.connect_get_hostname())
        self.assertEqual(1, table.connect_is_secure())
