# SPDX-License-Identifier: Apache-2.0
"""The checks in their order, and the command that prints what they find."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from cliff.lister import Lister

from nova_pyvirt.cmd.doctor import machine, programs, state
from nova_pyvirt.cmd.doctor.finding import FAIL, Finding, Host
from nova_pyvirt.cmd.operator.common import Rows
from nova_pyvirt.conf import load, paths_profile
from nova_pyvirt.core.paths import Paths
from nova_pyvirt.core.registry import default_uri
from nova_pyvirt.core.settings import Settings
from nova_pyvirt.core.uri import parse
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.opening import paths_of

CHECKS: Final[tuple[Callable[[Host], Iterator[Finding]], ...]] = (
    programs.python,
    programs.qemu,
    machine.kvm,
    machine.identity,
    machine.cgroups,
    state.configuration,
    state.directories,
    machine.images,
    state.manager,
    state.guests,
    programs.tools,
    programs.nova,
)


def examine(uri: str | None = None) -> list[Finding]:
    """All findings, in order.

    :param uri: a local QEMU connection; anything else means the default one
    """
    try:
        load()
        text = uri or default_uri()
        parsed = parse(text)
        local = parsed.scheme == "qemu" and not parsed.server
        paths = paths_of(text) if local else Paths.system(paths_profile())
        settings = Settings.load(paths)
    except libvirtError as exc:
        return [Finding("configuration", FAIL, str(exc), "correct the file or the variable")]
    host = Host(
        text if local else "qemu:///system",
        paths,
        settings.uid,
        settings.gid,
        without_effect=settings.without_effect,
    )
    return [finding for check in CHECKS for finding in check(host)]


class Doctor(Lister):
    """Examines the host: what is wrong and what to do. Ends with 1 when something must be done."""

    app: Any

    def take_action(self, parsed_args: Any) -> Rows:
        self.findings = examine(self.app.options.connect)
        return ("Check", "Status", "Detail", "What to do"), self.findings

    def run(self, parsed_args: Any) -> int:
        code: int = super().run(parsed_args)
        return code or int(any(one.status == FAIL for one in self.findings))
