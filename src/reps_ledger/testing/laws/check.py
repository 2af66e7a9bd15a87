"""Checks of policies: each law, in as many situations as Hypothesis makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen
from hypothesis import HealthCheck, Phase, find
from hypothesis import given as given_hypothesis
from hypothesis import settings as Settings  # noqa: N812 — a class, whatever its case
from hypothesis.errors import Flaky, NoSuchExample
from hypothesis.strategies import SearchStrategy

from reps_ledger.domain.arguments import checked
from reps_ledger.domain.facts import Fact
from reps_ledger.errors import InvalidInput
from reps_ledger.policies import Policy
from reps_ledger.policies.lint import warnings
from reps_ledger.testing.history import History
from reps_ledger.testing.laws.laws import (
    NOTHING,
    Broken,
    Law,
    LawBroken,
    Promises,
    absence_never_helps,
    always_a_member,
    append_stability,
    determinism,
    document_round_trip,
    explanation_soundness,
    grandfathering,
    isolation,
    kernel_agreement,
    lapses_come_true,
    law,
    more_never_hurts,
    no_hindsight,
    order_independence,
    outcomes_of,
    shortfalls_suffice,
    timelessness,
    totality,
)
from reps_ledger.testing.situations import PolicyLike, Situation, judged, minimised, situations

_FARTHER: Final = 10
"""How many times as many histories are tried for an outcome that has not come up."""


def _unless_listed(judge: PolicyLike, promises: Promises) -> str:
    return "" if outcomes_of(judge, promises) else "nobody said which outcomes it has"


@law("Every outcome has a history that reaches it; one that has none is dead.", _unless_listed)
def reachability(_judge: PolicyLike, _situation: Situation, _promises: Promises) -> Broken | None:
    """Find nothing in a single situation: `check_policy` looks at all of them together."""
    return None


POLICY_LAWS: Final[tuple[Law, ...]] = (
    totality,
    determinism,
    timelessness,
    no_hindsight,
    append_stability,
    order_independence,
    isolation,
    always_a_member,
    more_never_hurts,
    absence_never_helps,
    grandfathering,
    explanation_soundness,
    lapses_come_true,
    shortfalls_suffice,
    kernel_agreement,
    document_round_trip,
    reachability,
)
"""Every law of policies, the plainest first; to parametrise tests with."""


@frozen(kw_only=True)
class Checked:
    """What was checked.

    Attributes:
        laws: the names of the laws that held.
        spared: why others were not checked, by their names.
        situations: in how many situations.
        reached: how often each outcome came up.
    """

    laws: tuple[str, ...]
    spared: Mapping[str, str]
    situations: int
    reached: Mapping[str, int]

    def __str__(self) -> str:
        held = f"{len(self.laws)} laws hold in {self.situations} situations"
        spared = [f"  {name} was not asked: {why}" for name, why in self.spared.items()]
        return "\n".join([held, *spared])


@checked
def check_policy(
    policy: PolicyLike,
    *,
    about: object = None,
    histories: SearchStrategy[History] | None = None,
    settings: Settings | None = None,
    facts: Iterable[type[Fact]] = (),
    promises: Promises = NOTHING,
    except_for: Mapping[str, str] = MappingProxyType({}),
    laws: Iterable[Law] = POLICY_LAWS,
    examples: Iterable[Situation] = (),
) -> Checked:
    """Check that a policy obeys every law, in as many situations as Hypothesis makes.

    Args:
        policy: a policy; or any function of a `Subject` that returns an outcome.
        about: what reads the facts that come in histories: a policy, a condition or a selection;
            by default the policy itself; for a function, facts of every kind come.
        histories: on which histories; by default legal ones mostly, with facts that the policy
            reads.
        settings: Hypothesis's; its current ones by default, without a deadline.
        facts: the service's own kinds of fact.
        promises: what the policy promises beside the laws for all.
        except_for: why it rightly breaks some laws, by their names.
        laws: which laws to check.
        examples: situations that are looked at too, before all others.

    Raises:
        LawBroken: a law does not hold; the message draws the smallest history found.
        InvalidInput: ``except_for`` names no law.
    """
    asked, spared = _asked(policy, laws, promises, except_for)
    strategy = situations(policy, about=about, histories=histories, facts=facts)
    tally = _Tally(policy)

    def look(situation: Situation, only: Iterable[Law]) -> None:
        tally.add(situation)
        for each in only:
            try:
                each(policy, situation, promises)
            except LawBroken as broken:
                broken.looked_at = tally.situations
                raise

    for situation in examples:
        look(situation, asked)
    chosen = _without_deadline(settings)
    first = _first_broken(strategy, asked, look, chosen)
    if first is not None:
        smallest = _smallest(policy, strategy, first.law, promises, chosen)
        smallest.looked_at = first.looked_at
        raise smallest from None
    if reachability in asked:
        _reach(policy, strategy, promises, tally, chosen)
    return Checked(
        laws=tuple(each.name for each in asked),
        spared=spared,
        situations=tally.situations,
        reached=dict(tally.reached),
    )


@checked
def find_broken(
    broken: Law,
    policy: PolicyLike,
    *,
    about: object = None,
    histories: SearchStrategy[History] | None = None,
    settings: Settings | None = None,
    facts: Iterable[type[Fact]] = (),
    promises: Promises = NOTHING,
) -> LawBroken | None:
    """Return how a law is broken, on the smallest history found; None where it is not.

    Args:
        broken: which law.
        policy: a policy, or a function.
        about: as for `check_policy`.
        histories: as for `check_policy`.
        settings: as for `check_policy`.
        facts: as for `check_policy`.
        promises: as for `check_policy`.
    """
    strategy = situations(policy, about=about, histories=histories, facts=facts)
    return _search(policy, strategy, broken, promises, _without_deadline(settings))


def _asked(
    policy: PolicyLike, laws: Iterable[Law], promises: Promises, except_for: Mapping[str, str]
) -> tuple[list[Law], dict[str, str]]:
    every = list(laws)
    if unknown := sorted(set(except_for) - {each.name for each in POLICY_LAWS}):
        raise InvalidInput(f"there is no law {', '.join(unknown)}", field="except_for")
    spared = {each.name: each.spared(policy, promises) for each in every}
    spared = {name: why for name, why in spared.items() if why}
    spared |= {each.name: except_for[each.name] for each in every if each.name in except_for}
    return [each for each in every if each.name not in spared], spared


class _Tally:
    """Counts the situations that were looked at, and the outcomes that came up."""

    def __init__(self, judge: PolicyLike) -> None:
        self.judge = judge
        self.situations = 0
        self.reached: dict[str, int] = {}

    def add(self, situation: Situation) -> None:
        self.situations += 1
        try:
            outcome = judged(self.judge, situation.subject(self.judge))
        except Exception:  # noqa: BLE001 — totality says what is wrong
            return
        self.reached[outcome] = self.reached.get(outcome, 0) + 1


def _without_deadline(settings: Settings | None) -> Settings:
    """Return the user's settings; by default some under which slow examples are no error."""
    if settings is not None:
        return settings
    return Settings(deadline=None, suppress_health_check=list(HealthCheck))


