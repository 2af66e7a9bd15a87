"""``given(…).when(…).then(…)``: what the rules say, told as a short story."""

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
"""A fact, dated or not; or what makes one of the ids of what was recorded before."""


def given(*told: Saying | list[Saying], ledger: Ledger | None = None, **options: Any) -> Given:
    """Begin a story: a ledger in which these were recorded, one by one.

    ::

        given((MemberJoined(member="ana"), date(2018, 1, 1)))
            .when(MemberJoined(member="ana"))
            .then_refused("already_joined")

    Args:
        told: facts, or pairs of a fact and when it happened; lists of them too.
        ledger: an open ledger to tell it in; by default one in memory, whose clock stands.
        options: for ``reps_ledger.open``, as the service gives them: its facts, its rules.

    Raises:
        AssertionError: one of them is refused.
    """
    if ledger is None:
        ledger = open(None, **{"clock": lambda: NOW, **options})
    begun = Given(ledger=ledger, ids=())
    for one in _flat(told):
        begun = begun.when(one).then_recorded()
    return begun


def _flat(told: Sequence[Saying | list[Saying]]) -> Iterator[Saying]:
    for one in told:
        if isinstance(one, list):
            yield from one
        else:
            yield one


@frozen(kw_only=True)
class Given:
    """A ledger as far as the story goes.

    Attributes:
        ledger: the ledger.
        ids: of its entries, in the order of telling.
    """

    ledger: Ledger
    ids: tuple[str, ...]

    def when(self, *told: Saying | list[Saying]) -> When:
        """Try to record one fact, or several in a batch."""
        pairs = []
        for one in _flat(told):
            made: Any = one(self.ids) if callable(one) else one
            pairs.append(made if isinstance(made, tuple) else (made, None))
        return When(given=self, facts=tuple(pairs))


@frozen(kw_only=True)
class When:
    """What somebody tries to record.

    Attributes:
        given: the story so far.
        facts: with when they happened.
    """

    given: Given
    facts: tuple[Dated, ...]

    def then(self, *facts: Fact) -> Given:
        """Exactly these are recorded, in this order, and the story may go on.

        Raises:
            AssertionError: others are, or none.
        """
        before = len(self.given.ids)
        after = self.then_recorded()
        found = [after.ledger.entry(each).fact for each in after.ids[before:]]
        _must(found == list(facts), f"recorded: {found}, not {list(facts)}")
        return after

    def then_recorded(self) -> Given:
        """All of it is recorded, in order and to the letter, and the story may go on.

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
        """It is refused for one reason; nothing is written, and the story may go on.

        Args:
            code: the refusal's code.
            words: what its sentence names.
            because: the numbers of the entries told before that caused it, from 0; None where
                that does not matter.

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
        """All of it is refused, for every one of these reasons: index in the batch, and code.

        Raises:
            AssertionError: it is recorded, or refused for others.
        """
        found = [(refusal.index, refusal.code) for refusal in self.refusals()]
        _must(found == list(expected), f"refused for {found}, not {list(expected)}")
        return self.given

    def refusals(self) -> tuple[Refusal, ...]:
        """Return every refusal; nothing may have been written.

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
