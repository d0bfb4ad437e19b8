# SPDX-License-Identifier: Apache-2.0
"""Texts of definitions, kept while nothing in the definition has changed.

Writing a definition costs hundreds of microseconds and is asked for again and again (XMLDesc).
Nobody who changes one has to say so: before a text is given again, every element is compared with
what it was, which costs a few.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from operator import is_
from typing import Any

from lxml import etree

from nova_pyvirt.model.xmlbind import Element
from nova_pyvirt.util.native import threading


class _Picture:
    """All that an element and those below it held at one moment."""

    def __init__(self, root: Element) -> None:
        self._values: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._kids: list[tuple[dict[str, Any], str, Any]] = []
        self._lists: list[tuple[dict[str, Any], str, list[Any]]] = []
        self._raws: list[tuple[etree._Element, bytes]] = []
        self._take(root)

    def _take(self, element: Element) -> None:
        now = element.__dict__
        then = now.copy()
        self._values.append((now, then))
        for name, value in now.items():
            if isinstance(value, Element):
                self._kids.append((now, name, value))
                self._take(value)
            elif isinstance(value, list):
                then[name] = held = value.copy()
                self._lists.append((now, name, held))
                for item in value:
                    if isinstance(item, Element):
                        self._take(item)
            elif isinstance(value, etree._Element):
                self._raws.append((value, etree.tostring(value)))

    def holds(self) -> bool:
        """Whether everything is as it was."""
        for now, then in self._values:
            if now != then:
                return False
        for now, name, kid in self._kids:  # an equal element in its place is not the one we watch
            if now[name] is not kid:
                return False
        for now, name, held in self._lists:
            if not all(map(is_, now[name], held)):
                return False
        return all(etree.tostring(node) == text for node, text in self._raws)


class Memo:
    """The texts of the definitions asked for last.

    :param limit: definitions kept
    """

    def __init__(self, limit: int = 128) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._known: OrderedDict[int, tuple[Element, _Picture, dict[Hashable, str]]] = OrderedDict()

    def text(self, root: Element, form: Hashable, make: Callable[[], str]) -> str:
        """The text of `root` in a form, from ``make()`` when it isn't known.

        The caller sees to it that nobody changes `root` meanwhile.
        """
        with self._lock:
            known = self._known.get(id(root))
        if known is None or known[0] is not root or not known[1].holds():
            known = root, _Picture(root), {}
            with self._lock:
                self._known[id(root)] = known
                while len(self._known) > self._limit:
                    self._known.popitem(last=False)
        texts = known[2]
        text = texts.get(form)
        if text is None:
            text = texts[form] = make()
        return text
