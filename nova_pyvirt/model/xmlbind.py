# SPDX-License-Identifier: Apache-2.0
"""Declarative binding of XML elements to classes: what is parsed, what is written, in one place.

    class Target(Element):
        TAG = "target"
        dev = field("@dev")
        bus = field("@bus", enum("ide", "scsi", "virtio"))

    class Disk(Element):
        TAG = "disk"
        target = child("target", Target)
        readonly = flag("readonly")
        boot_order = field("boot/@order", uint())

Paths: ``@a`` an attribute, ``x`` the text of a child, ``x/@a``, ``x/y/@a``, ``.`` the own text.
Fields are written in the order of declaration; the first occurrence wins on parsing; unknown
elements and attributes are dropped. A value that isn't set is None (False for flags, an empty list
for children). A class is compiled once into a tree of tags, so parsing looks each node up once.
"""

import copy
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from dataclasses import field as dc_field
from typing import Any, ClassVar, Self, cast

from lxml import etree

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.model.kinds import TEXT, Kind, Refusal, missing
from nova_pyvirt.model.writer import Writer, quoted


@dataclass(frozen=True, slots=True)
class Context:
    """How a definition is written.

    :ivar inactive: the persistent form: without what only a running domain has
    :ivar secure: with secrets
    :ivar migratable: for another host
    :ivar status: for a status file
    """

    inactive: bool = False
    secure: bool = False
    migratable: bool = False
    status: bool = False


Show = Callable[[Any, Context], bool]
#: one step of a path; a namespace in braces may hold slashes
_STEP = re.compile(r"(?:\{[^}]*\})?[^/{]+")


@dataclass(slots=True)
class Field:
    """One declared value; see field(), flag(), child(), children(), raw()."""

    path: str
    kind: Kind | None = None
    element: "type[Element] | None" = None
    many: bool = False
    is_flag: bool = False
    is_raw: bool = False
    live: bool = False
    secret: bool = False
    show: Show | None = None
    blank: bool | None = None
    required: Refusal | bool = False
    once: Refusal | None = None
    of: tuple[str, ...] = ()
    name: str = ""
    tag: str = ""

    @property
    def conditional(self) -> bool:
        """Is it ever left out although it has a value?"""
        return self.live or self.secret or self.show is not None

    def visible(self, owner: Any, ctx: Context) -> bool:
        """Is it written in this form of the definition?"""
        if self.live and ctx.inactive and not ctx.status:
            return False
        if self.secret and not ctx.secure:
            return False
        return self.show is None or self.show(owner, ctx)


def field(path: str, kind: Kind = TEXT, **options: Any) -> Any:
    """A value: an attribute or a text. Options:

    live: not in the inactive form
    secret: only in the secure form
    show: a test whether it is written
    blank: empty is as if it were not there (always so for texts)
    required: the element must have it; True, or what is said when it hasn't
    once: what is said when the outermost element of the path is there twice
    of: the kinds of the element that have it (see Element.BY); others drop it unread
    """
    return Field(path, kind, **options)


def flag(path: str, **options: Any) -> Any:
    """True when the element is there."""
    return Field(path, is_flag=True, **options)


def child(path: str, element: "type[Element]", **options: Any) -> Any:
    """An element of its own class, or None."""
    return Field(path, element=element, **options)


def children(path: str, element: "type[Element]", **options: Any) -> Any:
    """A list of elements."""
    return Field(path, element=element, many=True, **options)


def raw(path: str, **options: Any) -> Any:
    """A subtree kept as it is (an lxml element), with its namespaces."""
    return Field(path, is_raw=True, **options)


@dataclass(slots=True)
class _Group:
    """What may stand in one element: its attributes, text and children."""

    tag: str
    attributes: dict[str, Field] = dc_field(default_factory=dict)
    text: Field | None = None
    flag: Field | None = None
    raw: Field | None = None
    elements: dict[str, Field] = dc_field(default_factory=dict)
    groups: "dict[str, _Group]" = dc_field(default_factory=dict)
    order: "list[Field | _Group]" = dc_field(default_factory=list)
    #: every field at any depth below: with none of them set there is nothing to write
    names: set[str] = dc_field(default_factory=set)
    required: list[tuple[str, Field]] = dc_field(default_factory=list)
    once: dict[str, Refusal] = dc_field(default_factory=dict)

    #: (beginning as text, name of the value, how it is written, the field if it has conditions)
    plan: "list[tuple[str, str, Callable[[Any], str], Field | None]] | None" = None

    def attribute_plan(self) -> "list[tuple[str, str, Callable[[Any], str], Field | None]]":
        """How the attributes are written; made once, when all of them are known."""
        if self.plan is None:
            self.plan = [
                (f" {name}='", item.name, item.kind.format, item if item.conditional else None)
                for name, item in self.attributes.items()
                if item.kind is not None
            ]
        return self.plan

    def group(self, tag: str) -> "_Group":
        found = self.groups.get(tag)
        if found is None:
            found = self.groups[tag] = _Group(tag)
            self.order.append(found)
        return found

    def add(self, item: Field) -> None:
        *ancestors, last = steps = _STEP.findall(item.path)
        where = self
        if item.once is not None:
            self.once[steps[0]] = item.once
        for tag in ancestors:
            where = where.group(tag)
            where.names.add(item.name)
        if last.startswith("@"):
            where.attributes[last[1:]] = item
            if item.required:
                where.required.append((last[1:], item))
        elif item.element is not None:
            item.tag = item.element.TAG if last.startswith("{") else last
            where.elements[last] = item
            where.order.append(item)
        else:
            target = where if last == "." else where.group(last)
            target.names.add(item.name)
            if item.is_flag:
                target.flag = item
            elif item.is_raw:
                target.raw = item
            else:
                target.text = item
                item.blank = item.blank is not False


