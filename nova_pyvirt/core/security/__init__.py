# SPDX-License-Identifier: Apache-2.0
"""Who may touch what: security drivers."""
