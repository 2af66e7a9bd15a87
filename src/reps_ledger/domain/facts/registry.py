"""Kinds of fact: how a class becomes one, and the closed set that one ledger knows.

`fact` marks a class with its `Kind`: stored name, schema version and whose act it is. `FactType`
describes the fields of such a class. `Registry` finds types by stored name and by class.
"""

from __future__ import annotations

import hashlib
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import Final, TypeVar

import msgspec
from attrs import NOTHING, AttrsInstance, fields, frozen, has

from reps_ledger.domain.validation import Field
from reps_ledger.errors import InvalidFactType

Fact = AttrsInstance
"""A frozen attrs value in the past tense, of a class marked by `fact`."""

T = TypeVar("T", bound=type)

RESERVED: Final = frozenset(
    {
        "by",
        "command_id",
        "fact",
        "id",
        "occurred_at",
        "on_behalf_of",
        "position",
        "recorded_at",
        "row_key",
        "schema",
        "source",
    }
)
"""Names of the exchange format that no fact may use for a field."""

_STORED_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}(\.[a-z][a-z0-9_-]{0,39}){1,3}")


@frozen(kw_only=True)
class Kind:
    """How a class of facts is stored and read.

    Attributes:
        name: the stored name, such as ``role.assigned``; never the class path.
        version: the schema version that the class has now, from 1.
        act: the field that names the person who acted, if the fact is somebody's act: acts
            are what keeps a member active.
        follows: the stored name of the kind of fact that it ends, answers, verifies or decides;
            None for none.
        shared: the fields in which it equals the fact that it follows.
        apart: the fields that must name different people. Where a merge made two of them one, the
            fact is void: it counts for nothing until the merge is undone.
    """

    name: str
    version: int = 1
    act: str | None = None
    follows: str | None = None
    shared: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()


def fact(
    name: str,
    *,
    version: int = 1,
    act: str | None = None,
    follows: str | None = None,
    shared: tuple[str, ...] = (),
    apart: tuple[str, ...] = (),
) -> Callable[[T], T]:
    """Mark a frozen attrs class as a kind of fact.

    ::

        @rl.fact("mentoring.held", act="member")
        @attrs.frozen(kw_only=True)
        class MentoringHeld:
            member: str
            minutes: int

    Args:
        name: the stored name: lower case words joined by dots, at least two.
        version: the schema version; raise it when the fields change, with an upcaster.
        act: the field naming the person whose act this is, if it is one.
        follows: the stored name of the kind of fact that it ends, answers, verifies or decides.
        shared: the fields in which it equals that fact; the testing kit's strategies use them
            to make facts that belong together.
        apart: the fields that must name different people: see `Kind`.

    Raises:
        InvalidFactType: the class is not a frozen attrs class, or a name may not be used.
    """

    def mark(cls: T) -> T:
        is_attrs: bool = has(cls)
        if not (is_attrs and _is_frozen(cls)):
            raise InvalidFactType(
                f"{cls.__name__} must be a frozen attrs class: put @attrs.frozen(kw_only=True) below @fact(…)"
            )
        if not _STORED_NAME.fullmatch(name):
            raise InvalidFactType(
                f"{name!r} cannot be a stored name; write lower case words joined by dots, "
                "such as 'mentoring.held'"
            )
        if type(version) is not int or version < 1:
            raise InvalidFactType(f"{name}: version must be a whole number from 1")
        names = {attribute.name for attribute in fields(cls)}
        if taken := sorted(names & RESERVED):
            raise InvalidFactType(f"{name}: reserved as field names: {', '.join(taken)}")
        if act is not None and act not in names:
            raise InvalidFactType(f"{name}: act={act!r} is not one of its fields")
        if lacking := sorted(set(shared) - names):
            raise InvalidFactType(f"{name}: shared= names no field of it: {', '.join(lacking)}")
        if bool(shared) != (follows is not None):
            raise InvalidFactType(f"{name}: give follows= and shared= together")
        if lacking := sorted(set(apart) - names):
            raise InvalidFactType(f"{name}: apart= names no field of it: {', '.join(lacking)}")
        kind = Kind(name=name, version=version, act=act, follows=follows, shared=shared, apart=apart)
        setattr(cls, "__fact__", kind)  # noqa: B010 — mypy knows no such attribute
        return cls

    return mark


def kind_of(fact: Fact | type) -> Kind:
    """Return the kind of a fact or of a class of facts.

    Raises:
        InvalidFactType: its class is not marked by `fact`.
    """
    kind = getattr(fact, "__fact__", None)
    if not isinstance(kind, Kind):
        name = fact.__name__ if isinstance(fact, type) else type(fact).__name__
        raise InvalidFactType(f"{name} is not a fact; mark its class with @reps_ledger.fact(…)")
    return kind


def _is_frozen(cls: type) -> bool:
    # attrs has no public way to ask; every frozen class has this setter.
    return getattr(cls.__setattr__, "__name__", "") == "_frozen_setattrs"


_SCALARS: Final[Mapping[object, str]] = {str: "text", int: "int", float: "float", bool: "bool", date: "date"}


