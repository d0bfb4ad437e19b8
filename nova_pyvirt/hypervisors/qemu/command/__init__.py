# SPDX-License-Identifier: Apache-2.0
"""QEMU's command line: pure functions of a definition, the capabilities and a context."""

from nova_pyvirt.hypervisors.qemu.command.build import build
from nova_pyvirt.hypervisors.qemu.command.context import CommandContext, CommandLine

__all__ = ["CommandContext", "CommandLine", "build"]
