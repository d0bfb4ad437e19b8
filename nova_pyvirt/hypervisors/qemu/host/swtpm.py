# SPDX-License-Identifier: Apache-2.0
"""The guest's own TPM: a swtpm process that QEMU talks to (libvirt's qemu_tpm.c).

Its state is kept below the domain's uuid, as libvirt keeps it.
"""

import pwd
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from signal import SIGTERM
from typing import Final

from nova_pyvirt.core.paths import Paths
from nova_pyvirt.core.secrets import Usage
from nova_pyvirt.core.settings import identify
from nova_pyvirt.errors import Code, From, error, system_error
from nova_pyvirt.hypervisors.qemu.host import tpmstate
from nova_pyvirt.hypervisors.qemu.host.beside import END_DEADLINE, ENV, Beside, run_name
from nova_pyvirt.hypervisors.qemu.host.secrets import value_of
from nova_pyvirt.hypervisors.qemu.process import SpawnSpec
from nova_pyvirt.hypervisors.qemu.start.context import Start
from nova_pyvirt.model.devices.tpm import TPM
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os

#: seconds for keys and certificates to be made
SETUP_DEADLINE: Final = 60.0
_USER: Final = "tss"
#: how encrypted state is encrypted
_MODE: Final = "aes-256-cbc"
_BANKS: Final = ("sha1", "sha256", "sha384", "sha512")


def prepare(start: Start) -> None:
    """Makes the state of a new TPM, starts swtpm, and tells where it listens.

    :raises libvirtError: INTERNAL_ERROR when the programs are missing or fail; SYSTEM_ERROR; NO_SECRET
        for state that is to be encrypted
    """
    for tpm in start.definition.devices.tpms:
        if tpm.type == "emulator":
            _prepare(start, tpm)


def take_over(undo: ExitStack, paths: Paths, definition: Domain, lib_dir: str) -> None:
    """The swtpm of a guest that runs already.

    :param undo: what is given back when the run ends
    """
    if any(tpm.type == "emulator" for tpm in definition.devices.tpms):
        _beside(paths, lib_dir).take_over(undo)


def _beside(paths: Paths, lib_dir: str) -> Beside:
    stem = f"{paths.swtpm_run_dir}/{run_name(lib_dir)}-swtpm"
    return Beside("swtpm", f"{stem}.sock", f"{stem}.pid")


def _prepare(start: Start, tpm: TPM) -> None:
    word = _word(start, tpm)
    paths, name = start.state.paths, start.vm.name
    version = ("--tpm2",) if tpm.version == "2.0" else ()
    directory = f"{tpmstate.directory(paths, start.definition)}/tpm{'2' if version else '1.2'}"
    log = f"{paths.swtpm_log_dir}/{name}-swtpm.log"
    owner = _owner(start)
    fresh = _directories(paths, directory, owner)
    try:
        if fresh:
            _setup(start, owner, directory, log, version, word)
        _banks(start, owner, tpm, directory, log, version, word)
    except BaseException:
        if fresh:
            shutil.rmtree(directory, ignore_errors=True)
        raise
    beside = _beside(paths, start.private.lib_dir)
    start.host_paths[tpm.alias] = beside.path
    program = _program("swtpm")

    def spec(number: int) -> SpawnSpec:
        argv = [program, "socket", "--ctrl", f"type=unixio,fd={number}", "--tpmstate",
                f"dir={directory},mode=0600", "--log", f"file={log}", "--terminate",
                *version]  # fmt: skip
        for option, fd in zip(("--key", "--migration-key"), words, strict=False):
            argv += [option, f"pwdfd={fd},mode={_MODE}"]
        return _spec(argv, owner, [number, *words])

    with _readable(word, 2) as words:
        beside.run(start.state, start.private.undo, spec)


def _word(start: Start, tpm: TPM) -> bytes | None:
    """What the state is encrypted with; None = it isn't.

    :raises libvirtError: NO_SECRET, INVALID_ARG
    """
    if not tpm.encryption:
        return None
    return value_of(start.state.secrets, tpm.encryption, Usage.VTPM)


@contextmanager
def _readable(word: bytes | None, count: int) -> Iterator[list[int]]:
    """Descriptors that programs read a word from, each its own; none without a word."""
    fds: list[int] = []
    try:
        for _ in range(count if word is not None else 0):
            fds.append(os.memfd_create("word", os.MFD_CLOEXEC))
            os.write(fds[-1], word or b"")
            os.lseek(fds[-1], 0, os.SEEK_SET)
        yield fds
    finally:
        for fd in fds:
            os.close(fd)


