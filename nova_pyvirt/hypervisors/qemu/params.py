# SPDX-License-Identifier: Apache-2.0
"""Checks of typed parameters that callers give (virTypedParamsValidate)."""

from collections.abc import Mapping
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.util.typed import TAGS, Params

#: virTypedParameterType: its name
_NAMES: Final = ("unknown", "int", "uint", "llong", "ullong", "double", "boolean", "string")


def validate(params: Params, known: Mapping[str, type]) -> None:
    """Refuses what a call doesn't know, and values of another type.

    :param known: name: class of its values (util.typed, bool, float, str)
    :raises libvirtError: INVALID_ARG, ARGUMENT_UNSUPPORTED
    """
    for name in sorted(params):
        value = params[name]
        if name not in known:
            detail = f"parameter '{name}' not supported"
            raise errors.error(Code.ARGUMENT_UNSUPPORTED, detail, domain=From.NONE)
        if isinstance(value, list):
            detail = f"parameter '{name}' occurs multiple times"
            raise errors.error(Code.INVALID_ARG, detail, domain=From.NONE)
        got, wanted = TAGS.get(type(value), 0), TAGS[known[name]]
        if got != wanted:
            detail = (
                f"invalid type '{_NAMES[got]}' for parameter '{name}', expected '{_NAMES[wanted]}'"
            )
            raise errors.error(Code.INVALID_ARG, detail, domain=From.NONE)
