# SPDX-License-Identifier: Apache-2.0
"""Which host CPUs vCPUs and the emulator may use; all CPU maps are bytes, a bit a CPU."""

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.test.slots import CONFIG, LIVE, Base, bad_argument, invalid, slot
from nova_pyvirt.model import cpuset
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import CPUTune, Pin
from nova_pyvirt.util.native import time

_RUNNING = 1


def to_map(text: str | None, cpus: int) -> bytes:
    """A CPU set as a map; None: all of them."""
    made = bytearray((cpus + 7) // 8)
    for cpu in range(cpus) if text is None else cpuset.parse(text):
        if cpu < cpus:
            made[cpu // 8] |= 1 << cpu % 8
    return bytes(made)


def from_map(cpumap: bytes) -> str:
    """A map as a CPU set.

    :raises libvirtError: INVALID_ARG for an empty one
    """
    bits = (n for n in range(len(cpumap) * 8) if cpumap[n // 8] >> n % 8 & 1)
    text = cpuset.text(bits)
    if not text:
        raise bad_argument("Empty cpu list for pinning")
    return text


def tune(made: Domain) -> CPUTune:
    """A definition's <cputune>."""
    if made.cputune is None:
        made.cputune = CPUTune()
    found: CPUTune = made.cputune
    return found


def pin_of(made: Domain, vcpu: int) -> str | None:
    """The CPU set of a vCPU; None: all."""
    for pin in made.cputune.vcpupins if made.cputune is not None else ():
        if pin.vcpu == vcpu:
            return str(pin.cpuset)
    return None if made.vcpu_cpuset is None else str(made.vcpu_cpuset)


class PinningSlots(Base):
    """Affinity."""

    @slot()
    def domain_get_vcpus(
        self, dom: DomainRef
    ) -> tuple[list[tuple[int, int, int, int]], list[bytes]]:
        """(number, VIR_VCPU_RUNNING, ns, host CPU: its last allowed one) and the map of each."""
        vm = self.vm(dom)
        if not vm.active:
            raise invalid("cannot list vcpus for an inactive domain")
        made, cpus, spent = vm.definition, self.world.node.maximum, int(time.time() * 1e9)
        info, maps = [], []
        for number in range(made.vcpu_count):
            text = pin_of(made, number)
            allowed = range(cpus) if text is None else cpuset.parse(text)
            last = max((cpu for cpu in allowed if cpu < cpus), default=0)
            info.append((number, _RUNNING, spent, last))
            maps.append(to_map(text, cpus))
        return info, maps

    @slot("testDomainGetVcpuPinInfo", LIVE | CONFIG)
    def domain_get_vcpu_pin_info(self, dom: DomainRef, flags: int) -> list[bytes]:
        made, cpus = self.one(dom, flags), self.world.node.maximum
        return [to_map(pin_of(made, n), cpus) for n in range(made.vcpu_count)]

    @slot()
    def domain_pin_vcpu(self, dom: DomainRef, vcpu: int, cpumap: bytes) -> None:
        self.domain_pin_vcpu_flags(dom, vcpu, cpumap, 0)

    @slot("testDomainPinVcpuFlags", LIVE | CONFIG)
    def domain_pin_vcpu_flags(self, dom: DomainRef, vcpu: int, cpumap: bytes, flags: int) -> None:
        made = self.one(dom, flags)
        if not 0 <= vcpu < made.vcpu_count:
            raise bad_argument(f"requested vcpu '{vcpu}' is not present in the domain")
        pins = tune(made).vcpupins
        pins[:] = [pin for pin in pins if pin.vcpu != vcpu]
        pins.append(Pin(vcpu=vcpu, cpuset=from_map(cpumap)))
        pins.sort(key=lambda pin: pin.vcpu)

    @slot("testDomainGetEmulatorPinInfo", LIVE | CONFIG)
    def domain_get_emulator_pin_info(self, dom: DomainRef, flags: int) -> bytes:
        made = self.one(dom, flags)
        own = made.cputune.emulator_cpuset if made.cputune is not None else None
        return to_map(own or made.vcpu_cpuset, self.world.node.maximum)

    @slot("testDomainPinEmulator", LIVE | CONFIG)
    def domain_pin_emulator(self, dom: DomainRef, cpumap: bytes, flags: int) -> None:
        tune(self.one(dom, flags)).emulator_cpuset = from_map(cpumap)
