# SPDX-License-Identifier: Apache-2.0
"""A guest on a host with version 2 control groups alone; says what was seen, as JSON.

`cgroup2_child.py ROOT DISK`, in a mount namespace whose /sys/fs/cgroup is version 2.
"""

import json
import os
import sys
from typing import Any

from nova_pyvirt.core import registry
from nova_pyvirt.errors import libvirtError
from tests.functional.lifecycle_case import XML


def threads(path: str) -> list[int]:
    with open(f"{path}/cgroup.threads", encoding="ascii") as file:
        return sorted(int(line) for line in file)


def look(table: Any, ref: Any) -> dict[str, Any]:
    """The guest's group as the kernel has it."""
    private = table.state.domains.find(ref).private
    (path,) = private.cgroup.paths.values()
    groups = sorted(entry.name for entry in os.scandir(path) if entry.is_dir())
    return {
        "pid": private.pid,
        "vcpus": sorted(private.vcpu_pids.values()),
        "path": path,
        "groups": {name: threads(f"{path}/{name}") for name in groups},
        "threads": sorted(int(name) for name in os.listdir(f"/proc/{private.pid}/task")),
        "controllers": private.cgroup.controllers,
        "cpu_time": table.domain_get_cpu_stats(ref, -1, 1, 0),
    }


def main(root: str, disk: str) -> None:
    """Starts a guest, hands it to a second connection's state, ends it."""
    uri = f"qemu:///embed?root={root}"
    table: Any = registry.open_connection(uri)
    xml = XML.format(name="unified", disk=disk, extra="<iothreads>1</iothreads>", devices="")
    ref = table.domain_create(table.domain_define_xml(xml.replace(">1</vcpu>", ">2</vcpu>")))
    seen = {"started": look(table, ref)}
    private = table.state.domains.find(ref).private
    # without controllers no thread has a group of its own: here is one
    private.cgroup.thread("vcpu0").add_thread(seen["started"]["vcpus"][0])
    table.close()
    table = registry.open_connection(uri)
    seen["found"] = look(table, ref)
    table.domain_destroy(ref)
    seen["left"] = {"group": os.path.exists(seen["started"]["path"])}
    shares = xml.replace("</memory>", "</memory><cputune><shares>7</shares></cputune>")
    try:
        table.domain_create(table.domain_define_xml(shares))
        seen["shares"] = {"error": ""}
    except libvirtError as exc:
        seen["shares"] = {"error": str(exc)}
    table.close()
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
