# SPDX-License-Identifier: Apache-2.0
"""Traffic limits of a host's network device by tc(8) (virnetdevbandwidth.c).

A tap's sending is the guest's receiving: what comes in is shaped by htb, what goes out is policed.
"""

import logging
import shutil
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.host.program import run
from nova_pyvirt.errors import Code, From, libvirtError
from nova_pyvirt.model.devices.netport import Bandwidth, Rate
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)
_MTU: Final = 1500
#: KiB that tc can hold as a burst
_MOST: Final = ((1 << 32) - 1) // 1024


def limit(device: str | None, wanted: Bandwidth | None) -> None:
    """Sets the limits of a tap in place of those it has; None takes them away.

    :raises libvirtError: OPERATION_UNSUPPORTED; INTERNAL_ERROR with tc's words
    """
    if os.geteuid() != 0:
        detail = "Network bandwidth tuning is not available in session mode"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail, domain=From.NONE)
    if not device:
        detail = "Unable to set bandwidth for interface because device name is unknown"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail, domain=From.NONE)
    clear(device)
    if wanted is None:
        return
    if wanted.inbound is not None and wanted.inbound.average:
        for args in _shape(device, wanted.inbound):
            _tc(args)
        for args in _fair(device):
            _try_tc(args)
    if wanted.outbound is not None and wanted.outbound.average:
        for args in _police(device, wanted.outbound):
            _tc(args)


def try_limit(device: str | None, wanted: Bandwidth | None) -> None:
    """The same, on the way back from a failure."""
    try:
        limit(device, wanted)
    except libvirtError as exc:
        LOG.warning("the bandwidth of %s could not be set again: %s", device, exc)


def clear(device: str) -> None:
    """Takes all limits away."""
    for where in ("root", "ingress"):
        _try_tc(["qdisc", "del", "dev", device, where])


def _shape(device: str, rate: Rate) -> list[list[str]]:
    on = ["dev", device]
    leaf = ["class", "add", *on, "parent", "1:", "classid", "1:1", "htb"]
    leaf += ["rate", f"{rate.average}kbps"]
    if rate.peak:
        leaf += ["ceil", f"{rate.peak}kbps"]
    if rate.burst:
        leaf += ["burst", f"{rate.burst}kb"]
    leaf += ["quantum", str(max(rate.average * 1024 // 8 // _MTU, 1))]
    return [
        ["qdisc", "add", *on, "root", "handle", "1:", "htb", "default", "1"],
        leaf,
    ]


def _fair(device: str) -> list[list[str]]:
    """One stream of packets doesn't starve others; not every kernel can do that."""
    on = ["dev", device]
    return [
        ["qdisc", "add", *on, "parent", "1:1", "handle", "2:", "sfq", "perturb", "10"],
        ["filter", "add", *on, "parent", "1:0", "protocol", "all", "prio", "1", "handle", "1",
         "fw", "flowid", "1"],
    ]  # fmt: skip


def _police(device: str, rate: Rate) -> list[list[str]]:
    burst = rate.burst or min(rate.average, _MOST)
    return [
        ["qdisc", "add", "dev", device, "ingress"],
        ["filter", "add", "dev", device, "parent", "ffff:", "protocol", "all", "u32", "match",
         "u32", "0", "0", "police", "rate", f"{rate.average}kbps", "burst", f"{burst}kb", "mtu",
         "64kb", "drop", "flowid", ":1"],
    ]  # fmt: skip


def _try_tc(args: list[str]) -> None:
    try:
        _tc(args)
    except libvirtError as exc:
        LOG.debug("%s", exc)


def _tc(args: list[str]) -> None:
    binary = shutil.which("tc", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if binary is None:
        detail = "Cannot find 'tc' in path"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.NONE)
    run([binary, *args])
