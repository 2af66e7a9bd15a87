"""Spans in columns: of every kind the same as the fold says, span for span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given

import identities
import reps_ledger as rl
from identities import histories
from reps_ledger.domain.spans import HOW_ENDED, SPAN_KINDS, folded
from reps_ledger.domain.time import microseconds
from reps_ledger.replay.kernel.arrays import FOREVER
from reps_ledger.replay.kernel.spans import spans_of
from scale import examples

if TYPE_CHECKING:
    from reps_ledger.replay.columns import Columns
    from reps_ledger.testing.history import History

Found = tuple[str, int, int, int, int, str]


def from_columns(columns: Columns, name: str) -> list[Found]:
    """Return each span: whose, of which entry, from when until when, by which entry and how it ended."""
    found = spans_of(columns, name)
    orders = found.table.order[found.row]
    people = [columns.people[number] for number in found.member.tolist()]
    numbers = (each.tolist() for each in (orders, found.start, found.end, found.ended_by))
    how = [HOW_ENDED[place] if place >= 0 else "" for place in found.how.tolist()]
    return sorted(zip(people, *numbers, how, strict=True))


def from_fold(history: History, name: str) -> list[Found]:
    """Return the same, by the fold."""
    return sorted(
        (
            span.entry.fact.member,
            span.entry.origin,
            microseconds(span.start),
            FOREVER if span.end is None else microseconds(span.end),
            -1 if span.ended_in is None else span.ended_in.origin,
            span.how or "",
        )
        for span in folded(history.standing).of(name)
    )


def same_spans(history: History) -> None:
    """Compare all kinds."""
    with history.ledger() as ledger:
        columns = ledger.columns()
    for name in SPAN_KINDS:
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


def test_an_ending_of_every_kind_ends_what_began_in_the_instant_of_another() -> None:
    """Begun anew on the day on which it was ended, then ended by what names no kind: that is its ending."""
    here = {"member": "ana", "organisation": "acme"}
    staff = rl.AffiliationStarted(**here, kind="staff")
    ended = rl.AffiliationEnded(**here, kind="staff")
    facts = ((staff, 3), (ended, 5), (staff, 5), (rl.AffiliationEnded(**here), 9))
    same_spans(identities.told(*identities.joins("ana"), *facts))
