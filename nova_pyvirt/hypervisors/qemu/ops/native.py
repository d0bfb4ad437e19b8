# SPDX-License-Identifier: Apache-2.0
"""domxml-to-native: the command line a definition would start with."""

import shlex

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu import command
from nova_pyvirt.hypervisors.qemu.definition import parse_definition
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.host import opened
from nova_pyvirt.hypervisors.qemu.host.facts import host_context
from nova_pyvirt.hypervisors.qemu.prepare import caps_of_run, prepare
from nova_pyvirt.hypervisors.qemu.state import QemuState


def to_native(state: QemuState, kind: str, xml: str, flags: int) -> str:
    """qemuConnectDomainXMLToNative.

    :raises libvirtError: INVALID_ARG for another format than qemu-argv; see parse_definition
    """
    check_flags(flags, 0, "qemuConnectDomainXMLToNative")
    if kind != "qemu-argv":
        raise errors.error(Code.INVALID_ARG, f"unsupported config type {kind}")
    domain = parse_definition(xml, state.caps_for, nvram_dir=state.paths.nvram_dir)
    caps = caps_of_run(domain, state.caps_for(domain))
    prepare(domain, caps, state.view, state.paths.nvram_dir)
    lib_dir = state.paths.domain_lib_dir(-1, domain.name)
    key = f"{lib_dir}/master-key.aes"
    ctx = command.CommandContext(
        standalone=True,
        lib_dir=lib_dir,
        master_key=key,
        host_paths=opened.paths(domain, state.view.fs),
        **host_context(state, domain),
    )
    line = command.build(domain, caps, ctx)
    words = [f"{name}={shlex.quote(value)}" for name, value in line.env.items()]
    return " ".join(words + [shlex.quote(word) for word in line.argv])
