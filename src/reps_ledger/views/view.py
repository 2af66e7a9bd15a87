"""Views: what was true at an instant, as known at a position.

`View` answers questions about members and everyone; `History` is an iterable of entries at an
as-of; `as_instant` and `known_position` resolve what callers give for an as-of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, tzinfo
from functools import partial
from typing import Final, Protocol

from attrs import field, frozen

from reps_ledger.domain.arguments import checked_methods
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import ReviewOpened
from reps_ledger.domain.memo import Memo
from reps_ledger.domain.rules import Rulebook
from reps_ledger.domain.shown import shown
from reps_ledger.domain.spans import READS, RETIREMENT, folded
from reps_ledger.domain.time import day_of, instant_of, last_of_day, zone_of
from reps_ledger.errors import InvalidInput, InvalidPolicy
from reps_ledger.log.append import Receipt
from reps_ledger.log.history import Reading
from reps_ledger.policies.charter.charter import Charter
from reps_ledger.policies.language.conditions import Condition
from reps_ledger.policies.policy import Policy
from reps_ledger.policies.verdicts import Verdict
from reps_ledger.projections import (
    CensusRow,
    Discrepancy,
    OpenReview,
    Overview,
    Profile,
    RosterRow,
    Standings,
    Vouch,
    community_description,
    organisation_description,
    profile,
    project,
    reconcile,
    roster,
)
from reps_ledger.projections.census import Group, census_rows, check_dimensions, overviews_at
from reps_ledger.projections.roles import VOUCHING, standing_vouches
from reps_ledger.views.admissions import not_admitted
from reps_ledger.views.concerned import on_roster
from reps_ledger.views.counting import CensusInputs
from reps_ledger.views.docket import DocketView, make_docket
from reps_ledger.views.evaluator import PolicyEvaluator
from reps_ledger.views.explain import Explanation, explain
from reps_ledger.views.member import MemberView

_PROFILED: Final = frozenset({"member.profiled"})


def as_instant(value: date, zone: tzinfo, what: str = "valid_at") -> datetime:
    """Return the instant of an as-of; a date means the end of that day, which counts wholly."""
    if isinstance(value, datetime):
        return instant_of(value, what)
    if isinstance(value, date):
        return last_of_day(value, zone)
    raise InvalidInput(f"{what} must be a date or a datetime, not {shown(value)}", field=what)


@frozen(eq=False)
class History(Iterable[Entry]):
    """Entries in effective order, corrections applied, at an as-of; sealed texts are opened.

    Everyone's history is read again, in bounded memory, each time that it is iterated over.
    """

    _source: Callable[[], Iterable[Entry]] = field(repr=False)
    _opened: Callable[[Entry], Entry] = field(repr=False)
    valid_at: datetime
    known_at: int

    def __iter__(self) -> Iterator[Entry]:
        return (self._opened(entry) for entry in self._source() if entry.occurred_at <= self.valid_at)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All of its entries."""
        return tuple(self)


def known_position(known_at: int | Receipt | datetime | None, reading: Reading) -> int:
    """Return the position that ``known_at`` means, no later than the log's head.

    Raises:
        InvalidInput: it is neither a position, a receipt, a datetime nor None.
    """
    if known_at is None:
        return reading.known_at
    if isinstance(known_at, Receipt):
        return min(known_at.position, reading.known_at)
    if isinstance(known_at, datetime):
        return reading.position_of(instant_of(known_at, "known_at"))
    if type(known_at) is not int or known_at < 0:
        raise InvalidInput(
            f"known_at must be a position from 0, a receipt or a datetime, not {shown(known_at)}",
            field="known_at",
        )
    return min(known_at, reading.known_at)


class Answers(Protocol):
    """What answers questions about everybody, as known at one position, without reading the log again."""

    def census(
        self, instants: Iterable[datetime], by: Sequence[str], *, by_charter: bool
    ) -> tuple[CensusRow, ...]:
        """Count members by dimensions, at some instants; by the charter's definitions, or who joined."""

    def roster(self, at: datetime, role: str | None, community: str | None) -> tuple[RosterRow, ...]:
        """List who held a role, or was in a community, by name."""

    def outcomes(self, policy: Policy, at: datetime) -> Mapping[str, str]:
        """Return the outcome of everybody who had joined, by name.

        Raises:
            InvalidPolicy: this cannot answer for that policy.
        """


