# SPDX-License-Identifier: Apache-2.0
"""Timers and power management (virDomainDefPostParseTimer, qemuValidateDomainDefClockTimers)."""

from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.validate.common import bad_xml, unsupported, unsupported_domain
from nova_pyvirt.model.clock import Timer
from nova_pyvirt.model.domain import Domain


def check_settings(domain: Domain) -> None:
    """What a timer can't have anywhere.

    :raises libvirtError: CONFIG_UNSUPPORTED, XML_ERROR
    """
    for timer in domain.clock.timers:
        _settings(timer)


def check(domain: Domain, caps: QemuCaps) -> None:
    """:raises libvirtError: CONFIG_UNSUPPORTED for what QEMU's timers can't do"""
    for timer in domain.clock.timers:
        _foreign(domain, timer)
        _qemu(timer, caps)


def _settings(timer: Timer) -> None:
    if timer.name in ("kvmclock", "hypervclock") and timer.tickpolicy:
        raise unsupported_domain(f"timer {timer.name} doesn't support setting of timer tickpolicy")
    if timer.tickpolicy != "catchup" and (timer.threshold or timer.limit or timer.slew):
        raise bad_xml(
            "setting of timer catchup policies is only supported with tickpolicy='catchup'"
        )
    if timer.name != "tsc":
        for name in ("frequency", "mode"):
            if timer.__dict__.get(name):
                raise unsupported_domain(
                    f"timer {timer.name} doesn't support setting of timer {name}"
                )
    if timer.name not in ("platform", "rtc") and timer.track is not None:
        raise unsupported_domain(f"timer {timer.name} doesn't support setting of timer track")


def _foreign(domain: Domain, timer: Timer) -> None:
    if timer.name == "armvtimer":
        raise unsupported(
            f"Configuring the '{timer.name}' timer is not supported for virtType={domain.type}"
            f" arch={domain.os.arch} machine={domain.os.machine} guests"
        )


def _qemu(timer: Timer, caps: QemuCaps) -> None:
    if timer.name == "platform":
        raise unsupported(f"unsupported timer type (name) '{timer.name}'")
    if timer.name == "rtc":
        if timer.track == "boot":
            raise unsupported(f"unsupported rtc timer track '{timer.track}'")
        if timer.tickpolicy in ("merge", "discard"):
            raise unsupported(f"unsupported rtc timer tickpolicy '{timer.tickpolicy}'")
    if timer.name == "pit" and timer.tickpolicy in ("catchup", "merge"):
        if timer.tickpolicy == "merge" or not caps.has("kvm-pit-lost-tick-policy"):
            raise unsupported(f"unsupported pit tickpolicy '{timer.tickpolicy}'")
    if timer.name == "hpet" and timer.present:
        if not (caps.has("no-hpet") or caps.has("machine-hpet")):
            raise unsupported("hpet timer is not supported")
