# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration."""

project = "nova-pyvirt"
copyright = "OpenStack contributors"
extensions = ["sphinx.ext.viewcode"]
exclude_patterns: list[str] = []
html_theme = "alabaster"
html_theme_options = {
    "description": "A libvirt-compatible core in Python for OpenStack's nova",
    "fixed_sidebar": True,
}
