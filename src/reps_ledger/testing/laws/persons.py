"""Laws about people: others do not matter, nobody is dropped, and promises to them are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reps_ledger.domain.entries import people_in
from reps_ledger.domain.facts import MemberRetired
from reps_ledger.domain.time import day_start
from reps_ledger.policies import Policy, is_member
from reps_ledger.policies import months as in_months
from reps_ledger.policies.language.conditions import holds
from reps_ledger.projections import membership, project
from reps_ledger.testing.laws.law import Broken, Promises, law
from reps_ledger.testing.recorded import Told, tell_all
from reps_ledger.testing.situations import Judge, Situation, judged, words_of
from reps_ledger.testing.surroundings import Everybody

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reps_ledger.domain.entries import Entry
    from reps_ledger.policies import Subject

__all__ = [
    "absence_never_helps",
    "always_a_member",
    "grandfathering",
    "isolation",
    "more_never_hurts",
]

_MONTH = in_months(1)
_A_YEAR = 12


def _of_members(judge: Judge, _promises: Promises) -> str:
    whole = isinstance(judge, Policy) and judge.of == "community"
    return "it is about communities" if whole else ""


@law(
    "What strangers do, who are never named together with the member, changes nothing.", _of_members
)
def isolation(judge: Judge, situation: Situation, _promises: Promises) -> Broken | None:
    """Judge with strangers' facts, and without."""
    known = situation.known
    named = [(entry, set(people_in(entry.fact, known.registry))) for entry in known.standing]
    near = {situation.who}.union(*(people for _, people in named if situation.who in people))
    kept = [entry for entry, people in named if not people or people & near]
    if len(kept) == len(named):
        return None
    return _differs(
        judge,
        situation,
        kept,
        "what strangers did changes it",
        ("with what strangers did", "without"),
    )


@law("Whoever joined is a member at every later instant, whatever is decided of them.", _of_members)
def always_a_member(judge: Judge, situation: Situation, _promises: Promises) -> Broken | None:
    """Retire the member too, then judge: they are a member still, and there is an outcome."""
    known = situation.known
    joined = situation.subject(judge).dossier.joined
    if joined is None or joined.occurred_at > situation.at:
        return None
    retired = tell_all(
        Told(MemberRetired(member=situation.who, how="removed"), situation.at),
        facts=known.facts,
        zone=known.zone,
    )
    entries = [*known.standing, *retired.entries]
    subject = situation.subject(judge, Everybody(entries, known.registry))
    state = project(membership(situation.who, known.zone), subject.dossier.entries)
    outcome = judged(judge, subject)
    if (
        state.joined_at is not None
        and holds(is_member(), subject)
        and isinstance(outcome, str)
        and outcome
    ):
        return None
    return Broken("a member is no member any more", {"once retired": words_of(judge, subject)})


def _promises_more(judge: Judge, promises: Promises) -> str:
    if not promises.more:
        return "it does not promise that"
    return "" if _scale(judge, promises) else "its outcomes have no order"


@law("Another fact of a kind that it names never makes the outcome worse.", _promises_more)
def more_never_hurts(judge: Judge, situation: Situation, promises: Promises) -> Broken | None:
    """Leave out each such fact in turn: the outcome may not be better without it."""
    scale = _scale(judge, promises)
    known = situation.known
    now = judged(judge, situation.subject(judge))
    for entry in known.standing:
        if entry.name not in promises.more or entry.occurred_at > situation.at:
            continue
        if getattr(entry.fact, "member", None) != situation.who:
            continue
        kept = [each for each in known.standing if each.id != entry.id]
        without = situation.subject(judge, Everybody(kept, known.registry))
        before = judged(judge, without)
        if scale.index(now) > scale.index(before):
            return Broken(
                f"another {entry.name} makes it worse",
                {
                    f"with all of them: the {entry.name} of {entry.occurred_at.date()} too": (
                        words_of(judge, situation.subject(judge))
                    ),
                    "without that one": words_of(judge, without),
                },
            )
    return None


def _promises_absence(judge: Judge, promises: Promises) -> str:
    if not promises.absence:
        return "it does not promise that"
    return "" if _scale(judge, promises) else "its outcomes have no order"


@law(
    "Another month, or a year, without anything never makes the outcome better.", _promises_absence
)
def absence_never_helps(judge: Judge, situation: Situation, promises: Promises) -> Broken | None:
    """Let months pass in which nothing happens, one after another for a year."""
    scale = _scale(judge, promises)
    known = situation.known
    past = [entry for entry in known.standing if entry.occurred_at <= situation.at]
    around = Everybody(past, known.registry, known.amendments.readings)
    before = situation.subject(judge, around)
    for _ in range(_A_YEAR):
        after = before.moved(_MONTH.after(before.at, known.zone))
        if scale.index(judged(judge, after)) < scale.index(judged(judge, before)):
            return Broken(
                "a month of absence makes it better",
                {
                    f"on {before.at.date()}": words_of(judge, before),
                    "a month later": words_of(judge, after),
                },
            )
        before = after
    return None


def _promises_to_keep(judge: Judge, promises: Promises) -> str:
    if promises.keeps is None:
        return "it grandfathers nobody"
    return "" if _scale(judge, promises) else "its outcomes have no order"


@law(
    "Whoever joined before the date never comes to a worse outcome than promised.",
    _promises_to_keep,
)
def grandfathering(judge: Judge, situation: Situation, promises: Promises) -> Broken | None:
    """Judge whoever was there before the date."""
    assert promises.keeps is not None, "it is not asked otherwise"  # noqa: S101
    day, worst = promises.keeps
    subject = situation.subject(judge)
    joined = subject.dossier.joined
    if joined is None or joined.occurred_at >= day_start(day, situation.zone):
        return None
    if joined.occurred_at > situation.at:
        return None
    scale = _scale(judge, promises)
    if scale.index(judged(judge, subject)) <= scale.index(worst):
        return None
    return Broken(
        f"whoever joined before {day} was promised {worst!r} at worst",
        {"judged": words_of(judge, subject)},
    )


def _scale(judge: Judge, promises: Promises) -> tuple[str, ...]:
    if promises.outcomes:
        return promises.outcomes
    return judge.scale if isinstance(judge, Policy) else ()


def _differs(
    judge: Judge,
    situation: Situation,
    kept: Iterable[Entry],
    words: str,
    called: tuple[str, str],
) -> Broken | None:
    known = situation.known
    subject: Subject = situation.subject(judge)
    other = situation.subject(judge, Everybody(kept, known.registry, known.amendments.readings))
    if judged(judge, other) == judged(judge, subject):
        return None
    return Broken(words, {called[0]: words_of(judge, subject), called[1]: words_of(judge, other)})
