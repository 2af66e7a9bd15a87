"""Backtests and sweeps of a ledger.

They need the extra ``replay``: `reps_ledger.replay` is imported only when one is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from attrs import evolve

from reps_ledger.domain.time import FIRST
from reps_ledger.errors import MissingExtra
from reps_ledger.ledger.core import Core, Moment
from reps_ledger.policies.outcomes import outcomes_through
from reps_ledger.policies.policy import Policy
from reps_ledger.policies.subject import Previous
from reps_ledger.policies.verdicts import Verdict
from reps_ledger.views import View
from reps_ledger.views.evaluator import PolicyEvaluator

if TYPE_CHECKING:
    from reps_ledger.replay import Agreement, Backtest, Compared, Sweep


Progress = Callable[[int, int], None]


def backtest(  # noqa: PLR0917 — all that a backtest is asked with
    core: Core,
    policy: Policy | str,
    at: Iterable[date],
    against: Policy | str | None,
    known_at: Moment,
    on_progress: Progress | None,
) -> Backtest:
    """Run a policy over columns at review dates, beside another one or beside decisions."""
    try:
        from reps_ledger.replay.backtest import backtest as run
        from reps_ledger.replay.backtest import resolved
    except ImportError as error:
        raise MissingExtra("replay", "a backtest") from error
    view = core.as_of(known_at=known_at)
    found = view.policy(policy)
    decisions = against == "decisions"
    other = None if against is None or decisions else view.policy(against)
    known = core.columns(view.known_at)
    dates = resolved(at, view.zone)
    second: Policy | Literal["decisions"] | None = "decisions" if decisions else other
    done = run(found, known, dates, view.zone, second, on_progress)
    done = evolve(done, explain=_explainer(view, dates))
    return evolve(done, agreement=agree(core, found, view.known_at)) if decisions else done


def _explainer(view: View, dates: Sequence[datetime]) -> Callable[[Policy, str, datetime], Verdict]:
    """Return what evaluates a policy by the reference, at a review date among others."""
    evaluator = PolicyEvaluator(view.reading, view.zone)

    def explain(policy: Policy, member: str, at: datetime) -> Verdict:
        previous = Previous("", FIRST)
        earlier = [date for date in dates if date < at]
        for date_, outcome in outcomes_through(policy, evaluator.member(member, at), earlier):
            previous = previous.then(outcome, date_)
        return evaluator.evaluate(policy, member, at, previous)

    return explain


def sweep(  # noqa: PLR0917 — all that a sweep is asked with
    core: Core,
    make: Callable[..., Policy],
    parameters: Mapping[str, Iterable[object]],
    at: Iterable[date],
    known_at: Moment,
    on_progress: Progress | None,
) -> Sweep:
    """Run the policy that a function makes of each combination of parameters."""
    try:
        from reps_ledger.replay.backtest import resolved
        from reps_ledger.replay.sweep import sweep as run
    except ImportError as error:
        raise MissingExtra("replay", "a sweep") from error
    view = core.as_of(known_at=known_at)
    dates = resolved(at, view.zone)
    known = core.columns(view.known_at)
    return run(make, parameters, known, dates, view.zone, on_progress, check=view.policy)


def agree(core: Core, policy: Policy | str, known_at: Moment) -> Agreement:
    """Compare a policy with what people decided in reviews under its name."""
    try:
        from reps_ledger.replay.backtest import Agreement
    except ImportError as error:
        raise MissingExtra("replay", "an agreement") from error
    view = core.as_of(known_at=known_at)
    return Agreement(compared=tuple(_compared(core, view.policy(policy), view)))


def _compared(core: Core, policy: Policy, view: View) -> Iterator[Compared]:
    from reps_ledger.replay.backtest import Compared

    opened: dict[str, datetime | None] = {}
    for entry in view.history():
        fact = entry.fact
        if entry.name == "review.opened" and fact.policy == policy.name:
            opened[fact.review] = fact.as_of
        elif entry.name == "review.decided" and fact.review in opened:
            when = fact.as_of or opened[fact.review] or entry.occurred_at
            then = core.as_of(when, known_at=view.known_at)
            yield Compared(
                review=fact.review,
                member=fact.member,
                at=when,
                decided=fact.outcome,
                outcome=then.evaluate(policy, fact.member).outcome,
            )
