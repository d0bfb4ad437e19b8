# SPDX-License-Identifier: Apache-2.0
"""Groups of statistics of one domain (VIR_DOMAIN_STATS_*), with libvirt's names."""
