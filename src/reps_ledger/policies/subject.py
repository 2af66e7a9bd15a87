"""What policies are evaluated on: a member or a community, at an instant, among everybody else."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from fractions import Fraction
from operator import attrgetter
from types import MappingProxyType
from typing import Protocol, TypeVar

from attrs import evolve, field, frozen

from reps_ledger.domain.arguments import checked
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import MemberJoined
from reps_ledger.domain.memo import Memo
from reps_ledger.domain.spans import SHARED, Span, SpanFold, folded, in_order, joined_spans
from reps_ledger.domain.time import FIRST
from reps_ledger.policies.language.widths import Width

T = TypeVar("T")

Amount = int | float | Fraction
"""A number as it is measured: exact where it is a sum or a part."""

Value = Amount | datetime | None
"""What is measured: a number; or an instant, since which time is measured; None for none."""

Limit = Amount | Width
"""With what a measured value is compared."""


class Dossier(Memo):
    """The history of one member, or of one community, indexed for conditions.

    Attributes:
        name: the member's or the community's identifier.
        is_community: whether it is a community's.
        entries: the history in effective order, corrections applied, with what is dated in the
            future.
        readings: the id of a corrected entry to that of the correction in its place.
    """

    @checked
    def __init__(
        self,
        name: str,
        entries: Iterable[Entry],
        *,
        is_community: bool = False,
        readings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.name = name
        self.is_community = is_community
        self.entries = tuple(entries)
        self.readings = readings
        self._of_kind: dict[str, list[Entry]] | None = None
        self._spans: dict[str, tuple[Span, ...]] = {}

    @property
    def _by_kind(self) -> dict[str, list[Entry]]:
        if self._of_kind is None:
            found: dict[str, list[Entry]] = {}
            for entry in self.entries:
                found.setdefault(entry.name, []).append(entry)
            self._of_kind = found  # whole, as others may ask at the same time
        return self._of_kind

    @property
    def last(self) -> datetime:
        """When the last entry happens that is known; the beginning of time where there is none."""
        return self.entries[-1].occurred_at if self.entries else FIRST

    def of_kind(self, *names: str) -> Sequence[Entry]:
        """Return the entries of these stored names, in effective order."""
        if len(names) == 1:
            return self._by_kind.get(names[0], ())
        found = [entry for name in names for entry in self._by_kind.get(name, ())]
        return sorted(found, key=lambda entry: entry.order)

    def spans(self, name: str) -> tuple[Span, ...]:
        """Return the spans that facts of that stored name began; of a member, only their own.

        Those that are as much another person's (vouches, mentors) are returned for both.
        """
        found = self._spans.get(name)
        if found is None:
            found = in_order(self._fold.of(name))
            if not self.is_community and name not in SHARED:
                found = tuple(span for span in found if span.entry.fact.member == self.name)
            self._spans[name] = found
        return found

    @property
    def _fold(self) -> SpanFold:
        return self.once("fold", lambda: folded(self.entries))

    @property
    def joined(self) -> Entry[MemberJoined] | None:
        """The entry by which they joined, or will join; None where there is none."""
        return next(iter(self.own("member.joined")), None)

    def named(self, fields: Collection[str]) -> set[str]:
        """Return the others whom some fields of these entries' facts name."""
        found = {name for entry in self.entries for field in fields for name in _names_in(entry, field)}
        return found - {self.name}

    def own(self, name: str) -> Sequence[Entry]:
        """Return the entries of that stored name whose ``member`` is this one."""
        return self.once(
            ("own", name), lambda: [entry for entry in self.of_kind(name) if entry.fact.member == self.name]
        )

    @property
    def leave(self) -> list[tuple[datetime, datetime | None]]:
        """When they were on leave: disjoint times, in order."""
        return self.once("leave", lambda: joined_spans(self.spans("leave.started")))

    @property
    def verified(self) -> Mapping[str, datetime]:
        """When their reports were first verified, by the id of the report as it reads now."""
        return self.once("verified", self._verified)

    def _verified(self) -> Mapping[str, datetime]:
        found: dict[str, datetime] = {}
        for entry in self.of_kind("report.verified"):
            report = entry.fact.report
            found.setdefault(self.readings.get(report, report), entry.occurred_at)
        return found


