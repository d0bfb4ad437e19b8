# SPDX-License-Identifier: Apache-2.0
"""The compute driver: nova's LibvirtDriver on nova_pyvirt.libvirt."""

from typing import Any

from nova_pyvirt.driver import inject

inject.install()

# nova binds `libvirt` when these are imported, hence after the injection.
from nova.virt.libvirt import driver as libvirt_driver  # noqa: E402
from oslo_log import log as logging  # noqa: E402

from nova_pyvirt import conf  # noqa: E402
from nova_pyvirt.core.introspect import meditation  # noqa: E402
from nova_pyvirt.driver import concurrency  # noqa: E402
from nova_pyvirt.version import version_string  # noqa: E402

LOG = logging.getLogger(__name__)


class PyVirtDriver(libvirt_driver.LibvirtDriver):  # type: ignore[misc]
    """nova.virt.libvirt.driver.LibvirtDriver without libvirt's C parts.

    Everything that an operator sets in nova.conf's [libvirt] section means what it means there;
    ``connection_uri`` may also be ``qemu:///embed?root=DIR``.
    """

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        concurrency.share_logging()
        conf.load()
        super().__init__(virtapi, read_only=read_only)

    def init_host(self, host: str) -> None:
        """ComputeDriver.init_host: says in the log what runs where, then does what nova does."""
        LOG.info(
            "nova-pyvirt %(version)s, directories: %(paths)s, concurrency: %(mode)s",
            {
                "version": version_string(),
                "paths": conf.paths_profile(),
                "mode": concurrency.describe(),
            },
        )
        meditation.register()
        super().init_host(host)
