# SPDX-License-Identifier: Apache-2.0
"""Parts of the driver's table by topic: one line for each operation."""
