# SPDX-License-Identifier: Apache-2.0
"""What a guest's own TPM remembers, kept below the domain's uuid as libvirt keeps it."""

import shutil

from nova_pyvirt.core.paths import Paths
from nova_pyvirt.model.domain import Domain


def directory(paths: Paths, definition: Domain) -> str:
    """Where a domain's TPM state is."""
    return f"{paths.swtpm_state_dir}/{definition.uuid}"


def forget(paths: Paths, definition: Domain, *, keep: bool = False, remove: bool = False) -> None:
    """What happens to it when the domain is known no more (qemuTPMEmulatorCleanupHost).

    :param keep: the caller wants it kept
    :param remove: the caller wants it removed, also when it is called persistent
    """
    for tpm in definition.devices.tpms:
        if tpm.type == "emulator" and (remove if tpm.persistent_state else not keep):
            shutil.rmtree(directory(paths, definition), ignore_errors=True)
