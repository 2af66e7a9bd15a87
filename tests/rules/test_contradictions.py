"""What an entry contradicts is found from its place on: the same as by judging whole histories again."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import example, given

import reps_ledger as rl
from histories import Offer, fill, histories, open_ledger
from reps_ledger.domain.rules import replay
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reps_ledger.domain.entries import Entry
    from reps_ledger.errors import Refusal


def caused(entry: Entry, runs: Iterable[tuple[Entry, list[Refusal], list[Refusal]]]) -> Counter[Any]:
    """Return which refusals an entry causes, of itself and of others, and how often."""
    found: Counter[Any] = Counter()
    for violator, refusals, before in runs:
        codes = Counter(refusal.code for refusal in refusals)
        if violator.id != entry.id:
            codes -= Counter(refusal.code for refusal in before)
        found.update({(violator.id, code): number for code, number in codes.items()})
    return found


BEN: Final = Offer(fact=rl.MemberJoined(member="ben"), at=date(2018, 1, 1), envelope={"by": "council"})
ONE_PERSON: Final = [
    BEN,
    attrs.evolve(BEN, fact=rl.MemberJoined(member="cleo")),
    Offer(fact=rl.MembersMerged(member="ben", duplicate="ana"), at=None, target=1, envelope={"by": "x"}),
    attrs.evolve(BEN, fact=rl.AccountLinked(member="ben", provider="git", account="octo")),
    Offer(fact=rl.MentorAssigned(member="ana", mentor="ben"), at=None, target=3, envelope={"by": "x"}),
]
"""A correction says that somebody guides themselves, as an earlier one made the two of them one."""


@examples(2)
@example(told=ONE_PERSON)
@given(told=histories())
def test_it_is_what_whole_histories_say(told: list[Offer]) -> None:
    """Of whatever is corrected or told late, with whatever came after it."""
    from_the_change_on = replay._from_the_change_on

    def both(entry: Entry, *known: Any) -> Iterator[Any]:
        found = [*from_the_change_on(entry, *known)]
        assert caused(entry, found) == caused(entry, replay._whole_histories(entry, *known))
        return iter(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "_from_the_change_on", both)
        fill(open_ledger(), told)


def test_nobody_is_told_to_guide_themselves_in_the_place_of_a_merge() -> None:
    """The rule holds for a correction of a merge too: there whole histories are judged again."""
    with open_ledger() as ledger:
        for name in ("ana", "ben", "cleo"):
            ledger.record(rl.MemberJoined(member=name), by="council", occurred_at=date(2018, 1, 1))
        ledger.record(rl.MembersMerged(member="ben", duplicate="ana"), by="council")
        merged = ledger.record(rl.MembersMerged(member="ben", duplicate="cleo"), by="council")
        guided = rl.MentorAssigned(member="ana", mentor="ben")
        with pytest.raises(rl.Refused) as refused:
            ledger.record(rl.EntryCorrected(target=merged.id, replacement=guided, reason="x"), by="council")
        assert refused.value.codes == ("self_mentor",)
