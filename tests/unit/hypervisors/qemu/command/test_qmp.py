# SPDX-License-Identifier: Apache-2.0
"""Options of the command line as QMP commands."""

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.command import qmp
from tests.base import TestCase

#: -chardev: its back-end in QMP
CHARDEVS = (
    ("null,id=c", {"type": "null", "data": {}}),
    ("pty,id=c,logfile=/l,,m,logappend=on",
     {"type": "pty", "data": {"logfile": "/l,m", "logappend": True}}),
    ("file,id=c,path=/a,,b,append=off", {"type": "file", "data": {"out": "/a,b", "append": False}}),
    ("pipe,id=c,path=/p", {"type": "pipe", "data": {"device": "/p"}}),
    ("serial,id=c,path=/dev/ttyS0", {"type": "serial", "data": {"device": "/dev/ttyS0"}}),
    ("udp,id=c,host=h,port=1,localaddr=l,localport=2",
     {"type": "udp", "data": {
         "remote": {"type": "inet", "data": {"host": "h", "port": "1"}},
         "local": {"type": "inet", "data": {"host": "l", "port": "2"}}}}),
    ("udp,id=c,host=h,port=1,localaddr=,localport=0",
     {"type": "udp", "data": {"remote": {"type": "inet", "data": {"host": "h", "port": "1"}}}}),
    ("socket,id=c,path=/s,server=on,wait=off",
     {"type": "socket", "data": {"addr": {"type": "unix", "data": {"path": "/s"}},
                                 "server": True, "wait": False}}),
    ("socket,id=c,host=h,port=1,telnet=on,reconnect=3,tls-creds=t",
     {"type": "socket", "data": {"addr": {"type": "inet", "data": {"host": "h", "port": "1"}},
                                 "server": False, "telnet": True, "reconnect": 3,
                                 "tls-creds": "t"}}),
    ("spicevmc,id=c,name=usbredir", {"type": "spicevmc", "data": {"type": "usbredir"}}),
    ("spiceport,id=c,name=n", {"type": "spiceport", "data": {"fqdn": "n"}}),
    ("qemu-vdagent,id=c,name=vdagent,clipboard=on,mouse=off",
     {"type": "qemu-vdagent", "data": {"clipboard": True, "mouse": False}}),
)  # fmt: skip


class Commands(TestCase):
    def test_chardevs(self) -> None:
        for text, backend in CHARDEVS:
            with self.subTest(text):
                found = qmp.chardev(text)
                self.assertEqual({"id": "c", "backend": backend}, found.args)
                self.assertEqual(("chardev-remove", {"id": "c"}), found.undo)

    def test_what_takes_back_what(self) -> None:
        args = [
            "-object", '{"qom-type":"secret","id":"s"}', "-blockdev", '{"driver":"raw","node-name":"n"}',
            "-netdev", '{"type":"user","id":"h"}', "-device", '{"driver":"d","id":"x"}',
            "-watchdog-action", "reset",
        ]  # fmt: skip
        found = qmp.commands(args)
        self.assertEqual(
            ["object-add", "blockdev-add", "netdev_add", "device_add", "set-action"],
            [command.name for command in found],
        )
        undo = [
            ("object-del", {"id": "s"}), ("blockdev-del", {"node-name": "n"}),
            ("netdev_del", {"id": "h"}), ("device_del", {"id": "x"}), None,
        ]  # fmt: skip
        self.assertEqual(undo, [command.undo for command in found])
        self.assertEqual("block", found[1].kind)

    def test_what_only_a_start_can_do(self) -> None:
        for args in (["-add-fd", "set=0,fd=1"], ["-chardev", "vc,id=c"]):
            with self.assertRaises(libvirtError):
                qmp.commands(args)
