# SPDX-License-Identifier: Apache-2.0
"""A domain's share of the host's block devices (qemu_driver.c, domain_driver.c)."""

import re
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, From, libvirtError
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.limits.domain import BLKIO, device_number
from nova_pyvirt.hypervisors.qemu.ops.change import CONFIG, LIVE, Change, change, one
from nova_pyvirt.hypervisors.qemu.params import validate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import BlkioDevice, BlkioTune
from nova_pyvirt.util.typed import Params, UInt

STRING_OKAY: Final = 4
_WEIGHT: Final = "weight"
#: parameter: field of <blkiotune><device>
_DEVICE: Final = {
    "device_weight": "weight",
    "device_read_iops_sec": "read_iops_sec",
    "device_write_iops_sec": "write_iops_sec",
    "device_read_bytes_sec": "read_bytes_sec",
    "device_write_bytes_sec": "write_bytes_sec",
}
_KNOWN: Final[dict[str, type]] = {_WEIGHT: UInt} | dict.fromkeys(_DEVICE, str)


def get_blkio_parameters(state: QemuState, dom: DomainRef, flags: int) -> Params:
    """qemuDomainGetBlkioParameters: weight; lists ``PATH,VALUE,PATH,VALUE``.

    :raises libvirtError: OPERATION_INVALID, SYSTEM_ERROR
    """
    check_flags(flags, LIVE | CONFIG | STRING_OKAY, "qemuDomainGetBlkioParameters")
    vm = state.domains.find(dom)
    _privileged(state)
    with vm.lock:
        definition, live = one(vm, flags)
        tune = definition.blkiotune or BlkioTune()
        weight = tune.weight or 0
        found: Params = {
            name: ",".join(
                f"{d.path},{d.__dict__[field]}" for d in tune.devices if d.__dict__.get(field)
            )
            for name, field in _DEVICE.items()
        }
        cgroup = vm.private.cgroup if live else None
    if cgroup is not None:
        if not cgroup.has("blkio"):
            raise _unmounted()
        weight = cgroup.values("blkio").weight()
    return {_WEIGHT: UInt(weight), **found}


def _privileged(state: QemuState) -> None:
    if not state.view.privileged:
        detail = "Block I/O tuning is not available in session mode"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)


def _unmounted() -> libvirtError:
    return errors.error(Code.OPERATION_INVALID, "blkio cgroup isn't mounted")


def set_blkio_parameters(state: QemuState, dom: DomainRef, params: Params, flags: int) -> None:
    """qemuDomainSetBlkioParameters.

    :raises libvirtError: INVALID_ARG, ARGUMENT_UNSUPPORTED, OPERATION_INVALID, SYSTEM_ERROR
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainSetBlkioParameters")
    validate(params, _KNOWN)
    _privileged(state)
    with change(state, dom, flags, "virDomainSetBlkioParameters") as made:
        if made.live is not None and not made.vm.private.cgroup.has("blkio"):
            raise _unmounted()
        for name, value in params.items():
            if isinstance(value, str):
                _set_devices(made, name, parse_devices(value, name))
            elif isinstance(value, int):
                _set_weight(made, int(value))


def _set_weight(made: Change, weight: int) -> None:
    if made.live is not None:
        values = made.vm.private.cgroup.values("blkio")
        values.set_weight(weight)
        with made.vm.lock:
            _tune(made.live).weight = values.weight()
    if made.config is not None:
        _tune(made.config).weight = weight


def _tune(definition: Domain) -> BlkioTune:
    tune: BlkioTune = definition.blkiotune or BlkioTune()
    definition.blkiotune = tune
    return tune


def parse_devices(text: str, name: str) -> list[tuple[str, int]]:
    """(path, value) of each pair in ``PATH,VALUE,PATH,VALUE``.

    :raises libvirtError: INVALID_ARG
    """
    if not text:
        return []
    words = text.split(",")
    if len(words) % 2:
        raise _invalid(f"unable to parse blkio device '{name}' '{text}'")
    top = 1 << (64 if "bytes" in name else 32)
    pairs = []
    for path, number in zip(words[::2], words[1::2], strict=True):
        if not re.fullmatch(r"\d{1,20}", number) or int(number) >= top:
            raise _invalid(f"invalid value '{number}' for parameter '{name}' of device '{path}'")
        pairs.append((path, int(number)))
    return pairs


def _invalid(detail: str) -> libvirtError:
    return errors.error(Code.INVALID_ARG, detail, domain=From.DOMAIN)


def _set_devices(made: Change, name: str, pairs: list[tuple[str, int]]) -> None:
    field = _DEVICE[name]
    if made.live is not None:
        values = made.vm.private.cgroup.values("blkio")
        for path, value in pairs:
            values.set_device_value(BLKIO[field], device_number(path), value)
        with made.vm.lock:
            _merge(_tune(made.live), field, pairs)
    if made.config is not None:
        _merge(_tune(made.config), field, pairs)


def _merge(tune: BlkioTune, field: str, pairs: list[tuple[str, int]]) -> None:
    for path, value in pairs:
        device = next((d for d in tune.devices if d.path == path), None)
        if device is None:
            if not value:
                continue
            device = BlkioDevice(path=path)
            tune.devices.append(device)
        setattr(device, field, value or None)
