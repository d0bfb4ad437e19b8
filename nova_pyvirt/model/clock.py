# SPDX-License-Identifier: Apache-2.0
"""<clock> and its timers."""

from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.kinds import YES_NO, Int, UInt, enum
from nova_pyvirt.model.xmlbind import Context, Element, children, field

ULL = UInt(64)


def _tsc(timer: "Timer", ctx: Context) -> bool:
    return bool(timer.name == "tsc")


def _positive(name: str) -> Any:
    return field(
        f"catchup/@{name}", ULL, show=lambda timer, ctx: (timer.__dict__.get(name) or 0) > 0
    )


class Timer(Element):
    """<timer>."""

    TAG = "timer"
    name = field(
        "@name",
        enum("platform", "pit", "rtc", "hpet", "tsc", "kvmclock", "hypervclock", "armvtimer"),
    )
    present = field("@present", YES_NO)
    tickpolicy = field("@tickpolicy", enum("delay", "catchup", "merge", "discard"))
    track = field("@track", enum("boot", "guest", "wall", "realtime"))
    frequency = field("@frequency", ULL, show=_tsc)
    mode = field("@mode", enum("auto", "native", "emulate", "paravirt", "smpsafe"), show=_tsc)
    threshold = _positive("threshold")
    slew = _positive("slew")
    limit = _positive("limit")

    def after_parse(self, node: etree._Element) -> None:
        if self.name is None:
            detail = "Missing required attribute 'name' in element 'timer'"
            raise errors.error(Code.XML_ERROR, detail, domain=From.XML)


def _offset(*offsets: str) -> Any:
    return lambda clock, ctx: clock.offset in offsets


class Clock(Element):
    """<clock>. With offset variable, adjustment is seconds."""

    TAG = "clock"
    offset = field("@offset", enum("utc", "localtime", "variable", "timezone", "absolute"))
    adjustment = field("@adjustment", show=_offset("utc", "localtime", "variable"))
    basis = field("@basis", enum("utc", "localtime"), show=_offset("variable"))
    adjustment0 = field(
        "@adjustment0", Int(64), show=lambda clock, ctx: ctx.status and clock.adjustment0
    )
    timezone = field("@timezone", show=_offset("timezone"))
    start = field("@start", ULL, show=_offset("absolute"))
    timers = children("timer", Timer)

    def after_parse(self, node: etree._Element) -> None:
        self.offset = self.offset or "utc"
        if self.offset in ("utc", "localtime"):
            self._fixed()
        elif self.offset == "variable":
            number = Int(64).parse(self.adjustment or "0", "adjustment", "clock")
            self.adjustment, self.basis = str(number), self.basis or "utc"
        elif self.offset == "timezone" and self.timezone is None:
            detail = "missing 'timezone' attribute for clock with offset='timezone'"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)

    def _fixed(self) -> None:
        """adjustment of a fixed clock: 'reset', or seconds, which make it a variable one."""
        text = self.adjustment
        if text is None or text == "reset":
            return
        number = Int(64).parse(text, "adjustment", "clock")
        self.basis, self.offset, self.adjustment = self.offset, "variable", str(number)

    def timer(self, name: str) -> Timer | None:
        """The timer of that name."""
        return next((t for t in self.timers if t.name == name), None)
