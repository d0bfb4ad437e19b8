# SPDX-License-Identifier: Apache-2.0
"""JSON that a caller gives, refused in the words of libvirt's parser (yajl)."""

import json
from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From

_LITERALS: Final = ("true", "false", "null")
_STARTS: Final = '{}[]:,"-0123456789'
#: characters of the text that are shown on both sides of the fault
_AROUND: Final = 30


def parse(text: str) -> Any:
    """The value.

    :raises libvirtError: INTERNAL_ERROR that shows where the text goes wrong
    """
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as exc:
        said = _explain(text, getattr(exc, "pos", 0), getattr(exc, "msg", ""))
        detail = f"cannot parse json {text}: {said}"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.NONE) from None


def _explain(text: str, pos: int, msg: str) -> str:
    if pos >= len(text.rstrip()):
        return _show("parse error: premature EOF", text, len(text))
    if msg == "Extra data":
        return _show("parse error: trailing garbage", text, pos)
    for word in _LITERALS:
        if text[pos] == word[0]:
            same = 1
            while text[pos + same : pos + same + 1] == word[same : same + 1] != "":
                same += 1
            return _show("lexical error: invalid string in json text.", text, pos + same)
    if text[pos] not in _STARTS:
        return _show("lexical error: invalid char in json text.", text, pos)
    if "':'" in msg:
        what = "parse error: object key and value must be separated by a colon (':')"
        return _show(what, text, pos)
    return _show("parse error: unallowed token at this point in JSON text", text, pos)


def _show(what: str, text: str, at: int) -> str:
    """The fault, the text around it, an arrow at its place."""
    shown = text[max(at - _AROUND, 0) : at + _AROUND].replace("\n", " ").replace("\r", " ")
    spaces = " " * (_AROUND + 10 - at if at < _AROUND else 10)
    return f"{what}\n{spaces}{shown}\n                     (right here) ------^\n"
