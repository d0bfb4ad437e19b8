# SPDX-License-Identifier: Apache-2.0
"""The public functions' checks of their arguments, on what clients send.

libvirtd runs libvirt's public functions for its clients, so the checks count there too, whatever the
client has checked. They come from the same rows as those of the Python API.
"""

from functools import cache
from typing import Any, Final

from nova_pyvirt.api import Argument, Row
from nova_pyvirt.api.checks import compile_checks
from nova_pyvirt.api.refusals import Asker, Test
from nova_pyvirt.daemon.readable import public
from nova_pyvirt.hypervisors.remote.shapes import shape, slot_of
from nova_pyvirt.wire import protocol

#: the number of a disk's limits is that of any disk: virDomainGetBlockIoTune
_NEEDS_NO_DISK: Final = (
    protocol.REMOTE,
    protocol.program(protocol.REMOTE).by_name["domain_get_block_io_tune"].number,
)
#: where calls name no object before the arguments
_NO_OBJECT: Final = ("virConnect.", "libvirt.", "libvirt_qemu.", "libvirt_lxc.")


def check(asker: Asker, program: int, number: int, args: list[Any], nparams: int = 1) -> None:
    """Checks a call's arguments as the driver table gets them.

    :param nparams: how many parameters a getter wants; 0 asks how many there are
    :raises libvirtError: INVALID_ARG, OVERFLOW; OPERATION_DENIED for arguments that a read-only
        client may not give
    """
    skip, tests = _tests(program, number)
    if not tests:
        return
    # XDR has no NULL for arrays: libvirtd's decoder makes one of an empty array
    values = [value if value or value.__class__ not in _ARRAYS else None for value in args[skip:]]
    if not nparams and (program, number) == _NEEDS_NO_DISK:
        return
    for test in tests:
        test(asker, values)


_ARRAYS: Final = frozenset({list, dict, bytes, tuple})


@cache
def _tests(program: int, number: int) -> tuple[int, tuple[Test, ...]]:
    """How many arguments stand for the object, and the checks of the others."""
    row = public(slot_of(protocol.program(program).procs[number]))
    if row is None:
        return 0, ()
    made = shape(program, number)
    names = [name for name in made.members if name not in made.hidden]
    skip = 0 if row.python.startswith(_NO_OBJECT) else 1
    return skip, compile_checks(_as_sent(row, names[skip:]))


def _as_sent(row: Row, names: list[str]) -> Row:
    """The row with the arguments that are sent; checks of the others, which only Python has, go.

    :raises LookupError: one of those would protect something
    """
    checks = tuple(c for c in row.checks if c.word != "readonly")  # done before the decoding
    if len(names) == len(row.args):  # the protocol calls some of them otherwise
        return row._replace(checks=checks)
    kept = tuple(c for c in checks if c.argument in names)
    lost = [c.word for c in checks if c not in kept and c.word.startswith(("readonly", "secure"))]
    if lost:
        raise LookupError(f"{row.function}: no argument for {lost}")
    return row._replace(args=tuple(Argument(n, n, "O", None) for n in names), checks=kept)