class SubjectContext(Protocol):
    """Everybody's histories, for the conditions that look beyond one of them."""

    def member(self, member: str) -> Dossier:
        """Return the history of a member; an empty one where nothing is known of them."""

    def everyone(self) -> Iterable[Dossier]:
        """Return the history of every member of whom anything is known."""

    def community(self, community: str | None, kinds: Sequence[str] = ()) -> Dossier:
        """Return the history of a community; or of the whole programme, for None.

        Args:
            community: which.
            kinds: the stored names that are wanted of the whole programme's history.
        """

    def opportunities(self) -> Sequence[Entry]:
        """Return every opportunity that was held, in effective order."""

    def once(self, key: object, make: Callable[[], T]) -> T:
        """Return what `make` returns, computed once for a key; see `Memo.once`."""


@frozen
class Previous:
    """A policy's previous outcome for somebody.

    Attributes:
        outcome: the outcome; empty for "there was none", whatever decisions were recorded.
        since: since when that has been the outcome.
        entries: ids of the decisions that say so, where people decided.
    """

    outcome: str
    since: datetime
    entries: tuple[str, ...] = ()

    def then(self, outcome: str, at: datetime) -> Previous:
        """Return the previous outcome for the next review, once this one had an outcome."""
        return self if outcome == self.outcome else Previous(outcome, at)


@frozen(eq=False)
class Subject:
    """A member, or a community, at an instant.

    Attributes:
        dossier: their history.
        at: the instant.
        zone: the time zone in which dates, days, months and years are read.
        others: everybody's histories.
        policy: the name of the policy that is evaluated.
        previous: the policy's previous outcome; None for that of the last recorded decision.
    """

    dossier: Dossier
    at: datetime
    zone: tzinfo
    others: SubjectContext = field(repr=False)
    policy: str = ""
    previous: Previous | None = None

    def moved(self, at: datetime) -> Subject:
        """Return the same subject at another instant."""
        return evolve(self, at=at)

    def other(self, member: str, at: datetime) -> Subject:
        """Return another member, at an instant."""
        same = member == self.dossier.name and not self.dossier.is_community
        dossier = self.dossier if same else self.others.member(member)
        return evolve(self, dossier=dossier, at=at, previous=None)

    def of(self, dossier: Dossier) -> Subject:
        """Return another member, or a community, at the same instant."""
        return evolve(self, dossier=dossier, previous=None)

    def standing(self, name: str) -> list[Span]:
        """Return the spans that facts of that stored name began, and that hold now."""
        return [span for span in self.dossier.spans(name) if span.holds(self.at)]

    def seen(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Return those of the entries, which are in effective order, that happened by the instant."""
        return entries[: bisect_right(entries, self.at, key=attrgetter("occurred_at"))]

    def last(self, entries: Sequence[Entry]) -> Entry | None:
        """Return the last of the entries, which are in effective order, that happened by the instant."""
        number = bisect_right(entries, self.at, key=attrgetter("occurred_at"))
        return entries[number - 1] if number else None

    def knows_later(self, people: Collection[str] = (), deep: int = 1, *, everybody: bool = False) -> bool:
        """Whether entries after the instant are known.

        Args:
            people: fields of this history's facts that name others whose histories count too.
            deep: how many people away: 2 for those whom the facts of these others name.
            everybody: whether everybody's histories count.
        """
        if everybody:
            return self.at < self.others.once("last known", self._last_of_everybody)
        reached, found = [self.dossier], {self.dossier.name}
        for step in range(deep + 1):
            if any(self.at < dossier.last for dossier in reached):
                return True
            if step < deep:
                named = {name for dossier in reached for name in dossier.named(people)}
                reached = [self.others.member(name) for name in sorted(named - found)]
                found |= named
        return False

    def _last_of_everybody(self) -> datetime:
        dossiers = (self.dossier, *self.others.everyone())
        held = (entry.occurred_at for entry in self.others.opportunities())
        return max((*(dossier.last for dossier in dossiers), *held))

    def span_edges(self, name: str) -> Iterable[datetime]:
        """Yield when spans that facts of that stored name began start and end."""
        for span in self.dossier.spans(name):
            yield span.start
            if span.end is not None:
                yield span.end


def _names_in(entry: Entry, field: str) -> tuple[str, ...]:
    """Return whom a field of an entry's fact names: nobody, one or several."""
    value = getattr(entry.fact, field, None)
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


@frozen
class Found:
    """Whether a leaf holds, and why.

    Attributes:
        holds: whether it holds.
        value: what was measured; None for nothing.
        threshold: with what that was compared; None for nothing.
        entries: ids of the entries that are its evidence.
    """

    holds: bool
    value: Value = None
    threshold: Limit | None = None
    entries: tuple[str, ...] = ()


@frozen
class Measured:
    """A measured value, with its evidence.

    Attributes:
        value: a number; or, for a time, the instant since which, or None.
        entries: ids of the entries that make it so.
    """

    value: Value
    entries: tuple[str, ...] = ()
