# SPDX-License-Identifier: Apache-2.0
"""The OpenStack side: nova's compute driver. The only code that imports nova."""
