"""Hypothesis strategies for every kind of fact that a ledger knows.

Facts are made field by field from what their classes say of themselves (validators, metadata and
type hints), so that a new kind is covered the day it is built in.
"""

from __future__ import annotations

import types
import typing
import unicodedata
from datetime import UTC, date, datetime, timedelta
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
    fact,
    kind_of,
)
from reps_ledger.domain.facts.people import RETIREMENTS
from reps_ledger.domain.facts.roles import ENDINGS
from reps_ledger.domain.fields import PERSON, PERSONAL, is_flag, is_name, is_text
from reps_ledger.domain.limits import MAX_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.strategies import SearchStrategy

__all__ = [
    "CUSTOM",
    "PLAIN",
    "BadgeAwarded",
    "MentoringHeld",
    "amounts",
    "corrections",
    "custom_facts",
    "days",
    "facts",
    "moments",
    "names",
    "reasons",
    "retractions",
    "texts",
]

FIRST: Final = datetime(1990, 1, 1, tzinfo=UTC)
LAST: Final = datetime(2040, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
DAY: Final = timedelta(days=1)
TICK: Final = timedelta(microseconds=1)

PLAIN: Final = tuple(cls for cls in BUILT_IN if cls not in (EntryRetracted, EntryCorrected))
"""The built-in kinds that do not speak of entries to be put right."""

CHOICES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "member.retired": {"how": RETIREMENTS},
    "role.ended": {"how": ENDINGS},
}
"""Fields that take a few words only, by stored name; a test compares them with the validators."""


@fact("mentoring.held", version=3, act="mentor")
@attrs.frozen(kw_only=True)
class MentoringHeld:
    """A fact of an embedding service: every plain type of field, some validated."""

    member: str = attrs.field(validator=is_name, metadata=PERSON)
    mentor: str = attrs.field(validator=is_name, metadata=PERSON)
    minutes: int
    score: float | None = None
    remote: bool = attrs.field(default=False, validator=is_flag)
    began: datetime | None = None
    day: date | None = None
    topics: tuple[str, ...] = ()
    notes: str = attrs.field(default="", validator=is_text, metadata=PERSONAL)
    mood: typing.Literal["good", "mixed"] = "good"


@fact("badge.awarded")
@attrs.frozen(kw_only=True)
class BadgeAwarded:
    """The smallest fact of an embedding service."""

    member: str
    badge: str


CUSTOM: Final[tuple[type[Fact], ...]] = (MentoringHeld, BadgeAwarded)
"""Kinds of fact that a service adds; pass them where a registry is made."""


@cache
def names() -> SearchStrategy[str]:
    """Make identifiers: short ones mostly, some that trip spreadsheets, scripts and sorting."""
    odd = st.sampled_from(
        [
            "a",
            "0",
            "=1+1",
            "+name",
            "-name",
            "@name",
            "null",
            "with spaces  inside",
            'quote"comma,semicolon;',
            "a:b/c\\d",
            "%_*?",
            "café",
            "Ælfþryð",
            "日本語",
            "עברית",
            "🧭",
            "n" * MAX_NAME,
            "é" * MAX_NAME,
        ]
    )
    any_script = st.text(
        st.characters(exclude_categories=("C", "Z"), codec="utf-8"), min_size=1, max_size=12
    ).map(_composed)
    few = st.sampled_from(["ana", "ben", "chloé", "dev", "eve"])
    return few | odd | any_script.filter(_may_be_a_name)


@cache
def texts() -> SearchStrategy[str]:
    """Make free text, with line breaks and any script, in any normal form."""
    characters = st.characters(exclude_categories=("Cc", "Cs"), include_characters="\n\r\t")
    return st.sampled_from(["", "=cmd()", "a\r\nb", "e\u0301", " edges "]) | st.text(
        characters, max_size=20
    )


@cache
def reasons() -> SearchStrategy[str]:
    """Make free text that is not blank."""
    return texts().filter(str.strip)


@cache
def moments() -> SearchStrategy[datetime]:
    """Make instants of 1990 to 2040 in UTC, often at or beside the edge of a day or month."""
    starts = st.dates(FIRST.date() + DAY, LAST.date() - DAY).map(_midnight)
    edges = starts | starts.map(lambda day: day.replace(day=1))
    beside = st.builds(_shifted, edges, st.sampled_from([-TICK, 0 * TICK, TICK]))
    anywhere = st.datetimes(
        FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC)
    )
    return beside | anywhere


@cache
def days() -> SearchStrategy[date]:
    """Make plain dates of 1990 to 2040."""
    return st.dates(FIRST.date(), LAST.date())


@cache
def amounts() -> SearchStrategy[float]:
    """Make finite numbers."""
    return st.floats(allow_nan=False, allow_infinity=False)


@cache
def facts(kind: type[Fact] | str | None = None) -> SearchStrategy[Fact]:
    """Make facts of one built-in kind, by class or stored name, or of any but corrections."""
    if kind is None:
        return st.one_of([facts(cls) for cls in PLAIN])
    if isinstance(kind, str):
        kind = next(cls for cls in (*BUILT_IN, *CUSTOM) if kind_of(cls).name == kind)
    return st.fixed_dictionaries(_fields(kind)).map(lambda values: kind(**values))


@cache
def custom_facts() -> SearchStrategy[Fact]:
    """Make facts of the kinds that a service might add."""
    return st.one_of([facts(cls) for cls in CUSTOM])


def retractions(target: str) -> SearchStrategy[EntryRetracted]:
    """Make retractions of one entry."""
    return st.builds(EntryRetracted, target=st.just(target), reason=reasons())


def corrections(
    target: str, replacements: SearchStrategy[Fact] | None = None
) -> SearchStrategy[EntryCorrected]:
    """Make corrections of one entry."""
    return st.builds(
        EntryCorrected,
        target=st.just(target),
        replacement=facts() if replacements is None else replacements,
        reason=reasons(),
    )


def _fields(cls: type[Fact]) -> Mapping[str, SearchStrategy[Any]]:
    hints = typing.get_type_hints(cls)
    choices: Mapping[str, tuple[str, ...]] = CHOICES.get(kind_of(cls).name, {})
    return {
        attribute.name: st.sampled_from(choices[attribute.name])
        if attribute.name in choices
        else _values(attribute, hints[attribute.name])
        for attribute in attrs.fields(cls)
    }


def _values(attribute: attrs.Attribute[Any], hint: Any) -> SearchStrategy[Any]:
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
        case _:
            return _of_type(hint)


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
            return st.lists(_of_type(arguments[0]), max_size=4).map(tuple)
    raise TypeError(f"no strategy for a field of type {hint}")


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _may_be_a_name(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME and text.isprintable()


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _shifted(instant: datetime, by: timedelta) -> datetime:
    return instant + by
