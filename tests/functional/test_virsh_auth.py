# SPDX-License-Identifier: Apache-2.0
"""The stock virsh logs in to pyvirtd by SASL (libvirt's own SASL library at its end)."""

import os
import shutil
import subprocess
import unittest

from nova_pyvirt.cmd import passwd
from nova_pyvirt.daemon import sasl
from tests.functional.daemon_case import DaemonProcessCase

MODULE = "/usr/lib/x86_64-linux-gnu/sasl2/libscram.so"


@unittest.skipUnless(shutil.which("virsh") and os.path.exists(MODULE), "needs virsh and SCRAM")
class VirshAuthTest(DaemonProcessCase):
    def login(self, password: str) -> "subprocess.CompletedProcess[str]":
        path = f"{self.root}/auth.conf"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"[credentials-x]\nauthname=alice\npassword={password}\n")
            file.write("[auth-libvirt-localhost]\ncredentials=x\n")
        env = dict(os.environ, LC_ALL="C", LIBVIRT_AUTH_FILE=path)
        argv = ["virsh", "-q", "-c", self.socket_uri, "list", "--all"]
        return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)

    def test_login(self) -> None:
        verifiers = f"{self.root}/passwd"
        passwd.change(verifiers, "alice", f"alice:{sasl.make('pencil')}")
        self.write_config(f'auth_unix_rw = "sasl"\nsasl_passwords = "{verifiers}"\n')
        self.start()
        good = self.login("pencil")
        self.assertEqual((0, ""), (good.returncode, good.stderr))
        bad = self.login("pen")
        self.assertEqual(1, bad.returncode)
        self.assertIn("authentication failed", bad.stderr)
