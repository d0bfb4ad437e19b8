# SPDX-License-Identifier: Apache-2.0
"""What libvirt-python makes of the results of domain calls."""

from typing import Any, Final

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.libvirt.call import as_dict
from nova_pyvirt.libvirt.handle import Handle

#: virDomainMemoryStatTags: name
_MEMORY_STATS: Final = dict(
    enumerate(
        "swap_in swap_out major_fault minor_fault unused available actual rss usable last_update"
        " disk_caches hugetlb_pgalloc hugetlb_pgfail".split()
    )
)


def started(handle: Handle, result: Any) -> int:
    """0; the object learns its domain's new id."""
    if not isinstance(result, DomainRef):
        lookup = handle.conn.slot("domain_lookup_by_uuid", "virDomainLookupByUUID", 0)
        result = lookup(handle.ref.uuid)
    handle.ref = handle.ref._replace(id=result.id)
    return 0


def stopped(handle: Handle, result: Any) -> int:
    """0; the object knows that its domain doesn't run."""
    handle.ref = handle.ref._replace(id=-1)
    return 0


def memory_stats(handle: Handle, result: Any) -> dict[str, int]:
    """(tag, value) pairs by the tag's name."""
    return {
        _MEMORY_STATS[tag]: value for tag, value in dict(result).items() if tag in _MEMORY_STATS
    }


def pairs(handle: Handle, result: Any) -> dict[str, int]:
    """(name, number) pairs."""
    return dict(result)


def block_job(handle: Handle, result: Any) -> dict[str, int]:
    """(found, type, bandwidth, cur, end); {} without a job."""
    if not result or not result[0]:
        return {}
    return dict(zip(("type", "bandwidth", "cur", "end"), result[1:], strict=True))


def job_stats(handle: Handle, result: Any) -> dict[str, Any]:
    """(type, typed parameters) in one dict."""
    kind, params = result
    return {**as_dict(handle, params), "type": int(kind)}


def time(handle: Handle, result: Any) -> dict[str, int]:
    """(seconds, nanoseconds)."""
    return {"seconds": result[0], "nseconds": result[1]}


def filesystems(handle: Handle, result: Any) -> list[tuple[str, str, str, list[str]]]:
    """(mount point, name, type, targets of its disks) of each."""
    return [(mount, name, kind, list(disks)) for mount, name, kind, disks in result]


def interfaces(handle: Handle, result: Any) -> dict[str, dict[str, Any]]:
    """(name, MAC address, [(type, address, prefix)]) by name."""
    return {
        name: {
            "addrs": [{"addr": a, "prefix": p, "type": t} for t, a, p in addresses] or None,
            "hwaddr": mac,
        }
        for name, mac, addresses in result
    }


def label(handle: Handle, result: Any) -> list[Any]:
    """[label, enforcing?]."""
    return [result[0], bool(result[1])]


def labels(handle: Handle, result: Any) -> list[list[Any]]:
    """[label, enforcing?] of each."""
    return [[text, bool(enforcing)] for text, enforcing in result]
