# SPDX-License-Identifier: Apache-2.0
"""All options by section: what the process registers and what the sample generator prints."""

from nova_pyvirt.conf import audit, daemon, hooks, introspection, jobs, monitor, paths, qemu

PATHS_PROFILES = paths.PROFILES

_SECTIONS = (audit, daemon, hooks, introspection, jobs, monitor, paths, qemu)


def list_opts() -> list[tuple[str, list[object]]]:
    """[(section, options)], the entry point for oslo-config-generator."""
    return [(section.GROUP, list(section.OPTS)) for section in _SECTIONS]
