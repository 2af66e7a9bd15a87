"""Strategies for facts of every kind, built in or a service's own, and for values of their fields.

A fact is made field by field from its class: from validators, metadata and type hints. So a new
kind of fact needs no strategy of its own.
"""

from __future__ import annotations

import types
import typing
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from reps_ledger.domain import validation as checks
from reps_ledger.domain.facts import BUILT_IN, EntryCorrected, EntryRetracted, EntryVoided, Fact, kind_of
from reps_ledger.domain.facts.governance import ACCESSES, ERASURES
from reps_ledger.domain.facts.people import RETIREMENTS
from reps_ledger.domain.facts.roles import ENDINGS
from reps_ledger.domain.names import unseen
from reps_ledger.domain.validation import MAX_NAME
from reps_ledger.errors import InvalidFactType, InvalidInput

PEOPLE: Final = ("ana", "ben", "cleo", "dev", "eve")
"""Members of the stories that strategies tell."""

FIRST: Final = datetime(1990, 1, 1, tzinfo=UTC)
LAST: Final = datetime(2040, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_TICK: Final = timedelta(microseconds=1)

ZONE_NAMES: Final = ("UTC", "Europe/Paris", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia")
"""Zones of the stories that strategies tell."""

_ODD: Final = (
    *("a", "0", "=1+1", "+name", "-name", "@name", "null", "with spaces  inside"),
    *('quote"comma,semicolon;', "a:b/c\\d", "%_*?", "café", "Ælfþryð", "日本語", "עברית", "🧭"),
    *("n" * MAX_NAME, "é" * MAX_NAME),
)


@cache
def names() -> SearchStrategy[str]:
    """Make identifiers: mostly short ones, some that trip spreadsheets, scripts and sorting."""
    any_script = st.text(
        st.characters(exclude_categories=("C", "Z"), codec="utf-8"), min_size=1, max_size=12
    ).map(_composed)
    return st.sampled_from(PEOPLE) | st.sampled_from(_ODD) | any_script.filter(_may_be_a_name)


@cache
def texts() -> SearchStrategy[str]:
    """Make free text, with line breaks and any script, in any normal form."""
    characters = st.characters(exclude_categories=("Cc", "Cs"), include_characters="\n\r\t")
    return st.sampled_from(["", "=cmd()", "a\r\nb", "e\u0301", " edges "]) | st.text(characters, max_size=20)


@cache
def reasons() -> SearchStrategy[str]:
    """Make free text that is not blank."""
    return texts().filter(str.strip)


@cache
def moments() -> SearchStrategy[datetime]:
    """Make instants of 1990 to 2040 in UTC, often at or beside the edge of a day or month."""
    starts = st.dates(FIRST.date() + _DAY, LAST.date() - _DAY).map(_midnight)
    edges = starts | starts.map(lambda day: day.replace(day=1))
    beside = st.builds(_shifted, edges, st.sampled_from([-_TICK, 0 * _TICK, _TICK]))
    anywhere = st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC))
    return beside | anywhere


@cache
def days() -> SearchStrategy[date]:
    """Make plain dates of 1990 to 2040."""
    return st.dates(FIRST.date(), LAST.date())


@cache
def amounts() -> SearchStrategy[float]:
    """Make finite numbers."""
    return st.floats(allow_nan=False, allow_infinity=False)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _may_be_a_name(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME and text.isprintable() and unseen(text) is None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _shifted(instant: datetime, by: timedelta) -> datetime:
    return instant + by


PLAIN: Final = tuple(cls for cls in BUILT_IN if cls not in (EntryRetracted, EntryCorrected, EntryVoided))
"""The built-in kinds of fact but those about entries: corrections, retractions and voids."""

CHOICES: Final[Mapping[str, Mapping[str, tuple[object, ...]]]] = {
    "access.given": {"form": ACCESSES},
    "ledger.declared": {"seals": (False,)},  # a ledger without keys refuses another
    "member.erased": {"reason": ERASURES},
    "member.retired": {"how": RETIREMENTS},
    "role.ended": {"how": ENDINGS},
}
"""Fields that take only a few words, by stored name; a test compares them with the validators."""

_LONGEST: Final = 4


def facts(*kinds: type[Fact] | str) -> SearchStrategy[Fact]:
    """Make facts with any values that their fields may have, odd ones among them.

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
    """Make corrections of one entry, by its id; by default any fact may replace it."""
    return st.builds(
        EntryCorrected,
        target=st.just(target),
        replacement=facts() if replacements is None else replacements,
        reason=reasons(),
    )


def choices_of(cls: type[Fact], attribute: attrs.Attribute[object]) -> tuple[object, ...]:
    """Return the few values that a field may have; none where it may have many."""
    choices = CHOICES.get(kind_of(cls).name, {}).get(attribute.name, ())
    return choices or tuple(getattr(attribute.validator, "options", ()))  # attrs' own `in_`


def _fields(cls: type[Fact]) -> Mapping[str, SearchStrategy[object]]:
    hints = typing.get_type_hints(cls)
    return {
        attribute.name: st.sampled_from(choices)
        if (choices := choices_of(cls, attribute))
        else _values(cls, attribute, hints[attribute.name])
        for attribute in attrs.fields(cls)
    }


def _values(cls: type[Fact], attribute: attrs.Attribute[object], hint: object) -> SearchStrategy[object]:
    """Make values for a field: by its validator where that says more than its type."""
    match attribute.validator:
        case checks.is_reason:
            return reasons()
        case checks.is_text | checks.is_document:
            return texts()
        case checks.is_text_or_none:
            return st.none() | texts()
        case checks.is_zone:
            return st.sampled_from(ZONE_NAMES)
        case checks.is_count:
            return st.none() | st.integers(0, 2**53)
        case checks.is_position:
            return st.integers(1, 2**53)
        case checks.is_leaf_or_none:
            return st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex)
    try:
        return _of_type(hint)
    except TypeError as error:
        raise InvalidFactType(f"{kind_of(cls).name}: {attribute.name}: {error}") from error


def _of_type(hint: object) -> SearchStrategy[object]:
    plain: dict[object, SearchStrategy[object]] = {
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
