# SPDX-License-Identifier: Apache-2.0
"""The event loop API, and how events get from the core's threads to it."""
