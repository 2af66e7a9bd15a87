"""What stories of the rules are told with, beside the kit's ``given(…).when(…).then(…)``."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

import reps_ledger as rl
from reps_ledger.testing.scenarios import NOW, Given, Saying, When, given

if TYPE_CHECKING:
    from collections.abc import Callable

    from reps_ledger.testing.scenarios import Dated, Ids

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
    "Saying",
    "When",
    "correct",
    "fixed_clock",
    "given",
    "joined",
    "merged",
    "retract",
]

NOON: Final = datetime(2018, 3, 1, 12, tzinfo=UTC)
JAN, FEB, MAR, APR, MAY, JUN, JUL, AUG, SEP, OCT, NOV, DEC = (date(2018, month, 1) for month in range(1, 13))


def fixed_clock() -> datetime:
    """Say what time it is in a story."""
    return NOW


def joined(*members: str, on: date = JAN) -> list[Saying]:
    """Tell that people joined, by default on 1 January 2018."""
    return [(rl.MemberJoined(member=member), on) for member in members]


def merged(member: str, duplicate: str, on: date = JUN) -> Saying:
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