def _first_broken(
    strategy: SearchStrategy[Situation],
    asked: list[Law],
    look: Callable[[Situation, Iterable[Law]], None],
    settings: Settings,
) -> LawBroken | None:
    """Return the first law that a situation breaks, without making that smaller."""
    found: list[LawBroken] = []

    @Settings(settings, phases=[Phase.reuse, Phase.generate], report_multiple_bugs=False, database=None)
    @given_hypothesis(strategy)
    def every(situation: Situation) -> None:
        try:
            look(situation, asked)
        except LawBroken as broken:
            found.append(broken)
            raise

    try:
        every()
    except (LawBroken, Flaky):  # a function that judges by chance may not break it twice
        return found[0]
    return None


def _smallest(
    policy: PolicyLike,
    strategy: SearchStrategy[Situation],
    broken: Law,
    promises: Promises,
    settings: Settings,
) -> LawBroken:
    more = Settings(settings, max_examples=settings.max_examples * _FARTHER)
    found = _search(policy, strategy, broken, promises, more)
    return found or LawBroken(broken, policy, None, Broken("it was broken once, and not again"))


def _search(
    policy: PolicyLike,
    strategy: SearchStrategy[Situation],
    broken: Law,
    promises: Promises,
    settings: Settings,
) -> LawBroken | None:
    if broken.spared(policy, promises):
        return None

    last: list[tuple[Situation, Broken]] = []

    def breaks(situation: Situation) -> bool:
        how = broken.check(policy, situation, promises)
        if how is not None:
            last[:] = [(situation, how)]
        return how is not None

    try:
        find(strategy, breaks, settings=Settings(settings, database=None))
    except NoSuchExample:
        return None
    except Flaky:  # a function that judges by chance: show where it last broke the law
        if not last:
            return None
        return LawBroken(broken, policy, *last[0])
    minimised(last[0][0], breaks)
    return LawBroken(broken, policy, *last[0])


def _reach(
    policy: PolicyLike,
    strategy: SearchStrategy[Situation],
    promises: Promises,
    tally: _Tally,
    settings: Settings,
) -> None:
    """Look longer for outcomes that have not come up.

    Raises:
        LawBroken: one does not come up in many more histories either.
    """
    farther = Settings(
        settings, max_examples=settings.max_examples * _FARTHER, phases=[Phase.generate], database=None
    )
    for outcome in outcomes_of(policy, promises):
        if outcome in tally.reached:
            continue

        def reaches(situation: Situation, outcome: str = outcome) -> bool:
            tally.add(situation)
            return outcome in tally.reached

        try:
            find(strategy, reaches, settings=farther)
        except NoSuchExample:
            found = warnings(policy) if isinstance(policy, Policy) else ()
            words = f'no history of {tally.situations:,} reaches "{outcome}"'
            verdicts = {"what may be why": "; ".join(each.words for each in found)} if found else {}
            broken = Broken(f"{words}: it is dead, or rarer than that", verdicts)
            raise LawBroken(reachability, policy, None, broken) from None
