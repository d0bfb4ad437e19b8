# SPDX-License-Identifier: Apache-2.0
"""<clock> and its timers."""

from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.kinds import YES_NO, Int, Loose, UInt, Value, Word, enum
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
        required=True,
    )
    present = field("@present", YES_NO)
    tickpolicy = field("@tickpolicy", enum("delay", "catchup", "merge", "discard"))
    track = field("@track", enum("boot", "guest", "wall", "realtime"))
    frequency = field("@frequency", ULL, show=_tsc)
    mode = field("@mode", enum("auto", "native", "emulate", "paravirt", "smpsafe"), show=_tsc)
    threshold = _positive("threshold")
    slew = _positive("slew")
    limit = _positive("limit")


_ADJUSTMENT = Value("unknown clock adjustment '%s'", Int(64))


def _lacks(attribute: str, offset: str) -> errors.libvirtError:
    detail = f"missing '{attribute}' attribute for clock with offset='{offset}'"
    return errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)


def _offset(*offsets: str) -> Any:
    return lambda clock, ctx: clock.offset in offsets


class Clock(Element):
    """<clock>. With offset variable, adjustment is seconds."""

    TAG = "clock"
    offset = field(
        "@offset",
        Word("unknown clock offset '%s'", "utc", "localtime", "variable", "timezone", "absolute"),
        blank=True,
    )
    adjustment = field("@adjustment", show=_offset("utc", "localtime", "variable"), blank=True)
    basis = field(
        "@basis",
        Word("unknown clock basis '%s'", "utc", "localtime"),
        show=_offset("variable"),
        blank=True,
    )
    adjustment0 = field(
        "@adjustment0",
        Loose(Int(64)),
        show=lambda clock, ctx: ctx.status and clock.adjustment0,
        blank=True,
    )
    timezone = field("@timezone", show=_offset("timezone"), blank=True)
    start = field("@start", Loose(ULL), show=_offset("absolute"))
    timers = children("timer", Timer)

    def after_parse(self, node: etree._Element) -> None:
        self.offset = self.offset or "utc"
        if self.offset in ("utc", "localtime"):
            self._fixed()
        elif self.offset == "variable":
            number = Loose(Int(64)).parse(self.adjustment or "0", "adjustment", "clock") or 0
            self.adjustment, self.basis = str(number), self.basis or "utc"
        elif self.offset == "timezone" and self.timezone is None:
            raise _lacks("timezone", "timezone")
        elif self.offset == "absolute" and self.start is None:
            raise _lacks("start", "absolute")

    def _fixed(self) -> None:
        """adjustment of a fixed clock: 'reset', or seconds, which make it a variable one."""
        text = self.adjustment
        if text is None or text == "reset":
            return
        number = _ADJUSTMENT.parse(text, "adjustment", "clock")
        self.basis, self.offset, self.adjustment = self.offset, "variable", str(number)

    def timer(self, name: str) -> Timer | None:
        """The timer of that name."""
        return next((t for t in self.timers if t.name == name), None)
