"""Laws of steadiness: the same again, whatever comes later, in any order, at any date."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, fields
from msgspec.structs import replace

from reps_ledger.domain.time import LAST
from reps_ledger.policies import Policy
from reps_ledger.policies.language.selections import Facts
from reps_ledger.policies.language.walking import parts
from reps_ledger.policies.language.widths import Width
from reps_ledger.testing.laws.law import Broken, Promises, law
from reps_ledger.testing.recorded import Recorded
from reps_ledger.testing.situations import Judge, Situation, judged, words_of
from reps_ledger.testing.strategies.vocabulary import days_in
from reps_ledger.testing.surroundings import Everybody
from reps_ledger.views.judging import Judging

if TYPE_CHECKING:
    from reps_ledger.domain.entries import Entry
    from reps_ledger.ledger import Ledger
    from reps_ledger.policies import Subject

__all__ = ["append_stability", "determinism", "no_hindsight", "order_independence", "timelessness"]

_TIMES: Final = 4
_YEARS: Final = 28
"""After so many years the calendar of this century repeats: days of the week, leap days."""

_LATEST: Final = datetime(2070, 1, 1, tzinfo=UTC)


@law("Judged again from the same history, the outcome is the same.")
def determinism(judge: Judge, situation: Situation, _promises: Promises) -> Broken | None:
    """Judge several times, of copies of what is known."""
    history = situation.known
    said = [
        judged(
            judge,
            situation.subject(
                judge, Everybody(history.standing, history.registry, history.amendments.readings)
            ),
        )
        for _ in range(_TIMES)
    ]
    if len(set(said)) == 1:
        return None
    return Broken("judged again, it says something else", {"one after another": ", ".join(said)})


def _dated(judge: Judge, _promises: Promises) -> str:
    if isinstance(judge, Policy) and days_in(judge):
        return "it names dates of the calendar"
    return ""


@law("28 years later, when the calendar is the same, the outcome is the same.", _dated)
def timelessness(judge: Judge, situation: Situation, _promises: Promises) -> Broken | None:
    """Move everything by 28 years: what reads a clock of its own is found out."""
    known = evolve(situation.known.settled(), zone=UTC)  # other zones had other rules then
    now = Situation(history=known, who=situation.who, at=situation.at)
    later = situation.at, *(entry.occurred_at for entry in known)
    if max(later) >= _LATEST:
        return None
    moved = known.of(replace(e, occurred_at=_moved(e.occurred_at), fact=_fact(e)) for e in known)
    then = Situation(history=moved, who=situation.who, at=_moved(situation.at))
    one, other = now.subject(judge), then.subject(judge)
    if judged(judge, one) == judged(judge, other):
        return None
    return Broken(
        f"moved by {_YEARS} years, the same history is judged otherwise",
        {
            "as it is": words_of(judge, one),
            f"{_YEARS} years later": words_of(judge, other),
        },
    )


def _moved(instant: datetime) -> datetime:
    return instant.replace(year=instant.year + _YEARS)


def _fact(entry: Entry) -> Any:
    changes = {
        attribute.name: _moved(value)
        for attribute in fields(type(entry.fact))
        if isinstance(value := getattr(entry.fact, attribute.name), datetime)
    }
    return evolve(entry.fact, **changes) if changes else entry.fact


@law("What happens after the instant, or is recorded after the position, changes nothing.")
def no_hindsight(judge: Judge, situation: Situation, _promises: Promises) -> Broken | None:
    """Judge with what came later, and without."""
    known = situation.known
    now = judged(judge, situation.subject(judge))
    horizon = _horizon(judge, situation)
    past = [entry for entry in known.standing if entry.occurred_at <= horizon]
    if len(past) < len(known.standing):
        without = situation.subject(
            judge, Everybody(past, known.registry, known.amendments.readings)
        )
        if judged(judge, without) != now:
            return Broken(
                "what happened later changes it",
                {
                    "with what happened later": words_of(judge, situation.subject(judge)),
                    "without": words_of(judge, without),
                },
            )
    if situation.known_at >= len(situation.history):
        return None
    with situation.history.ledger() as ledger:
        seen = _seen(ledger, judge, situation)
        if judged(judge, seen) != now:
            return Broken(
                "what was recorded later changes it",
                {
                    "as known then, in a ledger that knows more": words_of(judge, seen),
                    "in a ledger that knows no more": words_of(judge, situation.subject(judge)),
                },
            )
    return None


def _horizon(judge: Judge, situation: Situation) -> datetime:
    """Return up to when things count: windows that look ahead say so."""
    found = [situation.at]
    for part in parts(judge.cases) if isinstance(judge, Policy) else ():
        ahead = getattr(part, "ahead", None)
        if isinstance(ahead, Width):
            found.append(ahead.after(situation.at, situation.zone))
        if isinstance(part, Facts) and any(item.name == "announced" for item in part.where):
            found.append(LAST)
    return max(found)


def _seen(ledger: Ledger, judge: Judge, situation: Situation) -> Subject:
    """Return who is judged, as a ledger shows them."""
    view = ledger.as_of(situation.at, situation.known_at)
    judging = Judging(view.reading, situation.zone)
    if isinstance(judge, Policy) and judge.of == "community":
        subject = judging.member(situation.who, situation.at)
        return subject.of(subject.others.community(situation.who))
    return judging.member(situation.who, situation.at)


@law("What was said as known at a position stays so, however much is recorded after it.")
def append_stability(judge: Judge, situation: Situation, _promises: Promises) -> Broken | None:
    """Ask a ledger, let it grow, and ask it again as of then."""
    if situation.known_at >= len(situation.history):
        return None
    with situation.known.ledger() as before, situation.history.ledger() as after:
        one, other = (_seen(each, judge, situation) for each in (before, after))
        if judged(judge, one) == judged(judge, other):
            return None
        return Broken(
            "recording more changed what it said as known before",
            {"before": words_of(judge, one), "after": words_of(judge, other)},
        )


@law("The order in which things were recorded, and importing them twice, change nothing.")
def order_independence(judge: Judge, situation: Situation, _promises: Promises) -> Broken | None:
    """Number the entries as they happened, and the other way around; those of one instant stay."""
    known = situation.known.settled()
    instants = sorted({entry.occurred_at for entry in known})
    turned = [
        known.of(e for at in order for e in known if e.occurred_at == at)
        for order in (instants, instants[::-1])
    ]
    one, *others = (
        Situation(history=each, who=situation.who, at=situation.at).subject(judge)
        for each in (known, *turned)
    )
    for other in others:
        if judged(judge, one) != judged(judge, other):
            return Broken(
                "recorded in another order, the same history is judged otherwise",
                {"in this order": words_of(judge, one), "in another": words_of(judge, other)},
            )
    return _twice(judge, situation)


def _twice(judge: Judge, situation: Situation) -> Broken | None:
    """Import what is known, and import it again."""
    known = situation.known
    rows = known.rows()
    with Recorded((), known.facts, known.zone).ledger() as ledger:
        said = []
        for _ in range(2):
            report = ledger.import_history(rows)
            if report.recorded + report.known < len(rows):
                return None  # what rules refused once they may allow the next time
            seen = evolve(situation, known_at=ledger.position)
            said.append(judged(judge, _seen(ledger, judge, seen)))
    if said[0] == said[1]:
        return None
    return Broken(
        "imported twice, the same history is judged otherwise", {"once and twice": str(said)}
    )
