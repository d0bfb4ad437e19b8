# SPDX-License-Identifier: Apache-2.0
"""The installed version."""

from importlib import metadata


def version_string() -> str:
    """The version of the installed distribution; "unknown" when run from a bare work tree."""
    try:
        return metadata.version("nova-pyvirt")
    except metadata.PackageNotFoundError:
        return "unknown"
