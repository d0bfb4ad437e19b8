# SPDX-License-Identifier: Apache-2.0
"""virDomain."""

from nova_pyvirt.libvirt.domain.block import Block
from nova_pyvirt.libvirt.domain.blockjob import BlockJob
from nova_pyvirt.libvirt.domain.config import Config
from nova_pyvirt.libvirt.domain.console import Console
from nova_pyvirt.libvirt.domain.devices import Devices
from nova_pyvirt.libvirt.domain.guest import Guest
from nova_pyvirt.libvirt.domain.info import Info
from nova_pyvirt.libvirt.domain.iothread import IOThread
from nova_pyvirt.libvirt.domain.job import Job
from nova_pyvirt.libvirt.domain.lifecycle import Lifecycle
from nova_pyvirt.libvirt.domain.memory import Memory
from nova_pyvirt.libvirt.domain.migration import Migration
from nova_pyvirt.libvirt.domain.save import Save
from nova_pyvirt.libvirt.domain.security import Security
from nova_pyvirt.libvirt.domain.snapshots import Snapshots
from nova_pyvirt.libvirt.domain.stats import Stats
from nova_pyvirt.libvirt.domain.tuning import Tuning
from nova_pyvirt.libvirt.domain.vcpu import Vcpu


class virDomain(
    Lifecycle,
    Info,
    Config,
    Devices,
    Memory,
    Vcpu,
    IOThread,
    Tuning,
    Block,
    BlockJob,
    Stats,
    Job,
    Save,
    Migration,
    Snapshots,
    Guest,
    Console,
    Security,
):
    """A domain of a connection: a guest, running or not.

    Its name, UUID and id are those it had when the object was made; create() and its variants take
    the new id over.
    """

    _kind = "virDomain"
