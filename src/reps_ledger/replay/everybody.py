"""What is so of everybody through time, from columns: as arrays of times.

The vectorised twin of what ``state.derive`` says of one person after another: how everybody stands, by the
default rule, by policies and by charters, and who counts as a member.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import TypeVar

import numpy as np
from attrs import evolve, frozen

from reps_ledger.domain.time import microseconds
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.charter.eras import COUNTS, Era, asked_as_policy, definitions, standing_by
from reps_ledger.policies.language.conditions import Condition, leaves
from reps_ledger.policies.policy import Policy
from reps_ledger.replay.columns.model import MISSING, Codes, Instants, Table, Truths
from reps_ledger.replay.kernel.algebra import first_match
from reps_ledger.replay.kernel.arrays import (
    BEGINNING,
    END,
    FOREVER,
    Integers,
    Points,
    changing,
    expand_ranges,
)
from reps_ledger.replay.kernel.edges import candidates
from reps_ledger.replay.kernel.histories import Histories
from reps_ledger.replay.kernel.points import Kernel
from reps_ledger.replay.kernel.selections import flagged
from reps_ledger.replay.kernel.standing import ACTIVE, standing_by_default
from reps_ledger.replay.kernel.timelines import timelines

V = TypeVar("V", bound=Hashable)


@frozen(eq=False)
class Times:
    """Times ``[start, until)`` of people, in parallel arrays.

    Attributes:
        member: whose each is, as their place among all people.
        start: from when on, in microseconds since 1970.
        until: the first instant after it; `FOREVER` where no end is known.
        what: what was so, as a number that whoever made them knows.
    """

    member: Integers
    start: Instants
    until: Instants
    what: Integers

    def __len__(self) -> int:
        return len(self.member)

    @classmethod
    def together(cls, several: Sequence[Times]) -> Times:
        """Return all of several, by person and start; those that touch and say the same are one."""
        none = np.zeros(0, np.int64)
        member, start, until, what = (
            np.concatenate([none, *(getattr(each, name) for each in several)])
            for name in ("member", "start", "until", "what")
        )
        place = np.lexsort((start, member))
        member, start, until, what = member[place], start[place], until[place], what[place]
        new = changing(member, what)
        new[1:] |= start[1:] != until[:-1]
        first = np.flatnonzero(new)
        last = np.append(first, len(member))[1:] - 1
        return cls(member[first], start[first], until[last], what[first])

    def only(self, kept: Truths) -> Times:
        """Return those for which ``kept`` is true."""
        return Times(self.member[kept], self.start[kept], self.until[kept], self.what[kept])

    def coded(self, said: Sequence[V], values: dict[V, int]) -> Times:
        """Return the same with other numbers for what was so.

        Args:
            said: what each number of these means.
            values: the number to give to each meaning; those that have none yet get the next ones.
        """
        codes = np.array([values.setdefault(value, len(values)) for value in said], np.int64)
        return evolve(self, what=codes[self.what])

    def within(self, start: Instants | int, until: Instants | int) -> Times:
        """Return the parts that lie in times given for each, or for all."""
        first, last = np.maximum(self.start, start), np.minimum(self.until, until)
        kept = first < last
        return Times(self.member[kept], first[kept], last[kept], self.what[kept])


@frozen(eq=False)
class Said:
    """What people were said to be through time.

    Attributes:
        times: when; ``what`` is the place among ``values``.
        values: each outcome, and whether it counts as active; None where that is not asked.
    """

    times: Times
    values: tuple[tuple[str, bool | None], ...]


@frozen(eq=False)
class Everybody:
    """What is so of everybody through time.

    Attributes:
        histories: everyone's.
        eras: when which charter was in force.
    """

    histories: Histories
    eras: Sequence[Era]

    @cached_property
    def joined(self) -> Instants:
        """When each person joined; `FOREVER` for who never did."""
        return self.histories.joined

    @cached_property
    def first_seen(self) -> Instants:
        """When the first entry happened that names each person."""
        return self.first_after(BEGINNING - 1)

    def first_after(self, instant: int) -> Instants:
        """Return when, after an instant, an entry next names each person; `FOREVER` for never."""
        found = np.full(len(self.histories.columns.people) + 1, FOREVER, np.int64)  # the last is for nobody
        for member, at in self._named:
            later = at > instant
            np.minimum.at(found, member[later], at[later])
        return found[:-1]

    @cached_property
    def _named(self) -> list[tuple[Codes | Integers, Instants]]:
        """Whom entries name, and when; nobody is -1."""
        columns = self.histories.columns
        places = {person: place for place, person in enumerate(columns.people)}
        found: list[tuple[Codes | Integers, Instants]] = []
        for table in columns.tables.values():
            found += [(codes, table.at) for codes in table.persons.values()]
            described = columns.registry.named(table.name)
            assert described is not None  # noqa: S101 — every table is of a kind that is known
            for name in {*described.persons} - {*table.persons}:  # several people each
                coded = table.fields[name]
                named = [[places.get(str(p), -1) for p in _listed(value)] for value in coded.values]
                for code, people in enumerate(named):
                    at = table.at[coded.codes == code]
                    found += [(np.full(len(at), person, np.int64), at) for person in people]
        return found

    # What people did

    def last_activity(self, at: int) -> Instants:
        """Return when each person last acted, by an instant; `MISSING` for never."""
        found = np.full(len(self.histories.columns.people), MISSING, np.int64)
        acts = self.histories.acts
        past = acts.at <= at
        np.maximum.at(found, acts.member[past], acts.at[past])
        return found

    def reports(self, at: int) -> tuple[Table, Truths]:
        """Return the table of reports, and which of its rows somebody had filed by an instant."""
        table = self.histories.columns.table("report.filed")
        return table, ~flagged(table, "announced") & (table.at <= at) & (table.persons["member"] >= 0)

    def areas(self, at: int, wanted: Truths | None = None) -> tuple[Integers, list[str], Integers]:
        """Return how many reports of each person are about each area, by an instant: as parallel arrays.

        Args:
            at: the instant.
            wanted: of which people; None for all.

        Returns:
            Whose, which area, and how many reports; by person.
        """
        table, filed = self.reports(at)
        coded = table.fields["areas"]
        kept = filed & (coded.codes >= 0)
        if wanted is not None:
            kept[kept] = wanted[table.persons["member"][kept]]
        numbers: dict[str, int] = {}
        listed = [[numbers.setdefault(str(area), len(numbers)) for area in _listed(v)] for v in coded.values]
        size = np.fromiter(map(len, listed), np.int64, len(listed))
        every = np.fromiter(chain.from_iterable(listed), np.int64, int(size.sum()))
        end = np.cumsum(size)
        code = coded.codes[kept]
        report, place = expand_ranges((end - size)[code], end[code])
        member = table.persons["member"][kept].astype(np.int64)[report]
        pairs, number = np.unique(member * max(len(numbers), 1) + every[place], return_counts=True)
        member, area = np.divmod(pairs, max(len(numbers), 1))
        names = [*numbers]
        return member, [names[each] for each in area.tolist()], number

    def outcomes_at(self, policy: Policy, at: int) -> dict[str, str]:
        """Return the outcome of everybody who had joined by an instant, by name.

        Raises:
            InvalidPolicy: the policy is about communities, or asks for what columns do not hold.
        """
        if policy.of != "member":
            raise InvalidPolicy(f"{policy.name} is about communities")
        there = np.flatnonzero(self.joined <= at)
        points = Points(there, np.full(len(there), at, np.int64))
        kernel = Kernel.of_record(self.histories, policy.name, policy.outcomes)
        outcome = first_match(policy, len(points), lambda condition: kernel.holds(condition, points))
        people = self.histories.columns.people
        return {
            people[member]: policy.outcomes[code]
            for member, code in zip(there.tolist(), outcome.tolist(), strict=True)
        }

    # Who is active

    @cached_property
    def default(self) -> Times:
        """How people stand by the default rule, 1 for active: from joining on, or the first act before."""
        found = standing_by_default(self.histories)
        codes = np.array([outcome == ACTIVE for outcome in found.outcomes], np.int64)
        return Times(found.member, found.start, found.until, codes[found.outcome])

    @cached_property
    def standing(self) -> Said:
        """How people stand: by the standing policy of the charter in force, or by the default rule."""
        values: dict[tuple[str, bool | None], int] = {("inactive", False): 0, ("active", True): 1}
        parts: list[Times] = []
        for era in self.eras:
            start, end = _edges(era)
            by = standing_by(era.charter)
            if by is None:
                if era.readable:
                    parts.append(self.default.within(start, end))
                continue
            policy, active = by
            joined = np.minimum(np.maximum(self.joined, start), end)
            parts.append(self.default.within(start, joined[self.default.member]))
            for times, outcomes in self._outcomes(policy, joined, end):
                said = [(outcome, outcome in active) for outcome in outcomes]
                parts.append(times.coded(said, values))
        return Said(Times.together(parts), tuple(values))

    def outcomes(self, versions: Iterable[tuple[Era, Policy]]) -> Said:
        """Return the outcomes of everybody who joined, by the versions of one policy."""
        values: dict[tuple[str, bool | None], int] = {}
        parts: list[Times] = []
        for era, policy in versions:
            start, end = _edges(era)
            for times, outcomes in self._outcomes(policy, np.maximum(self.joined, start), end):
                parts.append(times.coded([(outcome, None) for outcome in outcomes], values))
        return Said(Times.together(parts), tuple(values))

    def counted(self) -> Iterator[tuple[str, Times]]:
        """Yield when people count as members by the definitions of charters: of each community, or of ""."""
        found: dict[str, list[Times]] = {}
        for era in self.eras:
            start, end = _edges(era)
            for community, condition in definitions(era.charter):
                concerned = self._concerned(condition)
                others = np.flatnonzero(~concerned)
                parts = self._times_of(condition, np.flatnonzero(concerned), start, end)
                if any(map(len, self._times_of(condition, others[:1], start, end))):
                    parts += self._times_of(condition, others, start, end)
                found.setdefault(community, []).extend(parts)
        for community, parts in found.items():
            yield community, Times.together(parts)

    def _concerned(self, condition: Condition) -> Truths:
        """Return who have anything in their histories that a condition asks about.

        Of all others it says the same: a community's own definition mostly is about the few who are in it.
        """
        policy = asked_as_policy(condition)
        kernel = Kernel.of_record(self.histories, policy.name, policy.outcomes)
        size = len(self.joined)
        found = np.zeros(size, bool)
        for leaf in {*leaves(condition)}:
            for moments in candidates(leaf, kernel, np.arange(size)):
                if not isinstance(moments, Points):  # it changes for everybody
                    return np.ones(size, bool)
                found[moments.member[moments.at <= END]] = True
                if found.all():
                    return found
        return found

    def _times_of(self, condition: Condition, people: Integers, start: int, until: int) -> list[Times]:
        """Return when a condition holds of some people, from an instant until one."""
        starts = np.full(len(self.joined), FOREVER, np.int64)
        starts[people] = start
        found = []
        for times, outcomes in self._outcomes(asked_as_policy(condition), starts, until):
            kept = times.only(times.what == outcomes.index(COUNTS))
            found.append(evolve(kept, what=np.zeros(len(kept), np.int64)))
        return found

    def _outcomes(
        self, policy: Policy, start: Instants, until: int
    ) -> Iterator[tuple[Times, tuple[str, ...]]]:
        """Yield a policy's outcomes from an instant of each person on, until one."""
        histories = self.histories
        there = np.flatnonzero(start < until)
        for found in timelines(
            histories.columns,
            policy,
            histories.zone,
            start=Points(there, start[there]),
            until=until,
            histories=histories,
        ):
            yield Times(found.member, found.start, found.until, found.outcome), found.outcomes


def _edges(era: Era) -> tuple[int, int]:
    return microseconds(era.start), FOREVER if era.end is None else microseconds(era.end)


def _listed(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)
