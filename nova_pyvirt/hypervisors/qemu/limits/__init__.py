# SPDX-License-Identifier: Apache-2.0
"""What a guest may use of its host: control groups, processors of its threads, rlimits."""