@checked_methods
class View:
    """What was true at ``valid_at``, as known at position ``known_at``. It never changes.

    Args:
        reading: what is known.
        valid_at: the instant.
        zone: in which dates, days, months and years are read.
        answers: returns what answers questions about everybody, quicker than reading all of the log; None
            where nothing does. Answers are the same.
    """

    def __init__(
        self,
        reading: Reading,
        valid_at: datetime,
        zone: tzinfo,
        answers: Callable[[], Answers | None] = lambda: None,
    ) -> None:
        self.reading = reading
        self.zone = zone
        self.valid_at = valid_at
        self.known_at = reading.known_at
        self._evaluator = PolicyEvaluator(reading, zone)
        self._answers = answers
        self._asked = Memo()

    def __repr__(self) -> str:
        return f"View(valid_at={self.valid_at.isoformat()}, known_at={self.known_at})"

    def day(self, instant: datetime) -> date:
        """Return the local day, in this view's zone, of any instant that the view has told.

        Values keep their instants in UTC, so that they are equal and can be stored whatever zone
        they are read in: ``view.day(holding.start)``.

        Raises:
            InvalidTime: it is no aware datetime.
        """
        return day_of(instant, self.zone)

    def member(self, member: str) -> MemberView:
        """Return a view of one person; somebody unknown has an empty history."""
        return MemberView(self._evaluator.member(member, self.valid_at), self._evaluator)

    def profile(self, member: str) -> Profile:
        """Return what is recorded of a member: fields to values; of somebody unknown, nothing.

        As ``view.member(member).profile``, without reading the rest of their history.
        """
        return self._asked.once(("profile", member), lambda: next(iter(self.profiles([member]).values())))

    def profiles(self, members: Iterable[str]) -> dict[str, Profile]:
        """Return the profiles of several members, read together, by the identifiers that merges keep."""
        found = self.reading.members(members, kinds=_PROFILED)
        return {name: project(profile(name), self._seen(entries)) for name, entries in found.items()}

    def described(self, *, community: str | None = None, organisation: str | None = None) -> Profile:
        """Return how a community or an organisation is described: fields to values.

        Raises:
            InvalidInput: neither is named, or both are.
        """
        key = "described", community, organisation
        return self._asked.once(key, lambda: self._described(community, organisation))

    def explain(
        self, member: str, about: str | None = None, *, role: str | None = None, community: str | None = None
    ) -> Explanation:
        """Explain a role, the standing, the vouches or the membership of a member.

        An explanation lists the entries behind it. For each it says who recorded it and for whom;
        the charter in force when it happened, why that charter admitted it by what was known then,
        and who may record such facts; and what corrected or retracted it since.

        Args:
            member: of whom.
            about: "role", "standing", "vouches" or "membership"; None means "role" where a role
                is named, or else "standing".
            role: which role.
            community: where; None for anywhere, or for the whole programme.

        Raises:
            InvalidInput: there is nothing of that name to explain.
        """
        return explain(
            self._evaluator, self.reading, member, self.valid_at, about, role=role, community=community
        )

    def history(self, member: str | None = None, *, community: str | None = None) -> History:
        """Return the history of a member, of a community, or of everyone.

        Also what counts for nothing as a merge made its two people one: a vouch for oneself, say.

        Raises:
            InvalidInput: both a member and a community are named.
        """
        source: Callable[[], Iterable[Entry]]
        if member is not None and community is not None:
            raise InvalidInput("name a member or a community, not both")
        if member is not None:
            source = _unchanged(self.reading.member(member, void=True)[1])
        elif community is not None:
            source = _unchanged(self.reading.community(community))
        else:
            source = partial(self.reading.everyone, void=True)
        return History(source, self.reading.log.codec.opened_entry, self.valid_at, self.known_at)

    def roster(self, *, role: str | None = None, community: str | None = None) -> tuple[RosterRow, ...]:
        """List who holds a role, or who is in a community, by name."""
        return self._asked.once(("roster", role, community), lambda: self._roster(role, community))

    def _described(self, community: str | None, organisation: str | None) -> Profile:
        if community is not None and organisation is None:
            entries = self.reading.of_kinds({"community.described"}, community=community)
            return project(community_description(community), self._seen(entries))
        if organisation is not None and community is None:
            entries = self.reading.describing(organisation)
            return project(organisation_description(organisation), self._seen(entries))
        raise InvalidInput("name a community or an organisation, and not both")

    def _seen(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        opened = self.reading.log.codec.opened_entry
        return (opened(entry) for entry in entries if entry.occurred_at <= self.valid_at)

    def _roster(self, role: str | None, community: str | None) -> tuple[RosterRow, ...]:
        if community is None and (answers := self._answers()) is not None:
            self._evaluator.charter(self.valid_at)  # which must be one that can be read
            return answers.roster(self.valid_at, role, community)
        names = on_roster(self.reading, self.valid_at, role=role, community=community)
        people, standing = self._people(names)
        retired = () if names is None else self._retired(_mentors(people) - names)
        return roster(
            people, self.valid_at, role=role, community=community, standing=standing, retired=retired
        )

    def census(
        self,
        *,
        by: str | Iterable[str] = (),
        at: Iterable[date] | None = None,
        definition: Condition | str | None = None,
    ) -> tuple[CensusRow, ...]:
        """Count members by dimensions, at this view's instant or through time.

        Args:
            by: one dimension or several, of ``reps_ledger.projections.DIMENSIONS``.
            at: instants or dates, all as known to this view.
            definition: who counts as a member: everyone for whom a condition holds; or "charter"
                for the definitions of the charter in force, of the programme and of communities.
                None for everyone who joined.

        Raises:
            InvalidInput: there is no such dimension or definition, or an instant is after
                this view's own.
        """
        names = (by,) if isinstance(by, str) else tuple(by)
        instants = [self.valid_at] if at is None else [as_instant(d, self.zone, "at") for d in at]
        if any(instant > self.valid_at for instant in instants):
            raise InvalidInput(f"this view ends at {self.valid_at.isoformat()}", field="at")
        check_dimensions(names)
        by_charter = isinstance(definition, str) and definition == "charter"
        if (definition is None or by_charter) and (answers := self._answers()) is not None:
            for instant in instants if by_charter or "standing" in names else ():
                self._evaluator.charter(instant)  # which must be one that can be read
            return answers.census(instants, names, by_charter=by_charter)
        inputs = [CensusInputs.at(self._evaluator, when, definition, names) for when in sorted(set(instants))]
        counts = [Counter[Group]() for _ in inputs]
        for dossier in self._evaluator.everyone():
            seen = overviews_at(dossier.name, dossier.entries, [each.when for each in inputs], self.zone)
            for each, groups, person in zip(inputs, counts, seen, strict=True):
                if person is not None:
                    groups.update(each.groups(person, dossier))
        return tuple(
            row for each, groups in zip(inputs, counts, strict=True) for row in census_rows(each.when, groups)
        )

    @property
    def charter(self) -> Charter | None:
        """The charter in force, as known; None without one."""
        return self._evaluator.charter(self.valid_at)

    def in_zone(self, zone: str | tzinfo) -> View:
        """Return a view of the same instant, with dates and all widths but hours read in another zone.

        Args:
            zone: an IANA name such as Europe/Paris, or a zone.

        Raises:
            InvalidTime: the zone is unknown.
        """
        return View(self.reading, self.valid_at, zone_of(zone))

    def policy(self, policy: Policy | str) -> Policy:
        """Return a policy, or the one of that name in the charter in force.

        Raises:
            NotFound: no charter in force has a policy of that name.
            InvalidPolicy: it asks for facts that this ledger does not know.
        """
        return self._evaluator.policy(policy, self.valid_at)

    def evaluate(self, policy: Policy | str, name: str) -> Verdict:
        """Evaluate a policy for one member, or for one community if it is about communities.

        Args:
            policy: a policy, or the name of one in the charter in force.
            name: whose; somebody unknown has an empty history.

        Raises:
            NotFound: no charter in force has a policy of that name.
            InvalidPolicy: it asks for facts that this ledger does not know.
        """
        return self._evaluator.evaluate(self.policy(policy), name, self.valid_at)

    def evaluate_all(
        self, policy: Policy | str, *, outcomes: Iterable[str] | None = None
    ) -> Iterator[Verdict]:
        """Yield the verdict of every member, or of every community, in order of identifier.

        In bounded memory, some hundred histories at a time. Raises as `evaluate` does.

        Args:
            policy: a policy, or the name of one in the charter in force.
            outcomes: only verdicts with one of these outcomes; None for all. Where columns tell whose these
                are, only those people's histories are read.
        """
        found = self.policy(policy)
        if outcomes is None:
            return self._evaluator.evaluate_all(found, self.valid_at)
        wanted = frozenset(outcomes)
        quick = self._outcomes(found)
        if quick is None:
            every = self._evaluator.evaluate_all(found, self.valid_at)
            return (verdict for verdict in every if verdict.outcome in wanted)
        names = [name for name, outcome in quick.items() if outcome in wanted]
        shown = self._evaluator.several(names)
        return (
            self._evaluator.verdict(found, self._evaluator.subject(dossier, self.valid_at))
            for dossier in shown
        )

    def outcomes(self, policy: Policy | str) -> dict[str, str]:
        """Return the outcome of every member, or of every community, by identifier.

        As `evaluate_all` does, without the findings. Raises as `evaluate` does.
        """
        found = self.policy(policy)
        quick = self._outcomes(found)
        if quick is not None:
            return {**quick}
        return {
            verdict.member: verdict.outcome for verdict in self._evaluator.evaluate_all(found, self.valid_at)
        }

    def _outcomes(self, policy: Policy) -> Mapping[str, str] | None:
        """Return the outcome of every member by what answers about everybody; None where nothing does."""
        answers = self._answers() if policy.of == "member" else None
        with suppress(InvalidPolicy):
            return None if answers is None else answers.outcomes(policy, self.valid_at)
        return None

    def docket(self, policy: str | None = None, *, evaluated_at: date | None = None) -> DocketView:
        """Return what is waiting: open reviews with recommendations, and outstanding notices.

        A review's policy is evaluated at the instant that the review is about, by all that this
        view knows.

        Args:
            policy: only what is under the policy of this name.
            evaluated_at: the instant at which policies are evaluated for reviews that do not record
                the one that they are about; a date means the end of that day, and None this view's
                own instant.
        """
        at = self.valid_at
        if evaluated_at is not None:
            at = as_instant(evaluated_at, self.zone, "evaluated_at")
        return self._asked.once(
            ("docket", policy, at),
            lambda: make_docket(self._evaluator, self.valid_at, policy, evaluated_at=at),
        )

    def stated_policy(self, digest: str) -> Policy | None:
        """Return the policy of a digest, or None where its document is not recorded."""
        return self._evaluator.stated(digest)

    def words_of(self, review: ReviewOpened | OpenReview) -> Policy | None:
        """Return the policy by which a review was opened, or None where it is not recorded."""
        return self._evaluator.words_of(review, self.valid_at)

    def reconcile(
        self, rules: Rulebook, *, planned: bool = False, complete_rosters: bool = False
    ) -> tuple[Discrepancy, ...]:
        """List what does not add up; see `Ledger.reconcile`.

        Args:
            rules: by which entries are judged again.
            planned: whether also what is still to come at this view's instant is judged.
            complete_rosters: as for `Ledger.reconcile`.
        """
        everyone: Iterable[Entry] = self.reading.everyone(void=True)
        if not planned:
            everyone = (entry for entry in everyone if entry.occurred_at <= self.valid_at)
        found = reconcile(
            everyone,
            self.reading.log.codec.registry,
            rules,
            self.valid_at,
            readings=self.reading.amendments().readings,
            verified={entry.fact.report for entry in self.reading.of_kinds({"report.verified"})},
            zone=self.zone,
            complete_rosters=complete_rosters,
        )
        return (*found, *not_admitted(self._evaluator, None if planned else self.valid_at))

    def is_member(self, member: str, *, community: str | None = None) -> bool:
        """Whether somebody counts as a member, of the programme or of a community.

        By the definition of the charter in force; without one, whoever joined counts.
        """
        subject = self._evaluator.member(member, self.valid_at)
        return self._evaluator.counts_as_member(subject, community)

    def vouch_graph(self) -> tuple[Vouch, ...]:
        """Return every standing vouch, by whom and for whom: the edges of the graph."""
        entries = self.reading.of_kinds(VOUCHING)
        found = standing_vouches(entry for entry in entries if entry.occurred_at <= self.valid_at)
        return tuple(sorted(found, key=lambda v: (v.voucher, v.member)))

    def _people(self, names: Iterable[str] | None) -> tuple[list[Overview], Standings | None]:
        """Return the overviews of some people, or of all for None; and how they stand by the charter.

        Args:
            names: of whom, by the identifiers that merges keep.
        """
        evaluator, at = self._evaluator, self.valid_at
        charter = evaluator.charter(at)
        standing: Standings | None = None if charter is None or charter.standing is None else {}
        people = []
        for dossier in evaluator.everyone() if names is None else evaluator.several(names):
            for person in overviews_at(dossier.name, dossier.entries, [at], self.zone):
                if person is not None:
                    people.append(person)
                    if standing is not None and person.membership.joined_at is not None:
                        _, stand = evaluator.stand(evaluator.subject(dossier, at))
                        standing[dossier.name] = stand.outcome, stand.active
        return people, standing

    def _retired(self, names: Iterable[str]) -> set[str]:
        """Return who of some people has retired."""
        found = self.reading.members(names, kinds=READS[RETIREMENT])
        seen = {name: [e for e in own if e.occurred_at <= self.valid_at] for name, own in found.items()}
        return {name for name, own in seen.items() if folded(own).retirement is not None}


def _mentors(people: Iterable[Overview]) -> set[str]:
    return {mentor for person in people for mentor in person.belonging.mentors}


def _unchanged(entries: list[Entry]) -> Callable[[], Iterable[Entry]]:
    return lambda: entries
