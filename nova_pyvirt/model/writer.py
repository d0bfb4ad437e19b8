# SPDX-License-Identifier: Apache-2.0
"""Writes XML as libvirt does: two spaces a level, single quotes, empty elements closed at once."""

import copy

from lxml import etree

_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})
_QUOTE = _TEXT | str.maketrans({"\n": "&#10;", "\t": "&#9;", "\r": "&#13;"})


def quoted(text: str) -> str:
    """A text as it stands in single quotes."""
    return text if text.isalnum() else text.translate(_QUOTE)


class Writer:
    """A growing document. An element that turns out empty can be taken back."""

    def __init__(self, level: int = 0) -> None:
        self._lines: list[str] = []
        self._with_text: set[int] = set()
        self._level = level

    def open(self, tag: str, head: str, text: str | None) -> int:
        """Begins an element; children follow. Returns a mark for close().

        :param head: its attributes as they are written, a space before each
        """
        mark = len(self._lines)
        pad = "  " * self._level
        if text is not None:
            self._lines.append(f"{pad}<{tag}{head}>{text.translate(_TEXT)}")
            self._with_text.add(mark)
        else:
            self._lines.append(f"{pad}<{tag}{head}")
        self._level += 1
        return mark

    def empty(self, tag: str) -> None:
        """An element that is shown in two lines though nothing is in it."""
        pad = "  " * self._level
        self._lines += [f"{pad}<{tag}>", f"{pad}</{tag}>"]

    def close(self, mark: int, tag: str, *, keep: bool) -> None:
        """Ends an element; without children and not `keep`, it is as if it had not been begun."""
        self._level -= 1
        head = self._lines[mark]
        has_text = mark in self._with_text
        self._with_text.discard(mark)
        if len(self._lines) > mark + 1:
            self._lines[mark] = head if has_text else f"{head}>"
            self._lines.append(f"{'  ' * self._level}</{tag}>")
        elif not keep:
            del self._lines[mark]
        else:
            self._lines[mark] = f"{head}</{tag}>" if has_text else f"{head}/>"

    def subtree(self, node: etree._Element) -> None:
        """A foreign subtree, its elements indented; texts keep their lines."""
        inner = root = copy.deepcopy(node)
        inner.tail = None
        for _ in range(self._level):
            root = etree.Element("x")
            root.append(inner)
            inner = root
        lines = etree.tostring(root, encoding="unicode", pretty_print=True).split("\n")
        self._lines.append("\n".join(lines[self._level : -self._level - 1]))

    def text(self) -> str:
        """The document so far, a newline at the end."""
        return "\n".join(self._lines) + "\n"
