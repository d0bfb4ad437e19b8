# SPDX-License-Identifier: Apache-2.0
"""TPMs: the host's or an emulator's."""

from nova_pyvirt.hypervisors.qemu.command.context import escape
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args, Guest, device
from nova_pyvirt.model.devices.tpm import TPM


def tpms(guest: Guest) -> Args:
    """-tpmdev and -device."""
    args: Args = []
    for item in guest.devices.tpms:
        if item.type == "passthrough":
            more, words = _passthrough(guest, item)
        else:
            more, words = _emulator(guest, item)
        args += [*more, "-tpmdev", ",".join(words)]
        args += device({
            "driver": item.model, "tpmdev": f"tpm-{item.alias}", "id": item.alias,
            **guest.place(item),
        })  # fmt: skip
    return args


def _passthrough(guest: Guest, item: TPM) -> tuple[Args, list[str]]:
    fds = guest.fds(item.alias) or [-1, -1]
    one, path = guest.fdset(fds[:1], f"{item.alias}-tpm")
    two, cancel = guest.fdset(fds[1:2], f"{item.alias}-cancel")
    words = ["passthrough", f"id=tpm-{item.alias}", f"path={path}", f"cancel-path={cancel}"]
    return one + two, words


def _emulator(guest: Guest, item: TPM) -> tuple[Args, list[str]]:
    path = item.source_path or guest.ctx.host_paths.get(item.alias)
    chardev = f"socket,id=chrtpm,path={escape(path)}" if path else "null,id=chrtpm"
    words = ["emulator", f"id=tpm-{item.alias}", "chardev=chrtpm"]
    return ["-chardev", chardev], words
