# SPDX-License-Identifier: Apache-2.0
"""Bandwidth of a domain's interfaces (qemu_driver.c)."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.host import bandwidth
from nova_pyvirt.hypervisors.qemu.ops.change import CONFIG, LIVE, Change, change, one
from nova_pyvirt.hypervisors.qemu.params import validate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.interface import Interface
from nova_pyvirt.model.devices.netport import Bandwidth, Rate
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.typed import Params, UInt

STRING_OKAY: Final = 4
_FIELDS: Final = {
    "inbound": ("average", "peak", "burst", "floor"),
    "outbound": ("average", "peak", "burst"),
}
_NAMES: Final = [f"{side}.{field}" for side, fields in _FIELDS.items() for field in fields]
#: types whose bandwidth can be limited (virNetDevSupportsBandwidth)
_LIMITED: Final = ("network", "bridge", "ethernet", "direct")


def find_interface(definition: Domain, device: str) -> Interface:
    """The interface with that MAC address or that name on the host.

    :raises libvirtError: INVALID_ARG
    """
    wanted = device.lower()
    nets: list[Interface] = definition.devices.interfaces
    for net in nets:
        if device and (net.target == device or (net.mac or "").lower() == wanted):
            return net
    detail = f"'{device}' is not a known interface"
    raise errors.error(Code.INVALID_ARG, detail, domain=From.DOMAIN)


def get_interface_parameters(
    state: QemuState, dom: DomainRef, device: str | None, flags: int
) -> Params:
    """qemuDomainGetInterfaceParameters: KiB/s, bursts in KiB, 0 without a limit.

    :raises libvirtError: INVALID_ARG, OPERATION_INVALID
    """
    check_flags(flags, LIVE | CONFIG | STRING_OKAY, "qemuDomainGetInterfaceParameters")
    vm = state.domains.find(dom)
    with vm.lock:
        definition, _live = one(vm, flags)
        limits = find_interface(definition, device or "").bandwidth
        found: Params = {}
        for side, fields in _FIELDS.items():
            rate = limits.__dict__.get(side) if limits is not None else None
            for field in fields:
                value = rate.__dict__.get(field) if rate is not None else None
                found[f"{side}.{field}"] = UInt(value or 0)
        return found


def set_interface_parameters(
    state: QemuState, dom: DomainRef, device: str, params: Params, flags: int
) -> None:
    """qemuDomainSetInterfaceParameters. An average of 0 takes the limit away.

    :raises libvirtError: INVALID_ARG, CONFIG_UNSUPPORTED, OPERATION_INVALID,
        OPERATION_UNSUPPORTED; INTERNAL_ERROR when the host can't
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainSetInterfaceParameters")
    validate(params, dict.fromkeys(_NAMES, UInt))
    with change(state, dom, flags, "virDomainSetInterfaceParameters") as made:
        nets = [find_interface(definition, device) for definition in made.both]
        for net in nets:
            if net.type not in _LIMITED:
                detail = (
                    f"setting bandwidth on interfaces of type '{net.type}' is not implemented yet"
                )
                raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
        if made.live is not None:
            _set_live(made, nets[0], params)
        if made.config is not None:
            net = nets[-1]
            net.bandwidth = _merged(net.bandwidth, params)


def _set_live(made: Change, net: Interface, params: Params) -> None:
    wanted = _merged(net.bandwidth, params)
    inbound = wanted.inbound if wanted is not None else None
    if inbound is not None and inbound.floor and net.type != "network":
        raise errors.error(
            Code.OPERATION_UNSUPPORTED,
            f"Invalid use of 'floor' on interface with MAC address {net.mac} - 'floor' is only"
            " supported for interface type 'network' with forward type 'nat', 'route', 'open' or"
            " none",
        )
    try:
        bandwidth.limit(net.target, wanted)
    except errors.libvirtError:
        bandwidth.try_limit(net.target, net.bandwidth)
        raise
    with made.vm.lock:
        net.bandwidth = wanted


def _merged(known: Bandwidth | None, params: Params) -> Bandwidth | None:
    """The limits after the change; a side that isn't named stays."""
    sides: dict[str, Rate | None] = {}
    for side, fields in _FIELDS.items():
        values = {
            field: int(value)
            for field in fields
            if isinstance(value := params.get(f"{side}.{field}"), int) and value
        }
        named = any(f"{side}.{name}" in params for name in ("average", "floor") if name in fields)
        if values.get("average") or values.get("floor"):
            sides[side] = Rate(**values)
        elif not named and known is not None:
            sides[side] = known.__dict__.get(side)
    if not any(sides.values()):
        return None
    return Bandwidth(**{side: rate for side, rate in sides.items() if rate is not None})
