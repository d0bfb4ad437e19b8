# SPDX-License-Identifier: Apache-2.0
"""Reads the compact protocol tables of ``wire/data``.

Types, one a line::

    =NAME TYPE                     a name for a type
    NAME member:TYPE member:TYPE   a struct
    |NAME 1=TYPE 2=TYPE            a union with an int discriminant

``TYPE`` is a base type or a name, with ``?`` in front for a pointer, ``<max>`` or ``[count]``
behind for arrays. Procedures, one a line: ``number name args ret flags acl aclfilter``, ``-`` for
none; flags: h(igh) or l(ow) priority, e(vent), r(ead) or w(rite) stream, n(ewer than 9.0.0).
"""

from dataclasses import dataclass

BASE = frozenset("int uint hyper uhyper double char uchar short ushort bool string opaque".split())


@dataclass(frozen=True)
class Type:
    """One type expression; ``bound`` is the array's maximum (or its size, when ``fixed``)."""

    name: str
    optional: bool = False
    bound: int | None = None
    fixed: bool = False


@dataclass(frozen=True)
class Struct:
    name: str
    members: tuple[tuple[str, Type], ...]


@dataclass(frozen=True)
class Union:
    name: str
    arms: tuple[tuple[int, Type], ...]


Definition = Type | Struct | Union


@dataclass(frozen=True)
class Procedure:
    """One remote procedure.

    :param ret: type of the reply, of the message when ``event``
    :param high: never waits for a guest, so the priority workers may run it
    :param stream: ``"r"`` when data comes from the server, ``"w"`` when it goes there, else ``""``
    :param acl: ``object:permission`` pairs, all needed
    :param aclfilter: permissions an object must grant to be listed
    """

    program: int
    number: int
    name: str
    args: str | None
    ret: str | None
    high: bool
    event: bool
    stream: str
    newer: bool
    acl: tuple[str, ...]
    aclfilter: tuple[str, ...]


def parse_type(text: str) -> Type:
    """``?name<bound>`` as a :class:`Type`."""
    optional = text.startswith("?")
    text = text.lstrip("?")
    for opening, fixed in (("<", False), ("[", True)):
        if opening in text:
            name, bound = text[:-1].split(opening)
            return Type(name, optional, int(bound), fixed)
    return Type(text, optional)


def _definition(line: str) -> tuple[str, Definition]:
    name, *rest = line.split()
    if name.startswith("="):
        return name[1:], parse_type(rest[0])
    if name.startswith("|"):
        pairs = [arm.split("=") for arm in rest]
        return name[1:], Union(name[1:], tuple((int(k), parse_type(t)) for k, t in pairs))
    members = [member.split(":") for member in rest]
    return name, Struct(name, tuple((k, parse_type(t)) for k, t in members))


def parse_types(text: str) -> dict[str, Definition]:
    """All definitions of a TYPES table by name."""
    return dict(_definition(line) for line in text.splitlines())


def _names(text: str) -> tuple[str, ...]:
    return () if text == "-" else tuple(text.split(","))


def parse_procs(text: str, program: int) -> list[Procedure]:
    """All procedures of a PROCS table."""
    procs = []
    for line in text.splitlines():
        number, name, args, ret, flags, acl, aclfilter = line.split()
        procs.append(
            Procedure(
                program,
                int(number),
                name,
                None if args == "-" else args,
                None if ret == "-" else ret,
                high="h" in flags,
                event="e" in flags,
                stream="".join(c for c in flags if c in "rw"),
                newer="n" in flags,
                acl=_names(acl),
                aclfilter=_names(aclfilter),
            )
        )
    return procs
