"""Needs: whether a condition may still become otherwise, and how to say what is missing."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from reps_ledger.policies.evaluation import edges_after
from reps_ledger.policies.language.anchored import Following, Preceding, SinceLast
from reps_ledger.policies.language.belonging import WithAccount
from reps_ledger.policies.language.clocks import Tenure, TimeSince
from reps_ledger.policies.language.counts import Count, Distinct, Total
from reps_ledger.policies.language.learned import Completed, OnOrAfter
from reps_ledger.policies.language.measures import ClockMeasure, Compare, Measure
from reps_ledger.policies.language.nouns import number_words
from reps_ledger.policies.language.people import Held, IsMember, Joined
from reps_ledger.policies.language.shares import Share
from reps_ledger.policies.language.windows import Between, day_after

if TYPE_CHECKING:
    from datetime import datetime

    from reps_ledger.policies.language.conditions import Leaf
    from reps_ledger.policies.language.selections import Facts
    from reps_ledger.policies.language.windows import Window
    from reps_ledger.policies.subject import Subject

__all__ = ["first_time", "may_become", "missing_words"]

_MORE = frozenset({"at_least", "more_than"})


def may_become(leaf: Leaf, subject: Subject, *, wanted: bool) -> bool:
    """Return whether a condition may become so: by time alone, or by what may be recorded.

    What began cannot have begun otherwise: nobody joins before a day that has passed, and
    nobody who completed a course has not.
    """
    if _by_recording(leaf, subject, wanted=wanted):
        return True
    return first_time(leaf, subject, wanted=wanted) is not None


def _by_recording(leaf: Leaf, subject: Subject, *, wanted: bool) -> bool:  # noqa: PLR0911 — one a kind
    joined = subject.dossier.joined
    match leaf:
        case Compare(measure, "exactly"):
            found = leaf.find(subject)
            value: Any = found.value
            ways = {value < found.threshold} if wanted else {True, False}
            return any(_number(measure, subject, more=more) for more in ways)
        case Compare(measure, operator):
            more = (operator in _MORE) == wanted
            if isinstance(measure, ClockMeasure):
                return _clock(measure, subject, longer=more)
            return _number(measure, subject, more=more)
        case IsMember() | Held() | Completed():
            return wanted
        case WithAccount(provider=None):
            return wanted or joined is None or joined.fact.account is None
        case Joined(before=before):
            late = before is not None and subject.at.astimezone(subject.zone).date() >= before
            return wanted and joined is None and not late
        case OnOrAfter():
            return False
    return True


def _clock(measure: ClockMeasure, subject: Subject, *, longer: bool) -> bool:
    begun = measure.measure(subject).value is not None
    match measure:
        case TimeSince(which=which):
            return not longer and (which == "last" or not begun)
        case Tenure():  # what began goes on: to end a role in order to begin it anew is no way
            return longer and not begun
    return not begun or not longer


def _number(measure: Measure, subject: Subject, *, more: bool) -> bool:
    match measure:
        case Count(facts=facts, within=within) | Distinct(facts=facts, within=within):
            return _open(within, subject) if more else _may_lessen(facts, within)
        case Total(facts=facts, within=within):
            return _open(within, subject) if more else _may_lessen(facts, within)
        case Share(own=own):
            lessens = not more and _may_lessen(own.facts, own.within)
            return lessens or _open(own.within, subject)  # others may add to the total
    return True


def _open(within: Window, subject: Subject) -> bool:
    """Whether what happens from now on may count."""
    match within:
        case Between(until=until):
            return until is None or subject.at < day_after(until, subject.zone)
        case Following(which="first") | Preceding(which="first"):
            bounds = within.bounds(subject)
            return bounds is None or bounds.end == subject.at
    return True


def _may_lessen(facts: Facts, within: Window) -> bool:
    """Whether what counts may come to count no longer: it ends, is verified, or left behind."""
    anchored = isinstance(within, SinceLast) or (
        isinstance(within, Following | Preceding) and within.which == "last"
    )
    return facts.lasting or facts.verified is False or anchored


def missing_words(leaf: Leaf, missing: int | Fraction | None, *, wanted: bool) -> str:
    """Say what would have to be otherwise."""
    if isinstance(leaf, Compare) and missing is not None and missing != 0:
        number: Any = abs(missing)
        measure: Any = leaf.measure
        if isinstance(missing, Fraction):
            more = "more" if missing > 0 else "less"
            return f"{number_words(number)} {more} in {measure.words()}"
        more = "more" if missing > 0 else "fewer"
        return f"{number_words(number)} {more} {measure.counted(1 if number == 1 else 2)}"
    return leaf.words() if wanted else leaf.denial()


def first_time(leaf: Leaf, subject: Subject, *, wanted: bool) -> datetime | None:
    """Return when a condition becomes so by time alone; None where it never does."""
    for edge in edges_after([leaf], subject):
        if leaf.find(subject.moved(edge)).holds == wanted:
            return edge
    return None
