# SPDX-License-Identifier: Apache-2.0
"""Devices with little or nothing behind them: random numbers, inputs, watchdog, vsock, shared memory,
redirected USB devices."""

from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.devices import filesystem, input, misc, redirdev
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args, device
from nova_pyvirt.hypervisors.qemu.host import opened
from nova_pyvirt.hypervisors.qemu.hotplug.config import find_vsock
from nova_pyvirt.hypervisors.qemu.hotplug.find import same_place
from nova_pyvirt.hypervisors.qemu.hotplug.plug import Kind, Plug
from nova_pyvirt.model.domain import Domain


class RNGKind(Kind):
    """Random number generators."""

    name = "rngs"

    def options(self, plug: Plug) -> Args:
        guest, item = plug.guest(), plug.device
        return misc.rng_backend(guest, item) + device(misc.rng_props(guest, item))

    def missing(self, match: Any) -> str:
        # libvirt names the model with the word of the back-end that has its number
        word = {"virtio": "random"}.get(match.model, match.backend.model)
        return f"model '{word}' RNG device not present in domain configuration"

    def backends(self, device: Any) -> list[tuple[str, dict[str, Any]]]:
        found: list[tuple[str, dict[str, Any]]] = [("object-del", {"id": f"obj{device.alias}"})]
        if device.backend.model == "egd":
            found.append(("chardev-remove", {"id": f"char{device.alias}"}))
        return found


class InputKind(Kind):
    """Tablets, mice, keyboards."""

    name = "inputs"

    def check(self, plug: Plug) -> None:
        item = plug.device
        if item.type == "evdev" or item.bus not in ("usb", "virtio"):
            detail = f"input device on bus '{item.bus or 'none'}' cannot be hot plugged."
            raise errors.error(Code.OPERATION_UNSUPPORTED, detail)

    def options(self, plug: Plug) -> Args:
        return device(input.props(plug.guest(), plug.device))

    def missing(self, match: Any) -> str:
        return "matching input device not found"

    def check_detach(self, vm: DomainObj, device: Any) -> None:
        if device.bus in ("ps2", "xen", "parallels"):
            detail = f"input device on bus '{device.bus}' cannot be detached"
            raise errors.error(Code.OPERATION_UNSUPPORTED, detail)


class WatchdogKind(Kind):
    """The one watchdog."""

    name = "watchdogs"

    def check_alone(self, vm: DomainObj, device: Any) -> None:
        if vm.definition.devices.watchdogs:
            detail = "domain already has a watchdog"
            raise errors.error(Code.OPERATION_INVALID, detail)

    def check(self, plug: Plug) -> None:
        if plug.device.model != "i6300esb":
            detail = f"hotplug of watchdog of model {plug.device.model} is not supported"
            raise errors.error(Code.OPERATION_UNSUPPORTED, detail)

    def options(self, plug: Plug) -> Args:
        args = misc.watchdogs(plug.guest(watchdogs=[plug.device]))
        return args[2:] + args[:2]  # what it does is settled before it can

    def find(self, definition: Domain, match: Any) -> Any:
        found = next(iter(definition.devices.watchdogs), None)
        if found is None:
            detail = "watchdog device not present in domain configuration"
            raise errors.error(Code.DEVICE_MISSING, detail)
        same = (found.model, found.action) == (match.model, match.action)
        if not same or not same_place(match, found):
            detail = f"model '{found.model}' watchdog device not present in domain configuration"
            raise errors.error(Code.DEVICE_MISSING, detail)
        return found

    def check_detach(self, vm: DomainObj, device: Any) -> None:
        if device.model != "i6300esb":
            detail = f"hot unplug of watchdog of model {device.model} is not supported"
            raise errors.error(Code.OPERATION_UNSUPPORTED, detail)


class VsockKind(Kind):
    """The one vsock device."""

    name = "vsock"

    def check_alone(self, vm: DomainObj, device: Any) -> None:
        if vm.definition.devices.vsock is not None:
            detail = "the domain already has a vsock device"
            raise errors.error(Code.OPERATION_INVALID, detail)

    def prepare(self, plug: Plug) -> None:
        alias = str(plug.device.alias)
        plug.give_fds(alias, f"vsockfd-{alias}", plug.open([opened.vsock(plug.device)]))

    def options(self, plug: Plug) -> Args:
        return misc.vsock(plug.guest())

    def insert(self, definition: Domain, device: Any) -> None:
        definition.devices.vsock = device

    def drop(self, definition: Domain, device: Any) -> None:
        definition.devices.vsock = None

    def find(self, definition: Domain, match: Any) -> Any:
        found = find_vsock(definition, match)
        if found is None:
            raise errors.error(Code.DEVICE_MISSING, "matching vsock device not found")
        return found


class ShmemKind(Kind):
    """Memory shared with other guests."""

    name = "shmems"

    def check(self, plug: Plug) -> None:
        if plug.device.model == "ivshmem":
            detail = "live attach of shmem model 'ivshmem' is not supported"
            raise errors.error(Code.OPERATION_UNSUPPORTED, detail)

    def options(self, plug: Plug) -> Args:
        args = filesystem.shmems(plug.guest(shmems=[plug.device]))
        if "-chardev" in args:  # before its user: only a start may have it the other way round
            at = args.index("-chardev")
            args = args[at : at + 2] + args[:at] + args[at + 2 :]
        return args

    def missing(self, match: Any) -> str:
        return f"model '{match.model}' shmem device not present in domain configuration"

    def check_detach(self, vm: DomainObj, device: Any) -> None:
        if device.model == "ivshmem":
            detail = "live detach of shmem model 'ivshmem' is not supported"
            raise errors.error(Code.OPERATION_UNSUPPORTED, detail)

    def backends(self, device: Any) -> list[tuple[str, dict[str, Any]]]:
        if device.server:
            return [("chardev-remove", {"id": f"char{device.alias}"})]
        return [("object-del", {"id": f"shmmem-{device.alias}"})]


class RedirdevKind(Kind):
    """USB devices from elsewhere."""

    name = "redirdevs"

    def options(self, plug: Plug) -> Args:
        return redirdev.redirdevs(plug.guest(redirdevs=[plug.device]))

    def find(self, definition: Domain, match: Any) -> Any:
        held = definition.devices.redirdevs
        if any(match is other for other in held):
            return match
        try:
            return super().find(definition, match)
        except errors.libvirtError:
            detail = "no matching redirdev was not found"
            raise errors.error(Code.OPERATION_INVALID, detail) from None

    def backends(self, device: Any) -> list[tuple[str, dict[str, Any]]]:
        return [("chardev-remove", {"id": f"char{device.alias}"})]
