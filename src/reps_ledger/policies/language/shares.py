"""Measures that look beyond one member: at opportunities, totals, and bodies of members.

A body is the whole programme, or a community where the policy is about one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, tzinfo
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.shown import shown
from reps_ledger.domain.spans import joined_spans
from reps_ledger.domain.time import FIRST, LAST
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import Condition, holds, leaves
from reps_ledger.policies.language.counts import Count, Distinct, organisations, selection_of
from reps_ledger.policies.language.facts import BUILT_IN_FACTS, Facts
from reps_ledger.policies.language.measures import (
    NEAREST,
    OPERATORS,
    Number,
    NumberMeasure,
    Threshold,
    as_number,
    is_role,
)
from reps_ledger.policies.language.people import InCommunity
from reps_ledger.policies.language.phrases import a_role, named, noun, number_words, percent, quoted
from reps_ledger.policies.language.reads import Reads
from reps_ledger.policies.language.validators import is_name, is_name_or_none, of_type
from reps_ledger.policies.subject import Dossier, Found, Limit, Measured, Subject


@frozen(eq=False)
class Missed(NumberMeasure):
    """The number of opportunities that they missed in a row, up to the last one.

    Only those count that they could have taken: held after they joined, not while they were on
    leave, and, where a role is given, while they held it since they were last given it.

    Attributes:
        kind: the kind of opportunity: "vote", "meeting" …
        community: whose opportunities; None for any.
        role: which role; None for any time since they joined.
    """

    kind: str = field(validator=is_name)
    community: str | None = field(default=None, validator=is_name_or_none)
    role: str | None = field(default=None, validator=is_name_or_none)

    key = "missed"

    def reads(self) -> Reads:
        return Reads(
            facts=frozenset({"member.joined", "opportunity.held", "opportunity.taken"}),
            spans=frozenset({"leave.started", *(["role.assigned"] if self.role is not None else [])}),
            programme=True,
        )

    def words(self) -> str:
        return self.counted(2)

    def counted(self, number: int) -> str:
        return f"{self._what(number)} missed in a row{self._when()}"

    def _what(self, number: int) -> str:
        where = f" of {named(self.community)}" if self.community is not None else ""
        return f"{quoted((self.kind,))} {noun('opportunity.held', number)}{where}"

    def _when(self) -> str:
        return f" while {a_role(self.role)}" if self.role is not None else ""

    def compared(self, operator: str, threshold: str, *, denied: bool = False) -> str:
        missed = "did not miss" if denied else "missed"
        word = "fewer than" if operator == "less_than" else OPERATORS[operator]
        what = self._what(1 if threshold == "1" else 2)
        return f"they {missed} {word} {threshold} {what} in a row{self._when()}"

    def measure(self, subject: Subject) -> Measured:
        missed: list[str] = []
        taken = subject.dossier.once(("taken", self.kind), lambda: self._taken(subject.dossier))
        since = self._since(subject)
        for entry in reversed(subject.seen(self._opportunities(subject))):
            if entry.occurred_at < since or taken.get(entry.fact.opportunity, LAST) <= subject.at:
                break
            if self._could_take(entry.occurred_at, subject):
                missed.append(entry.id)
        return Measured(len(missed), tuple(reversed(missed)))

    def _taken(self, dossier: Dossier) -> dict[str, datetime]:
        """Return when they first took each opportunity of that kind."""
        found: dict[str, datetime] = {}
        for entry in dossier.own("opportunity.taken"):
            if entry.fact.kind in {None, self.kind}:
                found.setdefault(entry.fact.opportunity, entry.occurred_at)
        return found

    def _opportunities(self, subject: Subject) -> list[Entry]:
        def make() -> list[Entry]:
            return [
                entry
                for entry in subject.others.opportunities()
                if entry.fact.kind == self.kind and self.community in (None, entry.fact.community)
            ]

        return subject.others.once(("opportunities", self.kind, self.community), make)

    def _since(self, subject: Subject) -> datetime:
        """Return when they last began to hold the role: the count starts anew with it."""
        if self.role is None:
            return FIRST
        spans = [
            span
            for span in subject.dossier.spans("role.assigned")
            if span.start <= subject.at and is_role(span.entry.fact, self.role, None)
        ]
        stretches = joined_spans(spans)
        return stretches[-1][0] if stretches else FIRST

    def _could_take(self, when: datetime, subject: Subject) -> bool:
        then = subject.moved(when)
        joined = subject.dossier.joined
        if joined is None or joined.occurred_at > when or then.standing("leave.started"):
            return False
        return self.role is None or any(
            is_role(span.entry.fact, self.role, None) for span in then.standing("role.assigned")
        )

    def edges(self, subject: Subject, _: object = None) -> Iterable[datetime]:
        yield from (entry.occurred_at for entry in self._opportunities(subject))
        yield from (entry.occurred_at for entry in subject.dossier.of_kind("opportunity.taken"))
        if self.role is not None:
            yield from subject.span_edges("role.assigned")


@frozen(eq=False)
class Share(NumberMeasure):
    """A member's own count as a share of the total of a community, or of the programme.

    A threshold of 0.25 compares their own count with a quarter of the total, but with no more
    than ``at_most``: a large total is not to ask for the impossible.

    Attributes:
        own: what is counted of the member.
        of: which facts make the total, whosever they are, in the same window as ``own``.
        community: whose total; None for that of the whole programme.
        at_most: the most that the part of the total may come to, as a count; None for no cap.
    """

    own: Count | Distinct = field(validator=of_type((Count, Distinct), "a count"))
    of: Facts = field(validator=of_type(Facts, "facts(…)"))
    community: str | None = field(default=None, validator=is_name_or_none)
    at_most: int | None = field(default=None)

    key = "share"
    whole = False

    def reads(self) -> Reads:
        return Reads(everyone=True)

    def may_change(self, subject: Subject, *, more: bool) -> bool:
        within = self.own.within
        if self.own.may_change(subject, more=more) or within.is_open(subject):
            return True  # while the window is open, others may add to the total
        bounds, whole = within.bounds(subject), self._whole(subject)
        if bounds is None:
            return False
        return self.of.may_lessen(whole, bounds) if more else self.of.may_regain(whole, bounds)

    def _whole(self, subject: Subject) -> Subject:
        """Return the community, or the programme, whose total it is."""
        return subject.of(subject.others.community(self.community, self.of.kinds))

    @property
    def divides_a_total(self) -> bool:
        return True

    def reachable_limits(self, sizes: set[Fraction]) -> set[Fraction]:
        # Every part of an empty total is 0, and all parts of a large one may be the cap.
        return {Fraction(0), max(sizes)} if self.at_most is None else sizes

    def shown(self, found: Found, zone: tzinfo | None = None) -> str:
        limit = number_words(as_number(found.threshold))
        return f"{super().shown(found, zone)} of {limit} asked for"

    @at_most.validator
    def _is_cap(self, _: object, value: object) -> None:
        if value is not None and (type(value) is not int or value < 1):
            raise InvalidPolicy(f"at_most is a whole number from 1, not {shown(value, 40)}")

    def words(self) -> str:
        return self.counted(2)

    def counted(self, number: int) -> str:
        return f"{self.own.counted(number)}, as a part of all {self._all()}"

    def _all(self) -> str:
        where = f" in {named(self.community)}" if self.community is not None else ""
        return f"{self.of.words()}{where} in that time"

    def compared(self, operator: str, threshold: str, *, denied: bool = False) -> str:
        cap = f" (or {self.at_most:,}, if that is less)" if self.at_most is not None else ""
        are = "are not" if denied else "are"
        compared = f"{are} {OPERATORS[operator]} {percent(threshold)} of all {self._all()}{cap}"
        return f"their {self.own.words()} {compared}"

    def check(self, operator: str, threshold: object) -> None:
        super().check(operator, threshold)
        _must_be_part("a share", threshold)

    def _total(self, subject: Subject) -> int:
        bounds = self.own.within.bounds(subject)
        return 0 if bounds is None else self.of.number(self.of.seen(self._whole(subject), bounds))

    def measure(self, subject: Subject) -> Measured:
        return self.own.measure(subject)

    def missing(self, operator: str, threshold: Threshold, subject: Subject) -> int | None:
        if operator in {"exactly", "not exactly"}:
            return None
        own = Fraction(as_number(self.own.measure(subject).value))
        part = Fraction(str(threshold))
        # Where what they do adds to the total too, n more of theirs raise the limit by n * part:
        # own + n = part * (total + n).
        grows = part if self._is_in_total() else Fraction()
        limits = [] if self.at_most is None else [self.at_most - own]
        if grows < 1:
            limits.append((part * self._total(subject) - own) / (1 - grows))
        return min((int(NEAREST[operator](limit)) for limit in limits), default=None)

    def _is_in_total(self) -> bool:
        """Whether whatever counts as their own is part of the total as well."""
        of, own = self.of, self.own.facts
        mine = _field_values(own, ahead=getattr(self.own.within, "ahead", None) is not None)
        theirs: dict[str, set[object]] = {item.name: {*item.values} for item in of.where}
        if self.community is not None:
            community: set[object] = {self.community}
            theirs["community"] = community & theirs.get("community", community)
        # What is announced or passive is part of a total only where that asks for it by name.
        unasked = {
            item.name for item in own.where if item.name in {"announced", "passive"} and True in item.values
        }
        return (
            {*own.kinds} <= {*of.kinds}
            and unasked <= theirs.keys()
            and all(name in mine and mine[name] <= values for name, values in theirs.items())
            and {*of.who} <= {*own.who}
            and {*of.now} <= {*own.now}
            and (not of.sources or (own.sources != () and {*own.sources} <= {*of.sources}))
            and (not of.recorded_by or (own.recorded_by != () and {*own.recorded_by} <= {*of.recorded_by}))
            and of.verified in {None, own.verified}
            and (own.lasting or not of.lasting)
        )

    def limit(self, threshold: Threshold, subject: Subject) -> Limit:
        part = Fraction(str(threshold)) * self._total(subject)
        return part if self.at_most is None else min(part, Fraction(self.at_most))

    def edges(self, subject: Subject, _: object = None) -> Iterable[datetime]:
        yield from self.own.edges(subject)
        whole = self._whole(subject)
        yield from self.own.within.edges(self.of.all(whole.dossier), subject)
        yield from self.of.edges(whole)


def _must_be_part(what: str, threshold: object) -> None:
    if not (isinstance(threshold, Number) and 0 <= threshold <= 1):
        raise InvalidPolicy(f"{what} is compared with a part from 0 to 1, not {threshold}")


def _field_values(own: Facts, *, ahead: bool) -> dict[str, set[object]]:
    """Return the values that fields of the facts that count may have, where that is known."""
    found: dict[str, set[object]] = {item.name: {*item.values} for item in own.where}
    described = [BUILT_IN_FACTS.named(kind) for kind in own.kinds]
    # What is passive counts only where a filter asks for it; what is announced, also where the
    # window looks ahead.
    for name, other in (("passive", False), ("announced", ahead)):
        if all(kind is not None and name in kind.names for kind in described):
            found.setdefault(name, {False, other})
    return found


def missed(kind: str, *, community: str | None = None, role: str | None = None) -> Missed:
    """Count the opportunities of a kind that they missed in a row, up to the last one."""
    return Missed(kind, community, role)


def share(
    own: Count | Distinct, of: Facts | str, *, community: str | None = None, at_most: int | None = None
) -> Share:
    """Compare their own count with a part of everyone's total in the same window.

    ``share(reports(within=months(6)), "report.filed", at_most=20) >= 0.25``: at least a quarter
    of all reports, or 20 of them if that is less.
    """
    return Share(own, selection_of(of), community, at_most)


_is_condition = of_type(Condition, "a condition")


def members_of(among: Condition | None, subject: Subject) -> list[tuple[Subject, str]]:
    """Return who of a body's members counts, each with the id of the entry by which they joined.

    Args:
        among: a condition that must hold of them; None for all.
        subject: a community, for those who are in it; anybody else, for the whole programme.
    """
    community = subject.dossier.name if subject.dossier.is_community else None

    def find() -> list[tuple[Subject, str]]:
        found = []
        for dossier in subject.others.everyone():
            member = subject.of(dossier)
            joined = dossier.joined
            if joined is None or joined.occurred_at > subject.at:
                continue
            if community is not None and not InCommunity(community).find(member).holds:
                continue
            if among is None or holds(among, member):
                found.append((member, joined.id))
        return found

    return subject.others.once(("counted", among, community, subject.at, subject.policy), find)


def members_edges(among: Condition | None, subject: Subject) -> Iterable[datetime]:
    """Yield every instant at which `members_of` may return others."""
    for dossier in subject.others.everyone():
        member = subject.of(dossier)
        yield from (entry.occurred_at for entry in dossier.of_kind("member.joined"))
        if subject.dossier.is_community:
            yield from InCommunity().edges(member)
        if among is not None:
            for leaf in leaves(among):
                yield from leaf.edges(member)


_BODY: Final = Reads(
    facts=frozenset({"member.joined"}),
    spans=frozenset({"community.joined", "role.assigned"}),  # of who is in a community
    everyone=True,
)
"""What tells who is a member of a body."""


@frozen(eq=False)
class Members(NumberMeasure):
    """The number of members: of the programme, or of the community that the policy is about.

    Attributes:
        among: which of them count; None for all.
    """

    among: Condition | None = field(default=None, validator=_is_condition)

    key = "members"

    def reads(self) -> Reads:
        return _BODY

    def words(self) -> str:
        return self.counted(2)

    def counted(self, number: int) -> str:
        return f"{'member' if number == 1 else 'members'}{_of_whom(self.among)}"

    def compared(self, operator: str, threshold: str, *, denied: bool = False) -> str:
        number = 1 if threshold == "1" else 2
        has = "there is" if number == 1 else "there are"
        word = "fewer than" if operator == "less_than" else OPERATORS[operator]
        return f"{has}{' not' if denied else ''} {word} {threshold} {self.counted(number)}"

    def measure(self, subject: Subject) -> Measured:
        found = members_of(self.among, subject)
        return Measured(len(found), tuple([entry for _, entry in found]))

    def edges(self, subject: Subject, _: object = None) -> Iterable[datetime]:
        return members_edges(self.among, subject)


@frozen(eq=False)
class LargestShare(NumberMeasure):
    """The part of a body's members who belong to one organisation: the one with the most of them.

    It is 0 for an empty body. Whoever belongs to several organisations counts in each of them,
    whoever belongs to none counts in none.

    Attributes:
        among: which members are considered: the holders of a role, say; None for all.
    """

    among: Condition | None = field(default=None, validator=_is_condition)

    key = "largest_share"
    whole = False
    stepwise = False

    def reads(self) -> Reads:
        return _BODY | Reads(spans=frozenset({"affiliation.started"}))

    def shown(self, found: Found, zone: tzinfo | None = None) -> str:
        return f"{number_words(as_number(found.value) * 100)} %"

    def words(self) -> str:
        return f"the largest part from one organisation among members{_of_whom(self.among)}"

    def compared(self, operator: str, threshold: str, *, denied: bool = False) -> str:
        return super().compared(operator, percent(threshold), denied=denied)

    def check(self, operator: str, threshold: object) -> None:
        super().check(operator, threshold)
        _must_be_part("a part", threshold)

    def limit(self, threshold: Threshold, subject: Subject) -> Limit:
        return Fraction(str(threshold))

    def measure(self, subject: Subject) -> Measured:
        found = members_of(self.among, subject)
        counts: Counter[str] = Counter()
        for member, _ in found:
            counts.update(set(organisations(member)))
        part = Fraction(max(counts.values(), default=0), len(found)) if found else Fraction()
        return Measured(part, tuple([entry for _, entry in found]))

    def edges(self, subject: Subject, _: object = None) -> Iterable[datetime]:
        yield from members_edges(self.among, subject)
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
