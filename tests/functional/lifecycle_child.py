# SPDX-License-Identifier: Apache-2.0
"""A process that runs the core for a test, and may be killed: `lifecycle_child.py ROOT OP NAME`."""

import sys

from nova_pyvirt.core import registry


def main(root: str, operation: str, name: str) -> None:
    """Does one operation on one domain; says the domain's id."""
    table = registry.open_connection(f"qemu:///embed?root={root}")
    ref = table.domain_lookup_by_name(name)
    if operation == "start":
        table.domain_create(ref)
    elif operation == "destroy":
        table.domain_destroy(ref)
    print(table.domain_lookup_by_name(name).id, flush=True)
    table.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
