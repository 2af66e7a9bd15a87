"""Needs: whether a condition may still become otherwise, and how to say what is missing."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from reps_ledger.policies.evaluation import edges_after
from reps_ledger.policies.language.bodies import LargestShare, Members
from reps_ledger.policies.language.clocks import Tenure, TimeSince
from reps_ledger.policies.language.counts import Count, Distinct, Total
from reps_ledger.policies.language.learned import Completed, OnOrAfter
from reps_ledger.policies.language.measures import ClockMeasure, Compare, Measure
from reps_ledger.policies.language.people import Held, IsMember, Joined
from reps_ledger.policies.language.shares import Missed, Share

if TYPE_CHECKING:
    from datetime import datetime

    from reps_ledger.policies.language.conditions import Leaf
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


def _by_recording(leaf: Leaf, subject: Subject, *, wanted: bool) -> bool:
    match leaf:
        case Compare(measure, operator):
            more = (operator in _MORE) == wanted
            if isinstance(measure, ClockMeasure):
                return _clock(measure, subject, longer=more)
            return _number(measure, subject, more=more or operator == "exactly")
        case IsMember() | Held() | Completed():
            return wanted
        case Joined(before=before):
            late = before is not None and subject.at.astimezone(subject.zone).date() >= before
            return wanted and subject.dossier.joined is None and not late
        case OnOrAfter():
            return False
    return True


def _clock(measure: ClockMeasure, subject: Subject, *, longer: bool) -> bool:
    begun = measure.measure(subject).value is not None
    match measure:
        case TimeSince(which=which):
            return not longer and (which == "last" or not begun)
        case Tenure(role=role):
            return not begun if longer else role is not None
    return not longer


def _number(measure: Measure, subject: Subject, *, more: bool) -> bool:
    match measure:
        case Count(facts=facts, within=within) | Distinct(facts=facts, within=within):
            return _open(within, subject) if more else facts.lasting
        case Total(facts=facts, within=within):
            return _open(within, subject) if more else facts.lasting
        case Share(own=own):
            return _open(own.within, subject) if more else True
        case Missed() | Members() | LargestShare():
            return True
    return True  # pragma: no cover — there is no other


def _open(within: Window, subject: Subject) -> bool:
    """Whether what happens now would count."""
    bounds = within.bounds(subject)
    return bounds is not None and bounds.end == subject.at


def missing_words(leaf: Leaf, missing: int | Fraction | None, *, wanted: bool) -> str:
    """Say what would have to be otherwise."""
    if isinstance(leaf, Compare) and missing is not None and missing != 0:
        number = abs(missing)
        said: Any = f"{float(number):,.4g}" if isinstance(number, Fraction) else f"{number:,}"
        more = "more" if missing > 0 else "fewer"
        measure = leaf.measure
        what = (
            measure.counted(1 if number == 1 else 2)
            if isinstance(measure, Count)
            else measure.words()
        )
        return f"{said} {more} {what}"
    return leaf.words() if wanted else leaf.denial()


def first_time(leaf: Leaf, subject: Subject, *, wanted: bool) -> datetime | None:
    """Return when a condition becomes so by time alone; None where it never does."""
    for edge in edges_after([leaf], subject):
        if leaf.find(subject.moved(edge)).holds == wanted:
            return edge
    return None
