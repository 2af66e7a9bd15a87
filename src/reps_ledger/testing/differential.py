"""Differential testing: the smallest history on which two policies differ."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen
from hypothesis import HealthCheck, find
from hypothesis import settings as Settings  # noqa: N812 — a class, whatever its case
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import SearchStrategy

from reps_ledger.domain.arguments import checked
from reps_ledger.domain.facts import Fact
from reps_ledger.policies import Policy
from reps_ledger.testing.history import History, regression_test
from reps_ledger.testing.laws.laws import name_of
from reps_ledger.testing.situations import PolicyLike, Situation, judged, minimised, situations, words_of


@frozen(kw_only=True)
class Disagreement:
    """A situation in which two policies have different outcomes. Printed, it is a timeline.

    Attributes:
        one: the first policy, or function.
        other: the second.
        situation: the smallest found.
        outcomes: the outcome of each.
    """

    one: PolicyLike
    other: PolicyLike
    situation: Situation
    outcomes: tuple[str, str]

    def __str__(self) -> str:
        first, second = (
            f"{_called(judge)}: {words_of(judge, self.situation.subject(judge))}"
            for judge in (self.one, self.other)
        )
        return f"{self.situation.timeline()}\n\n{first}\n\n{second}"

    def regression_test(self) -> str:
        """Return the code of a test of each one's outcome there, ready to paste."""
        calls = "\n    ".join(
            f'assert judged({name}, situation.subject({name})) == "{outcome}"'
            for name, outcome in zip(("before", "after"), self.outcomes, strict=True)
        )
        return regression_test(
            "difference",
            f"{_called(self.one)} and {_called(self.other)} differ here.",
            name_of(self.one),
            self.situation.code(),
            calls,
        )


class Disagreed(AssertionError):
    """Two policies that should agree do not.

    Attributes:
        disagreement: the situation in which they do not.
    """

    def __init__(self, disagreement: Disagreement) -> None:
        self.disagreement = disagreement
        names = f"{_called(disagreement.one)} and {_called(disagreement.other)}"
        super().__init__(
            f"{names} differ:\n\n{disagreement}\n\nTo keep it as a test:\n\n{disagreement.regression_test()}"
        )


@checked
def find_disagreement(
    one: PolicyLike,
    other: PolicyLike,
    *,
    about: object = None,
    histories: SearchStrategy[History] | None = None,
    settings: Settings | None = None,
    facts: Iterable[type[Fact]] = (),
) -> Disagreement | None:
    """Return the smallest situation in which two policies differ; None where none was found.

    It says what exactly an amendment changes, and whether a rewrite changes nothing.

    Args:
        one: a policy; or any function of a `Subject` that returns an outcome.
        other: another.
        about: what reads the facts that come in histories; by default the policies.
        histories: on which histories; by default legal ones mostly.
        settings: Hypothesis's; by default 2,000 situations are looked at.
        facts: the service's own kinds of fact.
    """
    policies = tuple(each for each in (one, other) if isinstance(each, Policy))
    judge = policies[0] if policies else None
    value = about if about is not None else (policies or None)
    strategy = situations(judge, about=value, histories=histories, facts=facts)

    def differ(situation: Situation) -> bool:
        first, second = (judged(each, situation.subject(each)) for each in (one, other))
        return first != second

    chosen = settings or Settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))
    try:
        found = find(strategy, differ, settings=Settings(chosen, database=None))
    except NoSuchExample:
        return None
    found = minimised(found, differ)
    first, second = (judged(each, found.subject(each)) for each in (one, other))
    return Disagreement(one=one, other=other, situation=found, outcomes=(first, second))


@checked
def assert_agree(
    one: PolicyLike,
    other: PolicyLike,
    *,
    about: object = None,
    histories: SearchStrategy[History] | None = None,
    settings: Settings | None = None,
    facts: Iterable[type[Fact]] = (),
) -> None:
    """Check that two policies agree wherever `find_disagreement` looks; arguments as there.

    Raises:
        Disagreed: they do not; the message draws where.
    """
    found = find_disagreement(one, other, about=about, histories=histories, settings=settings, facts=facts)
    if found is not None:
        raise Disagreed(found)


def _called(judge: PolicyLike) -> str:
    return f"{judge.name} {judge.version}" if isinstance(judge, Policy) else name_of(judge)
