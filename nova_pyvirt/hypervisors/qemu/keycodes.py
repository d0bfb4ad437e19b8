# SPDX-License-Identifier: Apache-2.0
"""Numbers of keys: from libvirt's code sets into QEMU's (virkeycode.c)."""

from functools import cache
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu import keytable

#: virKeycodeSet: libvirt's name of it, the table's. XT is AT set 1, by an old mistake.
_SETS: Final = (
    ("linux", "linux"),
    ("xt", "atset1"),
    ("atset1", "atset1"),
    ("atset2", "atset2"),
    ("atset3", "atset3"),
    ("os_x", "osx"),
    ("xt_kbd", "xtkbd"),
    ("usb", "usb"),
    ("win32", "win32"),
    ("qnum", "qnum"),
)
QNUM: Final = 9


@cache
def _into_qnum(codeset: int) -> dict[int, int]:
    """number -> QEMU's; of keys with the same number the first one counts."""
    column = keytable.SETS.index(_SETS[codeset][1])
    last = keytable.SETS.index("qnum")
    found: dict[int, int] = {}
    for line in keytable.KEYS.split("\n"):
        numbers = [int(word, 16) for word in line.split()]
        if numbers:
            found.setdefault(numbers[column], numbers[last])
    return found


def to_qnum(codeset: int, key: int) -> int:
    """QEMU's number of a key.

    :raises libvirtError: INTERNAL_ERROR for a key that the set does not have
    """
    if codeset == QNUM:
        return key
    found = _into_qnum(codeset).get(key) if 0 <= codeset < len(_SETS) else None
    if found is None:
        name = _SETS[codeset][0] if 0 <= codeset < len(_SETS) else str(codeset)
        detail = f"cannot translate keycode {key} of {name} codeset to qnum keycode"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    return found
