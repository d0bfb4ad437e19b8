# SPDX-License-Identifier: Apache-2.0
"""The host's table of neighbours: addresses by MAC address (arp(7))."""

_IPV4 = 0
_COMPLETE = 0x2


def read(root: str = "/proc") -> dict[str, list[tuple[int, str, int]]]:
    """MAC address: [(VIR_IP_ADDR_TYPE_IPV4, address, prefix 0)]."""
    found: dict[str, list[tuple[int, str, int]]] = {}
    try:
        with open(f"{root}/net/arp", encoding="ascii", errors="replace") as file:
            lines = file.readlines()[1:]
    except OSError:
        return found
    for line in lines:
        words = line.split()
        if len(words) >= 4 and int(words[2], 16) & _COMPLETE:
            found.setdefault(words[3].lower(), []).append((_IPV4, words[0], 0))
    return found
