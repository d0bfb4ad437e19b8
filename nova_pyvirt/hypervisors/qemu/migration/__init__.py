# SPDX-License-Identifier: Apache-2.0
"""Moving a guest's memory: into files, and to other hosts."""
