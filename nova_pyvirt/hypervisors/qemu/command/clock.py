# SPDX-License-Identifier: Apache-2.0
"""The clock and its timers (qemuBuildClockCommandLine)."""

import datetime

from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.command.context import CommandContext
from nova_pyvirt.model.clock import Clock
from nova_pyvirt.model.domain import Domain

Args = list[str]
_EPOCH = datetime.datetime(1970, 1, 1)
#: seconds within which a date can be shown
_FIRST, _LAST = -62135596800, 253402300799


def clock(domain: Domain, caps: QemuCaps, ctx: CommandContext) -> Args:
    """-rtc, and what the timers need beside it."""
    words = [f"base={_base(domain.clock, ctx)}"]
    rtc = domain.clock.timer("rtc")
    if rtc is not None:
        track = {"guest": "vm", "wall": "host", "realtime": "rt"}.get(rtc.track)
        if track is not None:
            words.append(f"clock={track}")
        if rtc.tickpolicy == "catchup":
            words.append("driftfix=slew")
    args = ["-rtc", ",".join(words)]
    for timer in domain.clock.timers:
        if timer.name == "pit" and caps.has("kvm-pit-lost-tick-policy"):
            if timer.tickpolicy in (None, "delay", "discard"):
                policy = timer.tickpolicy or "delay"
                args += ["-global", f"kvm-pit.lost_tick_policy={policy}"]
        elif timer.name == "hpet" and timer.present is False and caps.has("no-hpet"):
            args.append("-no-hpet")
    return args


def _base(found: Clock, ctx: CommandContext) -> str:
    if found.offset in ("localtime", "timezone"):
        return "localtime"
    if found.offset == "absolute":
        return _date(found.start or 0)
    if found.offset == "variable":
        seconds = ctx.now + int(found.adjustment or 0)
        if found.basis == "localtime":
            seconds += ctx.utc_offset
        return _date(seconds)
    return "utc"


def _date(seconds: int) -> str:
    bounded = min(max(seconds, _FIRST), _LAST)
    return (_EPOCH + datetime.timedelta(seconds=bounded)).strftime("%Y-%m-%dT%H:%M:%S")
