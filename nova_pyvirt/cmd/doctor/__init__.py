# SPDX-License-Identifier: Apache-2.0
"""pyvirt doctor: what a host needs to run guests, what is wrong and what to do."""

from nova_pyvirt.cmd.doctor.command import CHECKS, Doctor, examine
from nova_pyvirt.cmd.doctor.finding import FAIL, OK, WARN, Finding

__all__ = ["CHECKS", "FAIL", "OK", "WARN", "Doctor", "Finding", "examine"]
