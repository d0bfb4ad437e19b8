# SPDX-License-Identifier: Apache-2.0
"""A process that runs the core for a test, and may be killed: `lifecycle_child.py ROOT OP NAME`.

OP: start, autodestroy (a start that belongs to the connection), destroy, undefine, open (nothing
else), leave (ends with the connection open); with XML on standard input define, attach, detach,
update.
"""

import sys
from typing import Any

from nova_pyvirt.core import registry


def main(root: str, operation: str, name: str) -> None:
    """Does one operation on one domain; says the domain's id."""
    table = registry.open_connection(f"qemu:///embed?root={root}")
    if operation == "define":
        table.domain_define_xml(sys.stdin.read())
    ref: Any = table.domain_lookup_by_name(name)
    if operation == "start":
        table.domain_create(ref)
    elif operation == "autodestroy":
        table.domain_create_with_flags(ref, 2)
    elif operation == "destroy":
        table.domain_destroy(ref)
    elif operation == "managed-save":
        table.domain_managed_save(ref, 0)
    elif operation == "attach":
        table.domain_attach_device(ref, sys.stdin.read())
    elif operation == "detach":
        table.domain_detach_device(ref, sys.stdin.read())
    elif operation == "update":
        table.domain_update_device_flags(ref, sys.stdin.read(), 1)
    elif operation == "undefine":
        table.domain_undefine(ref)
    print(ref.id, flush=True)
    if operation != "leave":
        table.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