def _owner(start: Start) -> tuple[int, int] | None:
    """swtpm's own user; None when we are nobody who could become another."""
    if os.geteuid():
        return None
    settings = start.state.settings
    if settings.swtpm_user or settings.swtpm_group:
        return identify(settings.swtpm_user or _USER, settings.swtpm_group)
    try:
        entry = pwd.getpwnam(_USER)
    except KeyError:
        if settings.uid is None or settings.gid is None:
            return None
        return settings.uid, settings.gid
    return entry.pw_uid, entry.pw_gid


def _directories(paths: Paths, directory: str, owner: tuple[int, int] | None) -> bool:
    """Makes them; is the state's new?"""
    try:
        os.makedirs(os.path.dirname(directory), 0o711, exist_ok=True)
        os.makedirs(paths.swtpm_run_dir, 0o755, exist_ok=True)
        os.makedirs(paths.swtpm_log_dir, 0o730, exist_ok=True)
        fresh = not os.path.exists(directory)
        os.makedirs(directory, 0o700, exist_ok=True)
        if owner is not None:
            os.chown(paths.swtpm_log_dir, *owner)
            os.chown(directory, *owner)
            for name in os.listdir(directory):
                os.chown(f"{directory}/{name}", *owner, follow_symlinks=False)
    except OSError as exc:
        detail = f"Could not create TPM directory {directory}"
        raise system_error(exc.errno or 0, detail) from exc
    return fresh


def _setup(
    start: Start,
    owner: tuple[int, int] | None,
    directory: str,
    log: str,
    version: tuple[str, ...],
    word: bytes | None,
) -> None:
    """Keys and certificates of a new TPM; a guest that comes from elsewhere brings its own."""
    program = _program("swtpm_setup")
    if start.incoming is not None:
        rest = ["--overwrite"]
    else:
        vm_id = f"{start.vm.name}:{start.definition.uuid}"
        rest = ["--vmid", vm_id, "--logfile", log, "--createek", "--create-ek-cert",
                "--create-platform-cert", "--lock-nvram", "--not-overwrite"]  # fmt: skip
    _call(start, owner, [program, *version, "--tpm-state", directory, *rest], log, word)


def _banks(
    start: Start,
    owner: tuple[int, int] | None,
    tpm: TPM,
    directory: str,
    log: str,
    version: tuple[str, ...],
    word: bytes | None,
) -> None:
    """The banks that the definition wants in use."""
    wanted = [name for name in _BANKS if getattr(tpm, f"pcr_{name}")]
    if not (wanted and version) or start.incoming is not None:
        return
    _call(start, owner, [
        _program("swtpm_setup"), *version, "--tpm-state", directory, "--logfile", log,
        "--pcr-banks", ",".join(wanted), "--reconfigure",
    ], log, word)  # fmt: skip


def _program(name: str) -> str:
    found = shutil.which(name, path=ENV["PATH"])
    if found is None:
        detail = f"Unable to find '{name}' binary in $PATH"
        raise error(Code.INTERNAL_ERROR, detail, domain=From.NONE)
    return found


def _call(
    start: Start, owner: tuple[int, int] | None, argv: list[str], log: str, word: bytes | None
) -> None:
    """Runs a program to its end.

    :param word: what the state is encrypted with

    :raises libvirtError: INTERNAL_ERROR when it fails, OPERATION_TIMEOUT when it doesn't end
    """
    with _readable(word, 1) as fds:
        keys = [text for fd in fds for text in ("--pwdfile-fd", str(fd), "--cipher", _MODE)]
        process = start.state.spawner.spawn(_spec([*argv, *keys], owner, fds)).release()
    try:
        if not process.wait(SETUP_DEADLINE):
            process.signal(SIGTERM)
            raise error(Code.OPERATION_TIMEOUT, f"'{argv[0]}' did not end in {SETUP_DEADLINE:g} s")
        status = process.wait_status(END_DEADLINE)
    finally:
        process.close()
    if status:
        code = os.waitstatus_to_exitcode(status)
        detail = (
            f"Could not run '{argv[0]}'. exitstatus: {code}; Check error log '{log}' for details."
        )
        raise error(Code.INTERNAL_ERROR, detail)


def _spec(argv: list[str], owner: tuple[int, int] | None, fds: Sequence[int]) -> SpawnSpec:
    uid, gid = owner or (None, None)
    return SpawnSpec(
        argv=argv, env=ENV, uid=uid, gid=gid, groups=None if gid is None else [gid],
        umask=0o077, pass_fds={fd: fd for fd in fds},
    )  # fmt: skip
