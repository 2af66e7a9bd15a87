"""Strategies for the values of fields: names, texts, instants, numbers, short and odd ones."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from reps_ledger.domain.limits import MAX_NAME

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["PEOPLE", "amounts", "days", "moments", "names", "reasons", "texts"]

PEOPLE: Final = ("ana", "ben", "cleo", "dev", "eve")
"""Members of the stories that strategies tell."""

FIRST: Final = datetime(1990, 1, 1, tzinfo=UTC)
LAST: Final = datetime(2040, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_TICK: Final = timedelta(microseconds=1)

_ODD: Final = (
    *("a", "0", "=1+1", "+name", "-name", "@name", "null", "with spaces  inside"),
    *('quote"comma,semicolon;', "a:b/c\\d", "%_*?", "café", "Ælfþryð", "日本語", "עברית", "🧭"),
    *("n" * MAX_NAME, "é" * MAX_NAME),
)


@cache
def names() -> SearchStrategy[str]:
    """Make identifiers: short ones mostly, some that trip spreadsheets, scripts and sorting."""
    any_script = st.text(
        st.characters(exclude_categories=("C", "Z"), codec="utf-8"), min_size=1, max_size=12
    ).map(_composed)
    return st.sampled_from(PEOPLE) | st.sampled_from(_ODD) | any_script.filter(_may_be_a_name)


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
    starts = st.dates(FIRST.date() + _DAY, LAST.date() - _DAY).map(_midnight)
    edges = starts | starts.map(lambda day: day.replace(day=1))
    beside = st.builds(_shifted, edges, st.sampled_from([-_TICK, 0 * _TICK, _TICK]))
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


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _may_be_a_name(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME and text.isprintable()


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _shifted(instant: datetime, by: timedelta) -> datetime:
    return instant + by
