"""Tests of rules as short stories: ``given(…).when(…).then(…)``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from attrs import frozen

from reps_ledger.domain.facts import Fact
from reps_ledger.errors import Refusal, Refused
from reps_ledger.ledger import Ledger, open  # noqa: A004 — reps_ledger.open

NOW: Final = datetime(2020, 1, 1, 12, tzinfo=UTC)
"""What the clock of a story says, unless another is given."""

Ids = Sequence[str]
Dated = tuple[Fact, date | None]
Saying = Fact | Dated | Callable[[Ids], Fact | Dated]
"""A fact, with a date or without; or a function that makes one of the ids of earlier entries."""


def given(*told: Saying | list[Saying], ledger: Ledger | None = None, **options: Any) -> Given:
    """Begin a story: a ledger in which these facts were recorded, one by one.

    ::

        given((MemberJoined(member="ana"), date(2018, 1, 1)))
            .when(MemberJoined(member="ana"))
            .then_refused("already_joined")

    Args:
        told: facts, or pairs of a fact and when it happened; lists of them too.
        ledger: an open ledger to record them in; by default one in memory, whose clock stands
            still.
        options: for ``reps_ledger.open``: the service's facts, its rules.

    Raises:
        AssertionError: one of them is refused.
    """
    if ledger is None:
        ledger = open(None, **{"clock": lambda: NOW, **options})
    begun = Given(ledger=ledger, ids=())
    for saying in _flat(told):
        begun = begun.when(saying).then_recorded()
    return begun


def _flat(told: Sequence[Saying | list[Saying]]) -> Iterator[Saying]:
    for saying in told:
        yield from saying if isinstance(saying, list) else [saying]


@frozen(kw_only=True)
class Given:
    """A story so far.

    Attributes:
        ledger: the ledger in which it was recorded.
        ids: ids of its entries, in order.
    """

    ledger: Ledger
    ids: tuple[str, ...]

    def when(self, *told: Saying | list[Saying]) -> When:
        """Try to record one fact, or several in a batch."""
        pairs: list[Dated] = []
        for saying in _flat(told):
            made = saying(self.ids) if callable(saying) else saying
            pairs.append(made if isinstance(made, tuple) else (made, None))
        return When(given=self, facts=tuple(pairs))


@frozen(kw_only=True)
class When:
    """An attempt to record facts, whose outcome is to be checked.

    Attributes:
        given: the story so far.
        facts: pairs of a fact and when it happened.
    """

    given: Given
    facts: tuple[Dated, ...]

    def then(self, *facts: Fact) -> Given:
        """Check that exactly these are recorded, in this order; the story may go on.

        Raises:
            AssertionError: others are, or none.
        """
        before = len(self.given.ids)
        after = self.then_recorded()
        found = [after.ledger.entry(each).fact for each in after.ids[before:]]
        _must(found == list(facts), f"recorded: {found}, not {list(facts)}")
        return after

    def then_recorded(self) -> Given:
        """Check that all of it is recorded, in order and unchanged; the story may go on.

        Raises:
            AssertionError: it is refused, or something else is recorded.
        """
        ledger = self.given.ledger
        before = ledger.position
        try:
            receipt = ledger.record_all(self.facts, by="council")
        except Refused as refused:
            raise AssertionError(f"refused ({', '.join(refused.codes)}): {refused}") from refused
        expected = [fact for fact, _ in self.facts]
        found = [entry.fact for entry in receipt.entries]
        _must(found == expected, f"the receipt says {found}, not {expected}")
        read = tuple(ledger.entries(after=before))
        _must(read == receipt.entries, f"read back: {read}, not {receipt.entries}")
        return Given(ledger=ledger, ids=(*self.given.ids, *(e.id for e in receipt.entries)))

    def then_refused(self, code: str, *words: str, because: Sequence[int] | None = None) -> Given:
        """Check that its last fact is refused for one reason, and nothing written.

        Args:
            code: the refusal's code.
            words: what its words must contain.
            because: the places, among the ids so far, of the entries that caused it; None where
                that does not matter.

        Returns:
            The story as it was before, which may go on.

        Raises:
            AssertionError: it is recorded, or refused for another reason.
        """
        refusals = self.refusals()
        codes = [refusal.code for refusal in refusals]
        _must(codes == [code], f"refused for {', '.join(codes)}, not {code}")
        (refusal,) = refusals
        last = len(self.facts) - 1
        _must(refusal.index == last, f"fact {refusal.index} is refused, not {last}")
        for word in words:
            _must(word in refusal.words, f"{word!r} is not in {refusal.words!r}")
        if because is not None:
            expected = tuple(self.given.ids[number] for number in because)
            _must(refusal.entries == expected, f"because of {refusal.entries}, not {expected}")
        return self.given

    def then_refused_all(self, *expected: tuple[int, str]) -> Given:
        """Check that it is refused for exactly these reasons, and nothing written.

        Args:
            expected: for each reason the fact's place in the batch, from 0, and the code.

        Returns:
            The story as it was before, which may go on.

        Raises:
            AssertionError: it is recorded, or refused for others.
        """
        found = [(refusal.index, refusal.code) for refusal in self.refusals()]
        _must(found == list(expected), f"refused for {found}, not {list(expected)}")
        return self.given

    def refusals(self) -> tuple[Refusal, ...]:
        """Return every refusal, and check that nothing was written.

        Raises:
            AssertionError: it is recorded, or something was written all the same.
        """
        ledger = self.given.ledger
        before = tuple(ledger.entries())
        try:
            ledger.record_all(self.facts, by="council")
        except Refused as refused:
            _must(tuple(ledger.entries()) == before, "it was refused, and yet written")
            return refused.refusals
        raise AssertionError("it was recorded, and nothing refused")


def _must(so: bool, words: str) -> None:
    if not so:
        raise AssertionError(words)
