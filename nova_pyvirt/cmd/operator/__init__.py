# SPDX-License-Identifier: Apache-2.0
"""The commands of pyvirt, the operator's tool."""
