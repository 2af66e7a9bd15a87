"""Spans in columns: of every kind the same as the fold says, span for span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given

from identities import histories
from reps_ledger.domain.spans import SPAN_KINDS, folded
from reps_ledger.domain.time import microseconds
from reps_ledger.replay.kernel.arrays import FOREVER
from reps_ledger.replay.kernel.spans import spans_of
from scale import examples

if TYPE_CHECKING:
    from reps_ledger.replay.columns import Columns
    from reps_ledger.testing.history import History

PERSONAL = frozenset({"account.linked"})
"""Of accounts there are no columns."""


def from_columns(columns: Columns, name: str) -> list[tuple[str, int, int, int]]:
    """Return each span: whose, of which entry, from when and until when."""
    found = spans_of(columns, name)
    orders = found.table.order[found.row].tolist()
    people = [columns.people[number] for number in found.member.tolist()]
    return sorted(zip(people, orders, found.start.tolist(), found.end.tolist(), strict=True))


def from_fold(history: History, name: str) -> list[tuple[str, int, int, int]]:
    """Return the same, by the fold."""
    return sorted(
        (
            span.entry.fact.member,
            span.entry.origin,
            microseconds(span.start),
            FOREVER if span.end is None else microseconds(span.end),
        )
        for span in folded(history.standing).of(name)
    )


def same_spans(history: History) -> None:
    """Compare all kinds."""
    with history.ledger() as ledger:
        columns = ledger.columns()
    for name in SPAN_KINDS.keys() - PERSONAL:
        assert from_columns(columns, name) == from_fold(history, name), name


@examples(2)
@given(histories())
def test_columns_have_the_spans_of_the_fold(history: History) -> None:
    """With merges, unmerges, corrections, retirements told late, and ties."""
    same_spans(history)


@examples(1)
@given(histories(merges=False, amended=False, untied=True, max_size=30))
def test_columns_have_the_spans_of_the_fold_without_ties(history: History) -> None:
    """Where nothing has to be folded, but what was planned before a retirement."""
    same_spans(history)
