# SPDX-License-Identifier: Apache-2.0
"""A guest's memory in a file: libvirt's save image format, and the way to and from the disk."""