def _tree(tag: str, fields: Iterable[Field]) -> _Group:
    root = _Group(tag)
    for item in fields:
        root.add(item)
    return root


class Element:
    """Base of all bound elements."""

    TAG: ClassVar[str] = ""
    #: fields that are written before the others
    FIRST: ClassVar[tuple[str, ...]] = ()
    #: written even when it is empty?
    KEEP: ClassVar[bool] = True
    #: the attribute that decides which of the fields with ``of`` there are: an own one, or the
    #: parent's ("../type")
    BY: ClassVar[str] = ""
    _root: ClassVar[_Group] = _Group("")
    #: the kinds that fields name, and by which of them an element is of, what is read
    _named: ClassVar[frozenset[str]] = frozenset()
    _kinds: ClassVar[dict[frozenset[str], _Group]] = {}
    _fields: ClassVar[dict[str, Field]] = {}
    _lists: ClassVar[tuple[str, ...]] = ()
    #: every bound class, for tests that check coverage
    registry: ClassVar[list[type["Element"]]] = []

    def __init_subclass__(cls) -> None:
        declared = dict(cls._fields)
        for name, value in list(vars(cls).items()):
            if isinstance(value, Field):
                value.name = name
                declared[name] = value
                setattr(cls, name, False if value.is_flag else None)
        cls._fields = {name: declared[name] for name in dict.fromkeys((*cls.FIRST, *declared))}
        cls._lists = tuple(name for name, item in cls._fields.items() if item.many)
        cls._root = _tree(cls.TAG, cls._fields.values())
        cls._named = frozenset(kind for item in cls._fields.values() for kind in item.of)
        cls._kinds = {}
        Element.registry.append(cls)

    def __init__(self, **values: Any) -> None:
        for name in self._lists:
            self.__dict__[name] = []
        for name, value in values.items():
            if name not in self._fields:
                raise TypeError(f"{type(self).__name__} has no field {name}")
            self.__dict__[name] = value

    @classmethod
    def parse(cls, node: etree._Element) -> Self:
        """The element that `node` describes.

        :raises libvirtError: XML_ERROR for a value that can't be
        """
        self = cls()
        _read(self, cls._tree_of(node) if cls._named else cls._root, node)
        self.after_parse(node)
        return self

    @classmethod
    def kinds_of(cls, node: etree._Element) -> tuple[str | None, ...]:
        """Which kinds of the element `node` is, for ``of``: what the attribute BY says."""
        own = cls.BY.removeprefix("../")
        owner = node if own == cls.BY else node.getparent()
        return () if owner is None else (owner.get(own),)

    @classmethod
    def _tree_of(cls, node: etree._Element) -> _Group:
        kinds = cls._named.intersection(cls.kinds_of(node))
        found = cls._kinds.get(kinds)
        if found is None:
            fields = [i for i in cls._fields.values() if not i.of or not kinds.isdisjoint(i.of)]
            found = cls._kinds[kinds] = _tree(cls.TAG, fields)
            found.once = cls._root.once
        return found

    def after_parse(self, node: etree._Element) -> None:
        """For checks and values that no field can say."""

    def before_format(self, ctx: Context) -> Self:
        """What is written instead of self; for forms that no option can say."""
        return self

    def shown(self, ctx: Context) -> bool:
        """Is it written at all?"""
        return True

    def write(self, out: Writer, ctx: Context, tag: str | None = None) -> None:
        """Writes the element, with its own tag unless another is given."""
        shown = self.before_format(ctx)
        _write(shown, shown._root, out, ctx, tag or self.TAG, always=self.KEEP)

    def namespaces(self) -> list[tuple[str, str]]:
        """Attributes that declare the namespaces of what the element holds."""
        return []

    def to_xml(self, ctx: Context = Context()) -> str:
        """The element alone as text."""
        out = Writer()
        self.write(out, ctx)
        return out.text()

    def copy(self) -> Self:
        """An independent copy."""
        found = object.__new__(type(self))
        for name, value in self.__dict__.items():
            found.__dict__[name] = _copied(value)
        return found

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        everything = Context(secure=True)
        return self.to_xml(everything) == other.to_xml(everything)

    __hash__ = None  # type: ignore[assignment]


def _copied(value: Any) -> Any:
    if isinstance(value, Element):
        return value.copy()
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value if isinstance(value, str | int | None) else copy.deepcopy(value)


