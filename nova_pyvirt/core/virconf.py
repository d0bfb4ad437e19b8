# SPDX-License-Identifier: Apache-2.0
"""The syntax of libvirt's configuration files: names with numbers, texts and lists (virconf.c)."""

import re
from typing import Final

from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.util.native import os

Value = int | str | list[str]

_NAME: Final = re.compile(r"[A-Za-z_][\w.\-]*")
_NUMBER: Final = re.compile(r"-?\d+")
_BLANK: Final = re.compile(r"[ \t]*")
#: what may stand between the parts of a list, and between settings
_SPACE: Final = re.compile(r"(?:\s|#[^\n]*)*")
_TEXT: Final = re.compile(r'"""(.*?)"""|"([^"\n]*)"|\'([^\'\n]*)\'', re.DOTALL)


def read(path: str) -> dict[str, Value]:
    """The settings of a file; {} when there is none.

    :raises libvirtError: CONF_SYNTAX naming the line; OSError as it comes
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return {}
    return parse(text, path)


def parse(text: str, path: str = "") -> dict[str, Value]:
    """The settings of a text; of several with one name the last.

    :param path: for the error
    :raises libvirtError: CONF_SYNTAX naming the line
    """
    return _Reader(text, path).settings()


class _Reader:
    def __init__(self, text: str, path: str) -> None:
        self._text = text
        self._path = path
        self._at = 0

    def settings(self) -> dict[str, Value]:
        found: dict[str, Value] = {}
        self._skip(_SPACE)
        while self._at < len(self._text):
            name = self._take(_NAME, "expecting a name")
            self._skip(_BLANK)
            if not self._is("="):
                raise self._fail("expecting an assignment")
            self._skip(_BLANK)
            found[name] = self._value()
            self._skip(_BLANK)
            if self._at < len(self._text) and self._text[self._at] not in "\r\n#;":
                raise self._fail("expecting a separator")
            self._is(";")
            self._skip(_SPACE)
        return found

    def _value(self) -> Value:
        if self._is("["):
            return self._list()
        match = _TEXT.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
            return next(group for group in match.groups() if group is not None)
        if self._text[self._at : self._at + 1] in ("'", '"'):
            raise self._fail("unterminated string")
        return int(self._take(_NUMBER, "expecting a value"))

    def _list(self) -> list[str]:
        found: list[str] = []
        self._skip(_SPACE)
        while not self._is("]"):
            if self._at >= len(self._text):
                raise self._fail("list is not closed with ]")
            found.append(str(self._value()))
            self._skip(_SPACE)
            if not self._is(",") and self._text[self._at : self._at + 1] not in ("]", ""):
                raise self._fail("expecting a separator in list")
            self._skip(_SPACE)
        return found

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()

    def _is(self, mark: str) -> bool:
        """Passes a mark if it comes next."""
        found = self._text.startswith(mark, self._at)
        self._at += len(mark) if found else 0
        return found

    def _take(self, pattern: re.Pattern[str], otherwise: str) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise self._fail(otherwise)
        self._at = match.end()
        return match.group()

    def _fail(self, what: str) -> libvirtError:
        line = self._text.count("\n", 0, self._at) + 1
        return error(Code.CONF_SYNTAX, f"{self._path}:{line}: {what}", domain=From.CONF)
