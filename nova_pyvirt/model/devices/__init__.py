# SPDX-License-Identifier: Apache-2.0
"""Devices of a domain, one module a family."""
