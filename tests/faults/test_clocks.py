"""Clocks that jump by 400 days, both ways: what is known, and as of when, does not move."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from histories import PEOPLE, Offer, fill, histories, open_ledger
from scale import times

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import reps_ledger as rl
    from faults.harness import Tell

STEADY: Final = datetime(2041, 1, 1, tzinfo=UTC)
JUMPS: Final = (400, -400, 0, 399, -1)


def jumping(jumps: Sequence[int]) -> Callable[[], datetime]:
    """A clock that is wrong by another number of days each time it is asked."""
    wrong = cycle(jumps)
    return lambda: STEADY + timedelta(days=next(wrong))


def filled(told: list[Offer], clock: Callable[[], datetime]) -> rl.Ledger:
    """Record what the rules allow, under a clock; each fact has a date and an id of its own."""
    ledger = open_ledger(clock=clock)
    dated = [offer for offer in told if offer.at is not None or offer.target is not None]
    fill(ledger, dated, commands=True)
    return ledger


def answers(ledger: rl.Ledger, known_at: int) -> list[Any]:
    """What a ledger answers of a few dates, as known at a position; who recorded when apart."""
    found: list[Any] = []
    for day in (date(2018, 1, 1), date(2018, 4, 2), date(2018, 12, 31)):
        view = ledger.as_of(day, known_at=known_at)
        found.append([replace(entry, recorded_at=STEADY) for entry in view.history()])
        found.append(view.census(by="standing"))
        found += [view.member(person).membership for person in PEOPLE]
        found += [view.member(person).roles for person in PEOPLE]
    return found


def test_as_of_answers_do_not_move(tell: Tell) -> None:
    """What was true, as known at each position, is the same as under a steady clock."""
    entries = 0

    @settings(max_examples=times(40, 2_000))
    @given(histories(80), st.lists(st.sampled_from(JUMPS), min_size=1, max_size=5))
    def search(told: list[Offer], jumps: list[int]) -> None:
        nonlocal entries
        steady, wild = filled(told, lambda: STEADY), filled(told, jumping(jumps))
        assert steady.position == wild.position
        entries += steady.position
        for position in {steady.position, steady.position // 2}:
            assert answers(steady, position) == answers(wild, position)

    search()
    tell(f"clocks that jump by up to 400 days: {entries:,} entries, the same answers")
    assert entries > 0
