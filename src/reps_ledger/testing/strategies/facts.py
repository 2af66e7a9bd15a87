"""Strategies for every kind of fact, built in or a service's own.

Facts are made field by field from what their classes say of themselves (validators, metadata and
type hints), so that a new kind is covered the day it is written.
"""

from __future__ import annotations

import types
import typing
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import attrs
from hypothesis import strategies as st

from reps_ledger.domain import fields as checks
from reps_ledger.domain.facts import (
    BUILT_IN,
    EntryCorrected,
    EntryRetracted,
    Fact,
    kind_of,
)
from reps_ledger.domain.facts.people import RETIREMENTS
from reps_ledger.domain.facts.roles import ENDINGS
from reps_ledger.errors import InvalidFactType, InvalidInput
from reps_ledger.testing.strategies.values import (
    amounts,
    days,
    moments,
    names,
    reasons,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hypothesis.strategies import SearchStrategy

__all__ = ["CHOICES", "PLAIN", "choices_of", "facts", "replacing", "retracting"]

PLAIN: Final = tuple(cls for cls in BUILT_IN if cls not in (EntryRetracted, EntryCorrected))
"""The built-in kinds that do not speak of entries to be put right."""

CHOICES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "member.retired": {"how": RETIREMENTS},
    "role.ended": {"how": ENDINGS},
}
"""Fields that take a few words only, by stored name; a test compares them with the validators."""

_LONGEST: Final = 4


def facts(*kinds: type[Fact] | str) -> SearchStrategy[Fact]:
    """Make facts of any value that their fields may have, odd ones among them.

    Args:
        kinds: classes, a service's own among them, or stored names of built-in ones; any
            built-in kind but corrections where none is given.

    Raises:
        InvalidInput: there is no built-in fact of that name.
        InvalidFactType: a class has a field for which nothing can be made; give
            ``from_type`` a strategy for its type.
    """
    return _facts(tuple(_class_of(kind) for kind in kinds) or PLAIN)


@cache
def _facts(classes: tuple[type[Fact], ...]) -> SearchStrategy[Fact]:
    return st.one_of([_of_class(cls) for cls in classes])


@cache
def _of_class(cls: type[Fact]) -> SearchStrategy[Fact]:
    return st.fixed_dictionaries(_fields(cls)).map(lambda values: cls(**values))


def _class_of(kind: type[Fact] | str) -> type[Fact]:
    if not isinstance(kind, str):
        return kind
    for cls in BUILT_IN:
        if kind_of(cls).name == kind:
            return cls
    raise InvalidInput(f"there is no built-in fact {kind!r}; pass its class", field="kinds")


def retracting(target: str) -> SearchStrategy[EntryRetracted]:
    """Make retractions of one entry, by its id."""
    return st.builds(EntryRetracted, target=st.just(target), reason=reasons())


def replacing(
    target: str, replacements: SearchStrategy[Fact] | None = None
) -> SearchStrategy[EntryCorrected]:
    """Make corrections of one entry, by its id; any fact may come in its place."""
    return st.builds(
        EntryCorrected,
        target=st.just(target),
        replacement=facts() if replacements is None else replacements,
        reason=reasons(),
    )


def choices_of(cls: type[Fact], attribute: attrs.Attribute[Any]) -> tuple[Any, ...]:
    """Return the few values that a field may have; none where it may have many."""
    told = CHOICES.get(kind_of(cls).name, {}).get(attribute.name, ())
    options: Iterable[Any] = getattr(attribute.validator, "options", ())  # attrs' own `in_`
    return told or tuple(options)


def _fields(cls: type[Fact]) -> Mapping[str, SearchStrategy[Any]]:
    hints = typing.get_type_hints(cls)
    return {
        attribute.name: st.sampled_from(choices)
        if (choices := choices_of(cls, attribute))
        else _values(cls, attribute, hints[attribute.name])
        for attribute in attrs.fields(cls)
    }


def _values(cls: type[Fact], attribute: attrs.Attribute[Any], hint: Any) -> SearchStrategy[Any]:
    """Make values for a field: by its validator where that says more than its type."""
    match attribute.validator:
        case checks.is_reason:
            return reasons()
        case checks.is_text | checks.is_document:
            return texts()
        case checks.is_text_or_none:
            return st.none() | texts()
        case checks.is_count:
            return st.none() | st.integers(0, 2**53)
    try:
        return _of_type(hint)
    except TypeError as error:
        raise InvalidFactType(f"{kind_of(cls).name}: {attribute.name}: {error}") from error


def _of_type(hint: Any) -> SearchStrategy[Any]:
    plain: dict[Any, SearchStrategy[Any]] = {
        str: names(),
        bool: st.booleans(),
        int: st.integers(-(2**53), 2**53),
        float: amounts(),
        datetime: moments(),
        date: days(),
        type(None): st.none(),
        Fact: st.deferred(facts),
    }
    if hint in plain:
        return plain[hint]
    arguments = typing.get_args(hint)
    match typing.get_origin(hint):
        case typing.Literal:
            return st.sampled_from(arguments)
        case types.UnionType | typing.Union:
            return st.one_of([_of_type(argument) for argument in reversed(arguments)])
        case builtin if builtin is tuple:
            return st.lists(_of_type(arguments[0]), max_size=_LONGEST).map(tuple)
    raise TypeError(f"no strategy for a field of type {hint}")
