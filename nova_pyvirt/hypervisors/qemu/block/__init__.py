# SPDX-License-Identifier: Apache-2.0
"""Disk images as QEMU will see them."""
