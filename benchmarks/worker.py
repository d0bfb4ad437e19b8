# SPDX-License-Identifier: Apache-2.0
"""One manager under test: reads a word per line, answers with one JSON object per line.

    python benchmarks/worker.py MODULE URI DISK

"round" measures once: {"define": ms, "start": ms, ...}. "argv" answers with the command line of a
running guest's QEMU. End of input ends it and leaves no guest. Runs with any libvirt-like module,
and with the system's Python: nothing but the standard library and the module is imported.
"""

import importlib
import json
import sys
import time

NAME = "nova-pyvirt-bench"

XML = """<domain type='qemu'>
  <name>{name}</name>
  <uuid>7f6c1b52-3d0e-4f5a-9b1c-2a9e6d0c8e11</uuid>
  <memory unit='MiB'>128</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/><apic/></features>
  <cpu mode='custom' match='exact'><model fallback='allow'>Nehalem</model></cpu>
  <clock offset='utc'><timer name='hpet' present='no'/></clock>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='writeback'/>
      <source file='{disk}'/><target dev='vda' bus='virtio'/>
    </disk>
    <serial type='pty'/>
    <input type='tablet' bus='usb'/>
    <controller type='usb' model='qemu-xhci'/>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <memballoon model='virtio'><stats period='10'/></memballoon>
    <video><model type='virtio'/></video>
    <graphics type='vnc' port='-1' listen='127.0.0.1'/>
  </devices>
</domain>"""


def timed(results, name, call, times=1):
    """Adds what a call takes, in ms; the call's result."""
    begin = time.perf_counter()
    for _ in range(times):
        result = call()
    results[name] = (time.perf_counter() - begin) * 1000 / times
    return result


def measure(conn, disk):
    """One round."""
    results = {}
    xml = XML.format(name=NAME, disk=disk)
    domain = timed(results, "define", lambda: conn.defineXML(xml))
    timed(results, "define again", lambda: conn.defineXML(xml))
    timed(results, "start", domain.create)
    timed(results, "state", domain.state, 200)
    timed(results, "info", domain.info, 50)
    timed(results, "XMLDesc", domain.XMLDesc, 20)
    timed(results, "list", conn.listAllDomains, 50)
    timed(results, "suspend", domain.suspend)
    timed(results, "resume", domain.resume)
    timed(results, "destroy", domain.destroy)
    timed(results, "undefine", domain.undefine)
    return results


def argv(conn, disk):
    """The command line of a guest's QEMU."""
    domain = conn.createXML(XML.format(name=NAME, disk=disk), 0)
    try:
        for path in __import__("glob").glob("/proc/[0-9]*/cmdline"):
            with open(path, "rb") as file:
                words = file.read().decode(errors="replace").split("\0")[:-1]
            if any(word.startswith("guest=" + NAME) for word in words):
                return words
    finally:
        domain.destroy()
    raise SystemExit("no QEMU of the guest found")


def main():
    module, uri, disk = sys.argv[1:]
    libvirt = importlib.import_module(module)
    libvirt.registerErrorHandler(lambda ctx, error: None, None)
    conn = libvirt.open(uri)
    for line in sys.stdin:
        answer = measure(conn, disk) if line.strip() == "round" else argv(conn, disk)
        print(json.dumps(answer), flush=True)
    conn.close()


if __name__ == "__main__":
    main()
