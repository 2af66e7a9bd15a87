"""What a law is: a name, a sentence, and a check of one situation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from reps_ledger.policies import Policy
from reps_ledger.testing.pasting import regression_test
from reps_ledger.testing.situations import Judge, Situation

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NOTHING", "Broken", "Law", "LawBroken", "Promises", "law", "name_of", "outcomes_of"]


def _listed(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


@frozen(kw_only=True)
class Promises:
    """What a policy promises beside the laws that all policies obey.

    Attributes:
        more: stored names of facts of which another one never makes the outcome worse.
        absence: whether another month without anything never makes it better.
        keeps: grandfathering: whoever joined before the date never comes to an outcome worse
            than this one.
        outcomes: from best to worst, for a function that judges; a policy knows its own.
    """

    more: tuple[str, ...] = field(default=(), converter=_listed)
    absence: bool = False
    keeps: tuple[date, str] | None = None
    outcomes: tuple[str, ...] = field(default=(), converter=_listed)


NOTHING: Final = Promises()


@frozen
class Broken:
    """How a law is broken.

    Attributes:
        words: in a sentence.
        verdicts: what was compared, by what it is.
    """

    words: str
    verdicts: Mapping[str, str] = field(factory=lambda: MappingProxyType({}))


class LawBroken(AssertionError):
    """A law does not hold; the message draws the smallest history on which it does not.

    Attributes:
        law: which.
        judge: what broke it.
        situation: on what; None where no history is to blame.
        broken: how.
        looked_at: how many situations were looked at before one broke it; 0 where nobody counted.
    """

    looked_at: int = 0

    def __init__(self, law: Law, judge: Judge, situation: Situation | None, broken: Broken) -> None:
        self.law = law
        self.judge = judge
        self.situation = situation
        self.broken = broken
        super().__init__("\n".join(self._lines()))

    def _lines(self) -> Iterable[str]:
        yield f"{name_of(self.judge)} breaks {self.law.name}: {self.broken.words}"
        yield f"The law: {self.law.says}"
        if self.situation is not None:
            yield ""
            yield self.situation.timeline()
        for what, words in self.broken.verdicts.items():
            yield ""
            yield f"{what}: {words}"
        if self.situation is not None:
            yield ""
            yield "To keep it as a test:"
            yield ""
            yield self.regression_test()

    def regression_test(self) -> str:
        """Return a test of this, ready to paste; `policy` is to be imported into it."""
        code = "" if self.situation is None else self.situation.code()
        call = f"{self.law.name}(policy, situation)"
        return regression_test(self.law.name, self.law.says, name_of(self.judge), code, call)


Check = Callable[[Judge, Situation, Promises], Broken | None]


@frozen(eq=False)
class Law:
    """A law that every policy must obey, or every one that promises it.

    Called with a policy and a situation it raises `LawBroken` where the law does not hold there.

    Attributes:
        name: its name.
        says: it, in one sentence.
        check: looks at one situation.
        spared: says why it is not asked of a policy; empty where it is.
    """

    name: str
    says: str
    check: Check = field(repr=False)
    spared: Callable[[Judge, Promises], str] = field(repr=False)

    def __call__(self, judge: Judge, situation: Situation, promises: Promises = NOTHING) -> None:
        """Ask it of one situation.

        Raises:
            LawBroken: it does not hold there.
        """
        broken = self.check(judge, situation, promises)
        if broken is not None:
            raise LawBroken(self, judge, situation, broken)

    def __str__(self) -> str:
        return self.name


def law(
    says: str, spared: Callable[[Judge, Promises], str] = lambda _judge, _promises: ""
) -> Callable[[Check], Law]:
    """Make a law of a function that looks at one situation; the law has the function's name."""

    def make(check: Check) -> Law:
        return Law(check.__name__, says, check, spared)

    return make


def name_of(judge: Judge) -> str:
    """Return what a policy, or a function, is called."""
    if isinstance(judge, Policy):
        return judge.name
    return str(getattr(judge, "__name__", judge))


def outcomes_of(judge: Judge, promises: Promises) -> tuple[str, ...]:
    """Return the outcomes from best to worst; none where that is not known."""
    if promises.outcomes:
        return promises.outcomes
    return judge.outcomes if isinstance(judge, Policy) else ()
