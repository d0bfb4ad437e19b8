# SPDX-License-Identifier: Apache-2.0
"""Connection URIs (RFC 3986 as libxml2 reads them, and libvirt's uri.html)."""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from nova_pyvirt.errors import Code, From, error

_CHARS = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_PATTERN = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?"
    rf"(?://(?:(?P<user>{_CHARS}*)@)?(?P<server>\[[0-9A-Fa-f:.]+\]|(?:(?!:){_CHARS})*)"
    r"(?::(?P<port>[0-9]*))?)?"
    rf"(?P<path>(?:{_CHARS}|/)*)"
    rf"(?:\?(?P<query>(?:{_CHARS}|[/?\[\]])*))?"
    rf"(?:#(?P<fragment>(?:{_CHARS}|[/?])*))?"
)
#: a relative reference's first segment has no colon: it would be a scheme
_COLON_FIRST = re.compile("[^/?#]*:")


class URI(NamedTuple):
    """The parts of a URI; those that are missing are empty."""

    scheme: str
    server: str
    path: str
    params: dict[str, str]


def parse(text: str) -> URI:
    """Splits a URI.

    :raises libvirtError: INTERNAL_ERROR of VIR_FROM_URI when it is none
    """
    found = _PATTERN.fullmatch(text)
    if found is None or (found["scheme"] is None and _COLON_FIRST.match(text)):
        raise error(Code.INTERNAL_ERROR, f"Unable to parse URI {text}", domain=From.URI)
    params = dict(parse_qsl(found["query"] or "", keep_blank_values=True))
    server = (found["server"] or "").strip("[]")
    return URI(found["scheme"] or "", unquote(server), unquote(found["path"]), params)
