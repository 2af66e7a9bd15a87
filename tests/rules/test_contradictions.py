"""What an entry contradicts is found from its place on: the same as by judging whole histories again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

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


@examples(2)
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
