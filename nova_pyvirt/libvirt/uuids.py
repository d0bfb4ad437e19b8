# SPDX-License-Identifier: Apache-2.0
"""UUIDs as text (viruuid.c)."""

from binascii import hexlify

_SPACE = " \t\n\r\f\v"
_HEX = frozenset("0123456789abcdefABCDEF")


def parse(text: str) -> bytes | None:
    """Sixteen bytes from text with "-" and blanks between pairs of digits; None for others."""
    digits: list[str] = []
    for char in text.strip(_SPACE):
        if char in _HEX:
            digits.append(char)
        elif char not in "- " or len(digits) % 2 or len(digits) >= 32:
            return None
    return bytes.fromhex("".join(digits)) if len(digits) == 32 else None


def show(uuid: bytes) -> str:
    """The usual form with dashes."""
    text = hexlify(uuid).decode()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
