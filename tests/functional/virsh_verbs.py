#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs virsh's verbs against a daemon and keeps what each prints, to compare two daemons.

usage: virsh_verbs.py run VERBS.json URI OUT.json
       virsh_verbs.py compare A.json B.json

VERBS.json: an object whose keys are virsh command lines, in order. Run each daemon in a fresh host
(network, mount and pid namespace).
"""

import difflib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from typing import Any

HOME = "/tmp/rpc"
SECRET = "19fdc2f2-fa64-46f3-bacf-42a8aafca6dd"
FILES = {
    "t1.xml": """<domain type='qemu'><name>rpc-t1</name><uuid>11111111-aaaa-4bbb-8ccc-000000000001</uuid>
<memory unit='MiB'>64</memory><vcpu>2</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><serial type='pty'/><console type='pty'/>
<graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'/>
<video><model type='vga'/></video><memballoon model='virtio'/></devices></domain>""",
    "t2.xml": """<domain type='qemu'><name>rpc-t2</name><uuid>11111111-aaaa-4bbb-8ccc-000000000002</uuid>
<memory unit='MiB'>96</memory><vcpu current='1'>2</vcpu><iothreads>1</iothreads>
<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
<source file='/tmp/rpc/d1.qcow2'/><target dev='vda' bus='virtio'/></disk>
<interface type='user'><mac address='52:54:00:00:00:09'/><model type='virtio'/></interface>
<serial type='pty'/><channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<memballoon model='virtio'/></devices></domain>""",
    "d2.xml": """<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
<source file='/tmp/rpc/d2.qcow2'/><target dev='vdb' bus='virtio'/></disk>""",
    "pool.xml": "<pool type='dir'><name>test</name><target><path>/tmp/rpc/pool</path></target></pool>",
    "secret.xml": f"<secret ephemeral='no' private='no'><uuid>{SECRET}</uuid>"
    "<usage type='ceph'><name>rpc</name></usage></secret>",
    "net.xml": "<network><name>default</name><uuid>11111111-aaaa-4bbb-8ccc-000000000003</uuid>"
    "<bridge name='virbr77'/><ip address='192.168.177.1' netmask='255.255.255.0'/></network>",
}
#: what differs between two runs of the same daemon
NOISE = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"mac address='[0-9a-f:]+'"), "MAC"),
    (re.compile(r"^CPU: +\d+$", re.M), "CPU"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\S*"), "TIME"),
    (re.compile(r"(\btime\w*[=:]\s*)\S+", re.I), r"\1N"),
    (re.compile(r"((user|system|idle|iowait|cpu_time|user_time|system_time)\S*\s+)[\d.]+"), r"\1N"),
    (re.compile(r"\b\d{4,}\b"), "N"),
    (re.compile(r"\bPATH=\S+"), "PATH"),
    (re.compile(r"/dev/pts/\d+"), "PTS"),
    (re.compile(r"[\d.]+ (MiB|KiB|GiB|B|%)|\[[ \d.]+ ?%\]"), "SIZE"),
    (re.compile(r"[\d.]+s\b"), "Ns"),
    (re.compile(r"\s+"), " "),
)


def prepare(uri: str) -> None:
    os.makedirs(f"{HOME}/pool", exist_ok=True)
    for name, text in FILES.items():
        with open(f"{HOME}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    for disk in ("d1", "d2"):
        command = ["qemu-img", "create", "-q", "-f", "qcow2", f"{HOME}/{disk}.qcow2", "64M"]
        subprocess.run(command, check=True)
    subprocess.run(["chmod", "-R", "a+rwX", HOME], check=True)
    for name, verb in (("caps.xml", "capabilities"), ("domcaps.xml", "domcapabilities")):
        with open(f"{HOME}/{name}", "w", encoding="utf-8") as file:
            file.write(virsh(uri, verb)["out"])
    for line in (
        "pool-define pool.xml",
        "pool-start test",
        "secret-define secret.xml",
        "net-define net.xml",
    ):
        virsh(uri, line)


def virsh(uri: str, line: str, deadline: float = 60.0) -> dict[str, Any]:
    begin = time.monotonic()
    argv = ["virsh", "-c", uri, *shlex.split(line, posix="{" not in line)]
    if "{" in line:
        argv = ["virsh", "-c", uri, *line.split(" ")]
    try:
        done = subprocess.run(
            argv,
            cwd=HOME,
            capture_output=True,
            text=True,
            timeout=deadline,
            stdin=subprocess.DEVNULL,
            env=dict(os.environ, LC_ALL="C"),
        )
        code, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        code, out, err = -1, "", "TIMEOUT"
    return {"rc": code, "out": out, "err": err, "seconds": round(time.monotonic() - begin, 2)}


def run(verbs_path: str, uri: str, out: str) -> None:
    with open(verbs_path, encoding="utf-8") as file:
        verbs = list(json.load(file))
    prepare(uri)
    results = {}
    for number, line in enumerate(verbs):
        results[f"{number:03d} {line}"] = virsh(uri, line)
    with open(out, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)


def normal(result: dict[str, Any]) -> str:
    text = f"rc {result['rc']}\n{result['out']}\n{result['err']}"
    for pattern, replacement in NOISE:
        text = pattern.sub(replacement, text)
    return text.strip()


def compare(first: str, second: str) -> int:
    with open(first, encoding="utf-8") as file:
        a = json.load(file)
    with open(second, encoding="utf-8") as file:
        b = json.load(file)
    same = unsupported = 0
    for line, left in a.items():
        right = b.get(line, {"rc": "none", "out": "", "err": ""})
        if normal(left) == normal(right):
            same += 1
            continue
        if "not supported by the connection driver" in right["err"]:
            unsupported += 1
            print(f"NOSUP {line}")
            continue
        print(f"DIFF {line}")
        words = normal(left).split(" "), normal(right).split(" ")
        delta = [w for w in difflib.ndiff(*words) if w[0] in "+-"]
        print("     " + " ".join(delta)[:400])
    print(
        f"{same} same, {unsupported} not supported, {len(a) - same - unsupported} differ, {len(a)}"
    )
    return 0 if same + unsupported == len(a) else 1


if __name__ == "__main__":
    if sys.argv[1] == "run":
        run(*sys.argv[2:5])
    else:
        sys.exit(compare(*sys.argv[2:4]))
