# SPDX-License-Identifier: Apache-2.0
"""Definitions nobody would write: made from what the model declares, then damaged."""
