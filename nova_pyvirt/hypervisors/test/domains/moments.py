# SPDX-License-Identifier: Apache-2.0
"""What snapshots and checkpoints have in common: a tree of names, one of them current."""

from collections.abc import Callable
from typing import NamedTuple

from lxml import etree

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test.slots import Base
from nova_pyvirt.hypervisors.test.world import Saved
from nova_pyvirt.model import document
from nova_pyvirt.util.native import time

CHILDREN, ROOTS = 1, 1
DESCENDANTS = 1
LEAVES, NO_LEAVES = 1 << 2, 1 << 3


class Kind(NamedTuple):
    """One of the two.

    :ivar word: in messages
    :ivar tag: of its documents
    :ivar missing: the error's code when there is none of a name
    """

    word: str
    tag: str
    missing: Code

    def none(self, detail: str) -> Exception:
        """There is none like that."""
        return error(self.missing, detail, domain=From.TEST)

    def get(self, held: dict[str, Saved], name: str) -> Saved:
        """:raises libvirtError: none of that name"""
        if name not in held:
            raise self.none(f"no domain {self.word} with matching name '{name}'")
        return held[name]

    def read(self, xml: str) -> tuple[etree._Element, str]:
        """A document and the name it gives; without one, the time.

        :raises libvirtError: XML_ERROR, XML_DETAIL
        """
        root = document.load(xml, self.tag)
        name = (root.findtext("name") or "").strip() or str(int(time.time()))
        return root, name

    def check_new(self, held: dict[str, Saved], name: str) -> None:
        """:raises libvirtError: OPERATION_FAILED when the name is taken"""
        if name in held:
            detail = f"domain moment {name} already exists"
            raise error(Code.OPERATION_FAILED, detail, domain=From.DOMAIN)


def children(held: dict[str, Saved], name: str | None) -> list[Saved]:
    """Those right below one; None: the roots."""
    return [one for one in held.values() if one.parent == name]


def below(held: dict[str, Saved], name: str | None) -> list[Saved]:
    """All below one, parents first."""
    made = []
    for child in children(held, name):
        made += [child, *below(held, child.name)]
    return made


def chosen(
    held: dict[str, Saved],
    top: str | None,
    *,
    deep: bool,
    flags: int,
    test: Callable[[Saved], bool],
) -> list[Saved]:
    """Of those below `top` (children only unless `deep`) those that the leaf flags and `test` want."""
    candidates = below(held, top) if deep else children(held, top)
    leaf = {one.name: not children(held, one.name) for one in candidates}
    asked = flags & (LEAVES | NO_LEAVES)
    return [
        one
        for one in candidates
        if test(one)
        and (asked in (0, LEAVES | NO_LEAVES) or leaf[one.name] == bool(asked & LEAVES))
    ]


def remove(held: dict[str, Saved], name: str, *, only_children: bool, with_children: bool) -> bool:
    """Takes one away; its children go too, or move to its parent.

    :returns: whether the current one may have gone: look for another
    """
    one = held[name]
    if with_children or only_children:
        for child in below(held, name):
            del held[child.name]
    else:
        for child in children(held, name):
            child.parent = one.parent
    if not only_children:
        del held[name]
    return True


class MomentSlots(Base):
    """Nothing but what both need of Base."""
