# SPDX-License-Identifier: Apache-2.0
"""nova-compute-pyvirt: nova-compute that finds and uses the driver wherever it is installed."""


def main() -> None:
    """nova-compute with compute_driver=pyvirt.PyVirtDriver as its default.

    Arguments and configuration are nova-compute's. nova is imported here, not above: its first
    import decides between native threads and eventlet.
    """
    import nova.cmd.compute
    import nova.conf

    # After nova's own patching; a compute_driver in nova.conf overrides the default.
    nova.conf.CONF.set_default("compute_driver", "pyvirt.PyVirtDriver")
    nova.cmd.compute.main()
