# SPDX-License-Identifier: Apache-2.0
"""Devices that come and go while a guest runs (libvirt's qemu_hotplug.c)."""