def declared_paths(cls: type[Element]) -> Iterator[str]:
    """The paths a class binds, e.g. "driver/@type"."""
    for item in cls._fields.values():
        yield item.path


def read_attributes(self: Element, node: etree._Element) -> None:
    """What `node` itself says, without its children; for elements that read those in an order of
    their own."""
    _read_head(self, self._root, node)


def read_elements(self: Element, nodes: Iterable[etree._Element]) -> None:
    """Some of the children. Those with the same tag must come together."""
    _read_kids(self, self._root, nodes)


def _read(self: Element, group: _Group, node: etree._Element) -> None:
    _read_head(self, group, node)
    if group.elements or group.groups:
        _read_kids(self, group, node)


def _read_head(self: Element, group: _Group, node: etree._Element) -> None:
    values = self.__dict__
    for name, text in _attributes(node):
        item = group.attributes.get(name)
        if item is None or item.kind is None or item.name in values or (item.blank and not text):
            continue
        if item.live:
            _read_live(values, item, text, name, node)
        else:
            values[item.name] = item.kind.parse(text, name, node.tag)
    for name, item in group.required:
        if item.name not in values:
            raise _refused(item.required, name, node)
    _read_own(values, group, node)


def _attributes(node: etree._Element) -> Iterable[tuple[str, str]]:
    """Names and values; those of a parsed document are texts."""
    return cast("Iterable[tuple[str, str]]", node.items())


def _read_live(
    values: dict[str, Any], item: Field, text: str, name: str, node: etree._Element
) -> None:
    """What only a running domain has is not worth refusing a definition for."""
    assert item.kind is not None
    try:
        values[item.name] = item.kind.parse(text, name, node.tag)
    except libvirtError:
        return


def _read_kids(self: Element, group: _Group, kids: Iterable[etree._Element]) -> None:
    seen: set[str] = set()
    for kid in kids:
        tag = kid.tag
        if not isinstance(tag, str):
            continue
        if tag in group.once:
            if tag in seen:
                raise group.once[tag].error()
            seen.add(tag)
        item = group.elements.get(tag)
        if item is not None:
            _read_element(self.__dict__, item, kid)
        sub = group.groups.get(tag)
        if sub is not None:
            _read(self, sub, kid)


def _refused(said: Refusal | bool, attribute: str, node: etree._Element) -> Exception:
    return said.error() if isinstance(said, Refusal) else missing(attribute, node.tag)


def _read_own(values: dict[str, Any], group: _Group, node: etree._Element) -> None:
    if group.flag is not None:
        values[group.flag.name] = True
    if group.raw is not None and group.raw.name not in values:
        values[group.raw.name] = copy.deepcopy(node)
    item = group.text
    if item is None or item.kind is None or item.name in values:
        return
    if node.text or not item.blank:
        values[item.name] = item.kind.parse_node(node)


def _read_element(values: dict[str, Any], item: Field, node: etree._Element) -> None:
    assert item.element is not None
    if item.many:
        values[item.name].append(item.element.parse(node))
    elif item.name not in values:
        try:
            values[item.name] = item.element.parse(node)
        except libvirtError:
            if not item.live:
                raise


def _write(
    self: Element, group: _Group, out: Writer, ctx: Context, tag: str, *, always: bool
) -> None:
    values = self.__dict__
    raw_item = group.raw
    if raw_item is not None and raw_item.visible(self, ctx):
        node = values.get(raw_item.name)
        if node is not None:
            out.subtree(node)
        return
    head = ""
    for beginning, name, form, item in group.plan or group.attribute_plan():
        value = values.get(name)
        if value is not None and (item is None or item.visible(self, ctx)):
            head += beginning + quoted(form(value)) + "'"
    text = None
    if group.text is not None and group.text.kind is not None:
        value = values.get(group.text.name)
        if value is not None and group.text.visible(self, ctx):
            text = group.text.kind.format(value)
            for name, unit in group.text.kind.format_attributes(value):
                head += f" {name}='{unit}'"
    if group is self._root:
        for name, uri in self.namespaces():
            head += f" {name}='{uri}'"
    present = group.flag is not None and bool(values.get(group.flag.name))
    mark = out.open(tag, head, text)
    for part in group.order:
        if isinstance(part, Field):
            if values.get(part.name):
                _write_elements(self, part, out, ctx)
        elif not values.keys().isdisjoint(part.names):
            _write_group(self, part, out, ctx)
    out.close(mark, tag, keep=always or present or bool(head) or text is not None)


def _write_group(self: Element, group: _Group, out: Writer, ctx: Context) -> None:
    if group.flag is None or group.flag.visible(self, ctx):
        _write(self, group, out, ctx, group.tag, always=False)


def _write_elements(self: Element, item: Field, out: Writer, ctx: Context) -> None:
    if not item.visible(self, ctx):
        return
    value = self.__dict__[item.name]
    for element in value if item.many else (value,):
        if element.shown(ctx):
            element.write(out, ctx, item.tag)