@frozen(kw_only=True)
class FactType:
    """A class of facts, with what others need to know about its fields.

    Attributes:
        cls: the class.
        kind: its stored name, version and act.
        names: its fields' names, in order.
        required: those without a default.
        persons: those that name people.
        personal: those that hold personal text.
        keyed: those of these that name accounts.
        days: those that take a plain date, with what it means: "start" or "end" of that day, or "last"
            for its last instant.
        instants: those of type datetime.
        entries: those that hold the id of an entry, or several.
        shapes: what each holds: text, int, float, bool, date, instant, list or fact.
        nested: those that hold another fact.
        tagged: whether it has a ``community``.
    """

    cls: type[Fact]
    kind: Kind
    names: frozenset[str]
    required: frozenset[str]
    persons: tuple[str, ...]
    personal: frozenset[str]
    keyed: frozenset[str]
    days: tuple[tuple[str, str], ...]
    instants: frozenset[str]
    entries: frozenset[str]
    shapes: Mapping[str, str]
    nested: frozenset[str]
    tagged: bool

    @classmethod
    def of(cls, fact_class: type[Fact]) -> FactType:
        """Describe a class marked with ``fact``.

        Raises:
            InvalidFactType: a field's type cannot be stored flat.
        """
        return _described(fact_class, kind_of(fact_class))


def _describe(fact_class: type[Fact], kind: Kind) -> FactType:
    attributes: tuple[Field, ...] = fields(fact_class)
    hints = typing.get_type_hints(fact_class)
    shapes = {a.name: _shape(kind, a.name, hints[a.name]) for a in attributes}
    metadata = {a.name: a.metadata for a in attributes}
    persons = tuple(name for name, data in metadata.items() if data.get("person") or name == "member")
    for name, data in metadata.items():
        if data.get("personal") and not _is_plain_text(hints[name]):
            raise InvalidFactType(
                f"{kind.name}: field {name!r} is personal, so it must be text: str or str | None"
            )
        if data.get("keyed") and "member" not in hints:
            raise InvalidFactType(f"{kind.name}: field {name!r} names an account, so it takes a member")
    return FactType(
        cls=fact_class,
        kind=kind,
        names=frozenset(shapes),
        required=frozenset(a.name for a in attributes if a.default is NOTHING),
        persons=persons,
        personal=frozenset(name for name, data in metadata.items() if data.get("personal")),
        keyed=frozenset(name for name, data in metadata.items() if data.get("keyed")),
        days=tuple((name, data["day"]) for name, data in metadata.items() if "day" in data),
        instants=frozenset(name for name, shape in shapes.items() if shape == "instant"),
        entries=frozenset(name for name, data in metadata.items() if data.get("entry")),
        shapes=shapes,
        nested=frozenset(name for name, shape in shapes.items() if shape == "fact"),
        tagged="community" in shapes,
    )


def _is_plain_text(hint: object) -> bool:
    return hint is str or set(typing.get_args(hint)) == {str, type(None)}


_described: Final = lru_cache(maxsize=256)(_describe)  # once for each class, not for each ledger


class Registry:
    """The kinds of fact that one ledger can store and read.

    Nothing outside it can be stored, and no stored name outside it is ever resolved.
    """

    def __init__(self, classes: Iterable[type[Fact]]) -> None:
        self._by_name: dict[str, FactType] = {}
        self._by_class: dict[type, FactType] = {}
        for cls in classes:
            described = FactType.of(cls)
            name = described.kind.name
            if name in self._by_name:
                raise InvalidFactType(
                    f"{name} is the stored name of two classes: "
                    f"{self._by_name[name].cls.__name__} and {cls.__name__}"
                )
            self._by_name[name] = self._by_class[cls] = described

    def __iter__(self) -> typing.Iterator[FactType]:
        return iter(self._by_name.values())

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all that what is derived from a log depends on of its kinds of fact."""
        shapes = [
            (
                described.kind.name,
                described.kind.version,
                sorted(described.shapes.items()),
                sorted(described.persons),
                sorted(described.personal),
                sorted(described.keyed),
            )
            for described in self
        ]
        return hashlib.sha256(msgspec.json.encode(sorted(shapes))).hexdigest()

    def named(self, name: str) -> FactType | None:
        """Return the type stored under that name, or None."""
        return self._by_name.get(name)

    def of(self, fact: Fact) -> FactType:
        """Return the type of a fact.

        Raises:
            InvalidFactType: its class is not in this registry.
        """
        try:
            return self._by_class[type(fact)]
        except KeyError:
            name = kind_of(fact).name
            raise InvalidFactType(
                f"{name} is not known to this ledger; pass its class to open(…, facts=[…])"
            ) from None


def _shape(kind: Kind, name: str, hint: object) -> str:
    """Return the name of a field's type; only flat types, which a row of a file can hold."""
    if hint is Fact:
        return "fact"
    origin = typing.get_origin(hint)
    if origin is types.UnionType or origin is typing.Union:
        rest = [option for option in typing.get_args(hint) if option is not type(None)]
        if len(rest) == 1:
            return _shape(kind, name, rest[0])
    elif origin is tuple:
        item, *rest = typing.get_args(hint) or (None,)
        if rest == [...] and item in _SCALARS:
            return "list"
    elif origin is typing.Literal and all(type(v) is str for v in typing.get_args(hint)):
        return "text"
    elif hint is datetime:
        return "instant"
    elif hint in _SCALARS:
        return _SCALARS[hint]
    raise InvalidFactType(
        f"{kind.name}: field {name!r} has a type that cannot be stored; use str, int, float, "
        "bool, datetime, date, a Literal of text, tuple[…, ...] of one of them, or any of these "
        "| None"
    )
