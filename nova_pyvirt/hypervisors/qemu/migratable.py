# SPDX-License-Identifier: Apache-2.0
"""A definition as another run, or another host, gets it (qemuDomainDefFormatLive)."""

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.model import abi
from nova_pyvirt.model.cpu import CPU
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.writer import Writer
from nova_pyvirt.model.xmlbind import Context


def xml(definition: Domain, orig_cpu: CPU | None) -> str:
    """The inactive, migratable XML, secrets included.

    :param orig_cpu: the CPU as it was defined, None = the definition's own
    """
    return as_defined(definition, orig_cpu).format(secure=True, migratable=True, inactive=True)


def as_defined(definition: Domain, orig_cpu: CPU | None) -> Domain:
    """The definition with the CPU that its owner asked for."""
    if orig_cpu is None:
        return definition
    copy = definition.copy()
    copy.cpu = orig_cpu
    return copy


def cookie(definition: Domain) -> str:
    """What an image says beside the definition: the CPU that the guest really has."""
    out = Writer()
    mark = out.open("cookie", "", None)
    if definition.cpu is not None:
        definition.cpu.write(out, Context())
    out.close(mark, "cookie", keep=True)
    return out.text()


def check_same_machine(source: Domain, orig_cpu: CPU | None, given: Domain) -> None:
    """A definition that somebody gives for a running guest must be the same machine to it.

    :raises libvirtError: CONFIG_UNSUPPORTED naming the difference
    """
    abi.check(Domain.load(xml(source, orig_cpu)), Domain.load(xml(given, None)), volatile=False)


def check_same_image(stored: Domain, given: Domain) -> None:
    """The same for a definition that somebody gives for an image.

    :raises libvirtError: CONFIG_UNSUPPORTED naming the difference
    """
    try:
        abi.check(stored, Domain.load(xml(given, None)))
    except libvirtError as exc:
        try:  # old snapshots' images hold the plain form (libvirt: before 1.1.3)
            abi.check(stored, given)
        except libvirtError:
            raise exc from None
