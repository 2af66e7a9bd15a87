"""Laws of truth: what a verdict says of itself, of its future, and of what was missing, is so."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from importlib.util import find_spec
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from attrs import fields

from reps_ledger.domain.time import LAST, day_start
from reps_ledger.errors import InvalidPolicy, TooLarge
from reps_ledger.policies import Policy, Subject, decide, digest, dumps, evaluate, loads
from reps_ledger.policies.evaluation import outcome_of, outcomes_through
from reps_ledger.policies.language.conditions import truth
from reps_ledger.testing.laws.law import Broken, Promises, law, outcomes_of
from reps_ledger.testing.situations import Judge, Situation, judged, words_of
from reps_ledger.testing.strategies.vocabulary import days_in, widths_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reps_ledger.policies import Way
    from reps_ledger.policies.language.conditions import Leaf

__all__ = [
    "document_round_trip",
    "explanation_soundness",
    "kernel_agreement",
    "lapses_come_true",
    "shortfalls_suffice",
    "totality",
]

_TICK: Final = timedelta(microseconds=1)
_PROBES: Final = 80
_NEEDS: Final = 4


def _unless_policy(judge: Judge, _promises: Promises) -> str:
    return "" if isinstance(judge, Policy) else "a function explains nothing"


def _unless_known(judge: Judge, promises: Promises) -> str:
    return "" if outcomes_of(judge, promises) else "nobody said which outcomes it has"


@law(
    "Of any history, however illegal, there is an outcome, and the scale has a place for it.",
    _unless_known,
)
def totality(judge: Judge, situation: Situation, promises: Promises) -> Broken | None:
    """Judge, and look the outcome up."""
    expected = outcomes_of(judge, promises)
    try:
        outcome: Any = judged(judge, situation.subject(judge))
    except Exception as error:  # noqa: BLE001 — whatever a function raises, it is no outcome
        return Broken("it raises an error", {"the error": f"{type(error).__name__}: {error}"})
    if outcome in expected:
        return None
    return Broken(f"{outcome!r} is none of its outcomes", {"those": ", ".join(expected)})


@law("The findings of a verdict alone give its outcome.", _unless_policy)
def explanation_soundness(judge: Judge, situation: Situation, _promises: Promises) -> Broken | None:
    """Decide again by the findings, as they are written down."""
    policy = _policy(judge)
    verdict = evaluate(policy, situation.subject(policy))
    try:
        outcome = decide(policy, verdict.findings)
    except KeyError as error:
        return Broken(f"a finding is missing: {error}", {"the verdict": verdict.words()})
    known = {entry.id for entry in situation.known}
    if outcome == verdict.outcome and set(verdict.evidence) <= known:
        return None
    return Broken(
        "its findings do not explain it", {"the verdict": verdict.words(), "they give": outcome}
    )


@law("Nothing changes by itself before `lapses_at`; then it is `lapses_to`.", _unless_policy)
def lapses_come_true(judge: Judge, situation: Situation, _promises: Promises) -> Broken | None:
    """Judge at instants before it, at it, and where there is none, at many later ones."""
    policy = _policy(judge)
    subject = situation.subject(policy)
    verdict = evaluate(policy, subject)
    change = verdict.change
    said = "never" if change is None else f"{change.outcome!r} at {change.at.isoformat()}"
    if change is not None and outcome_of(policy, subject.moved(change.at)) != change.outcome:
        return Broken("it does not lapse as it says", {"the verdict": verdict.words()})
    for instant in _probes(policy, subject, change.at if change is not None else LAST):
        found = outcome_of(policy, subject.moved(instant))
        if found != verdict.outcome:
            return Broken(
                f"it says that it will be {said}, and is {found!r} at {instant.isoformat()}",
                {"the verdict": verdict.words()},
            )
    return None


def _probes(policy: Policy, subject: Subject, end: datetime) -> list[datetime]:
    """Return instants before an end at which things may change: of facts, a window later."""
    bases = {subject.at}
    for entry in subject.dossier.entries:
        bases.add(entry.occurred_at)
        for attribute in fields(type(entry.fact)):
            value = getattr(entry.fact, attribute.name)
            if isinstance(value, datetime):
                bases.add(value)
    zone = subject.zone
    found = set(bases)
    for base in bases:
        found |= {width.after(base, zone) for width in widths_in(policy)}
    found |= {day_start(day, zone) for day in days_in(policy)}
    near = {edge + ticks * _TICK for edge in found for ticks in (-1, 0, 1)}
    if end != LAST:
        near.add(end - _TICK)
    return sorted(instant for instant in near if subject.at < instant < end)[-_PROBES:]


@law(
    "Were all that a shortfall names otherwise, the outcome would be as good; less is not enough.",
    _unless_policy,
)
def shortfalls_suffice(judge: Judge, situation: Situation, _promises: Promises) -> Broken | None:
    """Turn the conditions of each way, and decide by the truths that come out."""
    policy = _policy(judge)
    subject = situation.subject(policy)
    verdict = evaluate(policy, subject)
    held = {leaf: leaf.find(subject).holds for leaf in policy.leaves()}
    for outcome in policy.outcomes:
        good = policy.at_least_as_good(outcome)
        with suppress(TooLarge):
            for way in verdict.shortfalls(outcome):
                wrong = _wrong(policy, subject, way, held, good)
                if wrong:
                    return Broken(
                        f'for "{outcome}" it asks for "{way}", and {wrong}',
                        {"the verdict": verdict.words()},
                    )
    return None


def _wrong(
    policy: Policy, subject: Subject, way: Way, held: dict[Leaf, bool], good: frozenset[str]
) -> str:
    needs = {need.condition: need.wanted for need in way.needs}
    if any(held[leaf] == wanted for leaf, wanted in needs.items()):
        return "some of that is so already"
    if _outcome(policy, {**held, **needs}) not in good:
        return "that is not enough"
    for size in range(len(needs) if len(needs) <= _NEEDS else 0):
        for some in combinations(needs.items(), size):
            if _outcome(policy, {**held, **dict(some)}) in good:
                return "less would do"
    for need in way.needs:
        if need.on is not None:
            then = need.condition.find(subject.moved(need.on)).holds
            if then != need.wanted:
                return f"does not come by itself on {need.on.date()}"
    return ""


def _outcome(policy: Policy, truths: dict[Leaf, bool]) -> str:
    for case, _ in policy.steps:
        if truth(case.when, truths.__getitem__):
            return case.outcome
    return policy.otherwise


def _unless_replayed(judge: Judge, promises: Promises) -> str:
    if why := _unless_policy(judge, promises):
        return why
    if _policy(judge).of != "member":
        return "it is about communities"
    if find_spec("numpy") is None or find_spec("pyarrow") is None:
        return "the extra `replay` is not installed"
    return ""


@law(
    "The replay kernel says of everyone, at every date, what evaluating them one by one says.",
    _unless_replayed,
)
def kernel_agreement(judge: Judge, situation: Situation, _promises: Promises) -> Broken | None:
    """Backtest the situation, at its instant and at others around."""
    from reps_ledger.testing.replayed import outcomes_by_kernel  # noqa: PLC0415

    policy = _policy(judge)
    known = situation.known
    instants = {entry.occurred_at for entry in known.standing}
    instants |= {situation.at, situation.at + timedelta(days=10), situation.at - timedelta(days=40)}
    dates: Sequence[datetime] = sorted(instants)
    try:
        found = outcomes_by_kernel(policy, known, dates)
    except InvalidPolicy:
        return None  # it asks for what columns do not hold, and says so
    around = known.everybody()
    for dossier in around.everyone():
        subject = Subject(dossier, dates[0], known.zone, around)
        joined = dossier.joined
        expected = [
            outcome if joined is not None and joined.occurred_at <= date else None
            for date, outcome in outcomes_through(policy, subject, dates)
        ]
        for date, one, other in zip(dates, expected, found[dossier.name], strict=True):
            if one != other:
                return Broken(
                    f"of {dossier.name} at {date.isoformat()} the kernel says {other!r}",
                    {"evaluated": words_of(policy, subject.moved(date))},
                )
    return None


@law(
    "As a document, TOML or JSON, it reads back equal, with its digest and its sentence.",
    _unless_policy,
)
def document_round_trip(judge: Judge, _situation: Situation, _promises: Promises) -> Broken | None:
    """Write the policy and read it."""
    policy = _policy(judge)
    for form in ("toml", "json"):
        again = loads(dumps(policy, form))
        if (again, digest(again), again.words()) != (policy, digest(policy), policy.words()):
            return Broken(f"as {form} it reads back otherwise", {"read back": again.words()})
    return None


def _policy(judge: Judge) -> Policy:
    assert isinstance(judge, Policy), "a law of policies is not asked of functions"  # noqa: S101
    return judge
