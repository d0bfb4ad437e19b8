# SPDX-License-Identifier: Apache-2.0
"""Definitions as typed objects: pure, no I/O (libvirt's src/conf)."""
