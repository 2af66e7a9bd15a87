"""``given(…).when(…).then_recorded()``: what the rules say, told as a short story."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import frozen

import reps_ledger as rl

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "APR",
    "AUG",
    "DEC",
    "FEB",
    "JAN",
    "JUL",
    "JUN",
    "MAR",
    "MAY",
    "NOON",
    "NOV",
    "NOW",
    "OCT",
    "SEP",
    "Given",
    "Ids",
    "Told",
    "When",
    "correct",
    "fixed_clock",
    "given",
    "joined",
    "merged",
    "retract",
]

NOW: Final = datetime(2020, 1, 1, 12, tzinfo=UTC)
"""What the clock of a story says."""

NOON: Final = datetime(2018, 3, 1, 12, tzinfo=UTC)
JAN, FEB, MAR, APR, MAY, JUN, JUL, AUG, SEP, OCT, NOV, DEC = (
    date(2018, month, 1) for month in range(1, 13)
)

Ids = Sequence[str]
Dated = tuple[rl.Fact, date | None]
Told = rl.Fact | Dated | Callable[[Ids], rl.Fact | Dated]
"""A fact, dated or not; or what makes one of the ids of what was recorded before."""


def fixed_clock() -> datetime:
    """Say what time it is in a story."""
    return NOW


def joined(*members: str, on: date = JAN) -> list[Told]:
    """Tell that people joined, by default on 1 January 2018."""
    return [(rl.MemberJoined(member=member), on) for member in members]


def merged(member: str, duplicate: str, on: date = JUN) -> Told:
    """Tell that two were found to be one."""
    return rl.MembersMerged(member=member, duplicate=duplicate), on


def retract(number: int) -> Callable[[Ids], rl.Fact]:
    """Retract what was told as number ``number``, from 0."""
    return lambda ids: rl.EntryRetracted(target=ids[number], reason="a mistake")


def correct(number: int, replacement: rl.Fact, on: date | None = None) -> Callable[[Ids], Dated]:
    """Put right what was told as number ``number``, from 0; it happened then or ``on``."""
    return lambda ids: (
        rl.EntryCorrected(target=ids[number], replacement=replacement, reason="was wrong"),
        on,
    )


def given(*told: Told | list[Told], **options: Any) -> Given:
    """Begin a story: a ledger in memory in which these were recorded, one by one."""
    ledger = rl.open(None, clock=fixed_clock, **options)
    begun = Given(ledger=ledger, ids=())
    for one in _flat(told):
        begun = begun.when(one).then_recorded()
    return begun


def _flat(told: Sequence[Told | list[Told]]) -> Iterator[Told]:
    for one in told:
        if isinstance(one, list):
            yield from one
        else:
            yield one


@frozen(kw_only=True)
class Given:
    """A ledger as far as the story goes, and the ids of its entries in the order of telling."""

    ledger: rl.Ledger
    ids: tuple[str, ...]

    def when(self, *told: Told | list[Told]) -> When:
        """Try to record one fact, or several in a batch."""
        pairs = []
        for one in _flat(told):
            made = one(self.ids) if callable(one) else one
            pairs.append(made if isinstance(made, tuple) else (made, None))
        return When(given=self, facts=tuple(pairs))


@frozen(kw_only=True)
class When:
    """What somebody tries to record."""

    given: Given
    facts: tuple[Dated, ...]

    def then_recorded(self) -> Given:
        """It is recorded, in order and to the letter, and the story may go on."""
        ledger = self.given.ledger
        before = ledger.position
        receipt = ledger.record_all(self.facts, by="council")
        assert [entry.fact for entry in receipt.entries] == [fact for fact, _ in self.facts]
        assert tuple(ledger.entries(after=before)) == receipt.entries
        return Given(ledger=ledger, ids=(*self.given.ids, *(e.id for e in receipt.entries)))

    def then_refused(self, code: str, *words: str, because: Sequence[int] = ()) -> Given:
        """It is refused for one reason; nothing is written.

        Args:
            code: the refusal's code.
            words: what its sentence names.
            because: the numbers of the entries told before that caused it, from 0.
        """
        (refusal,) = self.refusals()
        assert refusal.code == code
        assert refusal.index == len(self.facts) - 1
        for word in words:
            assert word in refusal.words
        assert refusal.entries == tuple(self.given.ids[number] for number in because)
        return self.given

    def then_refused_all(self, *expected: tuple[int, str]) -> Given:
        """All of it is refused, for every one of these reasons: index in the batch, and code."""
        assert [(refusal.index, refusal.code) for refusal in self.refusals()] == list(expected)
        return self.given

    def refusals(self) -> tuple[rl.Refusal, ...]:
        """Return every refusal; nothing may have been written."""
        ledger = self.given.ledger
        before = tuple(ledger.entries())
        with pytest.raises(rl.Refused) as raised:
            ledger.record_all(self.facts, by="council")
        refused = raised.value
        assert tuple(ledger.entries()) == before
        assert refused.codes == tuple(refusal.code for refusal in refused.refusals)
        assert all(refusal.words in str(refused) for refusal in refused.refusals)
        return refused.refusals
