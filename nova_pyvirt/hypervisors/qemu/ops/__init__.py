# SPDX-License-Identifier: Apache-2.0
"""The driver's operations, by topic; the driver table has a line for each."""
