# SPDX-License-Identifier: Apache-2.0
"""Jobs on a running guest's disks: pull, copy, commit (libvirt's qemu_blockjob.c)."""
