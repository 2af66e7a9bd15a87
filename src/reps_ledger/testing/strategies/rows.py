"""Strategies for rows of the exchange format, as files from elsewhere hold them: dirty too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from reps_ledger.domain.facts import Fact, kind_of
from reps_ledger.testing.strategies.histories import raw_histories

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["raw_rows"]

Row = dict[str, Any]


def _without_date(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "occurred_at"}


def _naive(row: Row) -> Row:
    return {**row, "occurred_at": "2018-10-01T12:00:00"}


def _no_such_day(row: Row) -> Row:
    return {**row, "occurred_at": "2019-02-29"}


def _no_such_fact(row: Row) -> Row:
    return {**row, "fact": "report.fild"}


def _without_fact(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "fact"}


def _of_the_future(row: Row) -> Row:
    return {**row, "schema": 99}


def _no_such_field(row: Row) -> Row:
    return {**row, "favourite_colour": "green"}


def _nobody(row: Row) -> Row:
    return {**row, "member": None}


def _blank(row: Row) -> Row:
    return {**row, "member": "  ana "}


def _number(row: Row) -> Row:
    return {**row, "member": 7}


def _other_case(row: Row) -> Row:
    return {**row, "member": str(row.get("member", "ana")).upper()}


DIRT: Final[tuple[Callable[[Row], Row], ...]] = (
    *(_without_date, _naive, _no_such_day, _no_such_fact, _without_fact, _of_the_future),
    *(_no_such_field, _nobody, _blank, _number, _other_case),
)
"""What goes wrong in rows that people and programs write by hand."""


def raw_rows(
    *, min_size: int = 0, max_size: int = 12, facts: Iterable[type[Fact]] = ()
) -> SearchStrategy[list[Row]]:
    """Make rows as files from elsewhere hold them, for ``ledger.import_history``.

    Some say what rules refuse, some miss a field or have one too many, some name a fact that
    nobody knows or a schema that is outdated or yet to come, and some come twice.

    Args:
        min_size: the fewest.
        max_size: the most.
        facts: the service's own kinds of fact.
    """
    own = tuple(facts)
    outdated = {kind_of(cls).name: kind_of(cls).version - 1 for cls in own}
    history = raw_histories(min_size=min_size, max_size=max_size, facts=own)
    dirt = st.lists(
        st.tuples(st.integers(0, max_size), st.sampled_from(range(len(DIRT) + 2))),
        max_size=max_size,
    )

    def soiled(rows: Sequence[Row], marks: Sequence[tuple[int, int]]) -> list[Row]:
        found = [dict(row) for row in rows]
        for place, what in marks:
            if not found:
                break
            number = place % len(found)
            if what < len(DIRT):
                found[number] = DIRT[what](found[number])
            elif what == len(DIRT):
                if len(found) < max_size:
                    found.append(dict(found[number]))
            elif (older := outdated.get(str(found[number].get("fact")))) is not None:
                found[number] = {**found[number], "schema": older}
        return found

    return st.builds(soiled, history.map(lambda each: each.rows()), dirt)
