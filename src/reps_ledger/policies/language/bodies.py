"""Measures of a body: how many it has, and how much of it one organisation is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.belonging import InCommunity
from reps_ledger.policies.language.checks import of_type
from reps_ledger.policies.language.conditions import Condition, holds, leaves
from reps_ledger.policies.language.counts import organisations
from reps_ledger.policies.language.measures import OPERATORS, NumberMeasure
from reps_ledger.policies.language.nouns import percent
from reps_ledger.policies.subject import Measured

if TYPE_CHECKING:
    from reps_ledger.policies.subject import Subject

__all__ = ["LargestShare", "Members", "largest_share", "members"]

_is_condition = of_type(Condition, "a condition")


def counted(among: Condition | None, subject: Subject) -> list[tuple[Subject, str]]:
    """Return the members who are meant, each with the entry by which they joined.

    Of a community, those who are in it.
    """
    community = subject.dossier.name if subject.dossier.is_community else None

    def find() -> list[tuple[Subject, str]]:
        found = []
        for dossier in subject.others.everyone():
            one = subject.of(dossier)
            joined = dossier.joined
            if joined is None or joined.occurred_at > subject.at:
                continue
            if community is not None and not InCommunity(community).find(one).holds:
                continue
            if among is None or holds(among, one):
                found.append((one, joined.id))
        return found

    return subject.others.once(("counted", among, community, subject.at, subject.policy), find)


def counted_edges(among: Condition | None, subject: Subject) -> Iterable[datetime]:
    """Yield every instant at which others may be meant."""
    for dossier in subject.others.everyone():
        one = subject.of(dossier)
        yield from (entry.occurred_at for entry in dossier.of_kind("member.joined"))
        if subject.dossier.is_community:
            yield from InCommunity().edges(one)  # whichever it is
        if among is not None:
            for leaf in leaves(among):
                yield from leaf.edges(one)


@frozen(eq=False)
class Members(NumberMeasure):
    """How many members there are; of a community, how many are in it.

    Attributes:
        among: which of them count; None for all.
    """

    among: Condition | None = field(default=None, validator=_is_condition)

    def words(self) -> str:
        return self.counted(2)

    def counted(self, number: int) -> str:
        """Say what is counted, in the singular where there is one."""
        return f"{'member' if number == 1 else 'members'}{_of_whom(self.among)}"

    def compared(self, operator: str, threshold: str, *, denied: bool = False) -> str:
        number = 1 if threshold == "1" else 2
        has = "there is" if number == 1 else "there are"
        word = "fewer than" if operator == "less_than" else OPERATORS[operator]
        return f"{has}{' not' if denied else ''} {word} {threshold} {self.counted(number)}"

    def measure(self, subject: Subject) -> Measured:
        found = counted(self.among, subject)
        return Measured(len(found), tuple([entry for _, entry in found]))

    def edges(self, subject: Subject, _: object = None) -> Iterable[datetime]:
        return counted_edges(self.among, subject)


@frozen(eq=False)
class LargestShare(NumberMeasure):
    """The part of a body's members who belong to its largest organisation; 0 of an empty body.

    Who belongs to several counts in each of them; who belongs to none, in none.

    Attributes:
        among: who makes the body: the holders of a role, say; None for all members.
    """

    among: Condition | None = field(default=None, validator=_is_condition)

    whole = False
    stepwise = False

    def words(self) -> str:
        return f"the largest part from one organisation among members{_of_whom(self.among)}"

    def compared(self, operator: str, threshold: str, *, denied: bool = False) -> str:
        return super().compared(operator, percent(threshold), denied=denied)

    def check(self, operator: str, threshold: object) -> None:
        super().check(operator, threshold)
        if not 0 <= threshold <= 1:  # type: ignore[operator]  # it is a number by now
            raise InvalidPolicy(f"a part is compared with a part from 0 to 1, not {threshold}")

    def limit(self, threshold: Any, subject: Subject) -> Any:
        return Fraction(str(threshold))

    def measure(self, subject: Subject) -> Measured:
        found = counted(self.among, subject)
        counts: Counter[str] = Counter()
        for one, _ in found:
            counts.update(set(organisations(one)))
        part = Fraction(max(counts.values(), default=0), len(found)) if found else Fraction()
        return Measured(part, tuple([entry for _, entry in found]))

    def edges(self, subject: Subject, _: object = None) -> Iterable[datetime]:
        yield from counted_edges(self.among, subject)
        for dossier in subject.others.everyone():
            yield from subject.of(dossier).span_edges("affiliation.started")


def _of_whom(among: Condition | None) -> str:
    return "" if among is None else f" (of whom it is so that {among.words()})"


def members(among: Condition | None = None) -> Members:
    """Count members: of a community, those in it; with a condition, those of whom it holds."""
    return Members(among)


def largest_share(among: Condition | None = None) -> LargestShare:
    """Measure the part of a body that belongs to one organisation: its largest."""
    return LargestShare(among)
